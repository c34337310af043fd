"""Loops: what is seen at a given second. A card that is revealed, and how a loop's end becomes its beginning."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from PIL import Image

from engine.renders.cards.scene import Entry, Part, Scene, lay

STAGGER_SECONDS, ENTRY_SECONDS, LEAVE_SECONDS = 0.11, 0.75, 0.45
MOVING_SHARE = 0.62  # of the loop at most; the rest it stands still
RISE = 0.035  # of the card's height
FADE_SECONDS = 0.4
TICKS = 240  # moments of a second that an average is taken of


class Loop(Protocol):
    """Something that moves for a while."""

    seconds: float
    telling: float  # the second at which all is there

    def at(self, second: float) -> Image.Image:
        """The picture at this second; the same object while nothing moves."""
        ...


def eased_out(share: float) -> float:
    """Quick first, then slower (cubic)."""
    return 1.0 - (1.0 - min(1.0, max(0.0, share))) ** 3


def eased(share: float) -> float:
    """Slow, quick, slow."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def smoothed(values: Callable[[float], Sequence[float]], second: float, seconds: float) -> list[float]:
    """What these values are around this second, on average: what jumps glides in so many seconds."""
    weights = _bell(max(1, round(seconds * TICKS)))
    first = round(second * TICKS) - len(weights) // 2
    samples = [(values((first + tick) / TICKS), weight) for tick, weight in enumerate(weights)]
    return [sum(found[index] * weight for found, weight in samples) for index in range(len(samples[0][0]))]


@cache
def _bell(count: int) -> list[float]:
    """Weights that are 1 together and least at the ends."""
    heights = [1 - math.cos(2 * math.pi * (number + 0.5) / count) for number in range(count)]
    return [height / sum(heights) for height in heights]


class Reveal:
    """The parts of a card come one after the other, stay, and leave together."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        self.seconds = seconds
        self._scene, self._still = scene, scene.still()
        last = max((part.turn for part in scene.parts), default=0)
        usual = last * STAGGER_SECONDS + ENTRY_SECONDS + LEAVE_SECONDS
        self._pace = min(1.0, MOVING_SHARE * seconds / usual)
        self.telling = (usual - LEAVE_SECONDS) * self._pace
        self._leaving = seconds - LEAVE_SECONDS * self._pace
        self._rise = scene.ground.height * RISE

    def at(self, second: float) -> Image.Image:
        """The card at this second; it begins and ends with its bare ground."""
        if self.telling <= second <= self._leaving:
            return self._still
        gone = max(0.0, second - self._leaving) / (LEAVE_SECONDS * self._pace)
        picture = self._scene.ground.copy()
        for part in self._scene.parts:
            come = (second / self._pace - part.turn * STAGGER_SECONDS) / ENTRY_SECONDS
            self._lay(picture, part, eased_out(come), eased(gone))
        return picture

    def _lay(self, picture: Image.Image, part: Part, come: float, gone: float) -> None:
        lift = -0.5 * self._rise * gone
        if part.entry in (Entry.RISE, Entry.FADE):
            down = self._rise * (1 - come) if part.entry is Entry.RISE else 0.0
            lay(picture, part.layer, part.x, part.y + down + lift, come * (1 - gone))
        elif come > 0:
            layer = _grown(part, come)
            down = part.layer.height - layer.height if part.entry is Entry.UP else 0
            lay(picture, layer, part.x, part.y + down + lift, 1 - gone)


def _grown(part: Part, share: float) -> Image.Image:
    """What is there of a part that grows."""
    width, height = part.layer.size
    if part.entry is Entry.ACROSS:
        return part.layer.crop((0, 0, max(1, round(width * share)), height))
    return part.layer.crop((0, 0, width, max(1, round(height * share))))


class Fading:
    """A loop whose end fades into its beginning."""

    def __init__(self, inner: Loop) -> None:
        self.seconds, self.telling = inner.seconds, inner.telling
        self._inner = inner
        self._fade = min(FADE_SECONDS, inner.seconds * 0.12)
        self._first = inner.at(0)

    def at(self, second: float) -> Image.Image:
        """The picture at this second."""
        share = (second - self.seconds + self._fade) / self._fade
        picture = self._inner.at(second)
        return Image.blend(picture, self._first, eased(share)) if share > 0 else picture
