"""Captions: what is said, a few words at a time, with when; and as WebVTT (www.w3.org/TR/webvtt1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.renders.lettering import Font, font, wrapped

MOST_LINES = 2
SIZE = 0.045  # of the shorter side: read from across a room, and on a phone
WIDTH = 0.8  # of the picture


class Said(Protocol):
    """What captions need of a scene."""

    @property
    def caption(self) -> str:
        """What is said while it is seen."""
        ...

    @property
    def seconds(self) -> float:
        """How long it is seen."""
        ...


@dataclass(frozen=True)
class Caption:
    """One or two lines, seen from `begin` to `end`, in seconds."""

    text: str
    begin: float
    end: float


def caption_font(size: tuple[int, int]) -> Font:
    """The font of captions in a picture of this size."""
    return font("text-bold", round(min(size) * SIZE))


def captions_of(scenes: Iterable[Said], size: tuple[int, int]) -> tuple[Caption, ...]:
    """Every scene's captions, two lines at a time, each as long as its share of the words."""
    captions: list[Caption] = []
    begin = 0.0
    for scene in scenes:
        lines = wrapped(" ".join(scene.caption.split()), caption_font(size), round(size[0] * WIDTH))
        pieces = ["\n".join(lines[i : i + MOST_LINES]) for i in range(0, len(lines), MOST_LINES)]
        captions += _timed([piece for piece in pieces if piece], begin, scene.seconds)
        begin += scene.seconds
    return tuple(captions)


def _timed(pieces: Sequence[str], begin: float, seconds: float) -> list[Caption]:
    total = sum(len(piece) for piece in pieces)
    timed = []
    for piece in pieces:
        end = begin + seconds * len(piece) / total
        timed.append(Caption(piece, begin, end))
        begin = end
    return timed


def webvtt(captions: Iterable[Caption]) -> str:
    """The captions as a file that players read."""
    cues = [f"{_moment(each.begin)} --> {_moment(each.end)}\n{_escaped(each.text)}\n" for each in captions]
    return "\n".join(["WEBVTT\n", *cues])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("-->", "--&gt;")


def _moment(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    minutes, thousandths = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"
