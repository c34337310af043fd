"""A workbench for render programs: their work, what they told, and films as an independent reader sees them."""

import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from engine.renders import program
from engine.renders.program import Work


@dataclass
class Bench:
    """Work in a folder of its own; `said` is what the program told."""

    folder: Path
    said: list[dict[str, Any]] = field(default_factory=list)

    def work(self, **asked: Any) -> Work:
        """This work."""
        own, made = self.folder / "own", self.folder / "made"
        own.mkdir(exist_ok=True)
        made.mkdir(exist_ok=True)
        return Work(asked, own, made, 1)

    @property
    def made(self) -> Path:
        """Where what it made is kept."""
        return self.folder / "made"

    def told(self, name: str) -> list[Any]:
        """What was told under this name, in order."""
        return [line[name] for line in self.said if name in line]


@contextmanager
def bench_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose programs tell it what they would print."""
    bench = Bench(folder)
    monkeypatch.setattr(program, "_say", bench.said.append)
    yield bench


@dataclass
class Film:
    """What PyAV reads of a film: its frames as RGB, by their time in seconds."""

    size: tuple[int, int]
    codec: str
    seconds: float
    sound_codec: str | None
    frames: list[tuple[float, Image.Image]]
    loudness: list[tuple[float, float]]

    def colour(self, second: float, x: float, y: float) -> tuple[int, int, int]:
        """The colour at this moment and place; x and y are shares of the size."""
        _, frame = min(self.frames, key=lambda timed: abs(timed[0] - second))
        red, green, blue = frame.getpixel((int(x * self.size[0]), int(y * self.size[1])))  # type: ignore[misc]
        return int(red), int(green), int(blue)

    def loud(self, begin: float, end: float) -> float:
        """How loud it is between these moments, 0 to 1."""
        heard = [level for at, level in self.loudness if begin <= at < end]
        return max(heard, default=0.0)


def film_of(file: Path) -> Film:
    """Decode all of it."""
    frames: list[tuple[float, Image.Image]] = []
    loudness: list[tuple[float, float]] = []
    container: Any
    with av.open(str(file)) as container:
        picture = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        for frame in container.decode(*([picture, sound] if sound else [picture])):
            at = float(frame.time or 0)
            if isinstance(frame, av.VideoFrame):
                seen: Any = frame
                frames.append((at, seen.to_image()))
            else:
                samples = array("f", bytes(frame.planes[0]))  # AAC is decoded to floats
                loudness.append((at, max(map(abs, samples), default=0.0)))
        return Film(
            (picture.width, picture.height),
            picture.codec_context.name,
            float(container.duration or 0) / av.time_base,
            sound.codec_context.name if sound else None,
            frames,
            loudness,
        )


def tone(file: Path, seconds: float, level: int = 20_000) -> Path:
    """A sound file of a steady buzz."""
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        period = level.to_bytes(2, "little", signed=True) * 40 + (-level).to_bytes(2, "little", signed=True) * 40
        sound.writeframes(period * int(seconds * 16_000 / 80))
    return file
