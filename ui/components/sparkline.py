"""A day or a week at a glance: a little picture of how much was done and how much failed."""

from collections.abc import Sequence

from engine.statistics import Slot
from ui.components.node import Node

BARS = 48
HEIGHT = 24
WIDTH = 3  # of a bar with the gap behind it


class Sparkline:
    """Two outlines in one picture; it says nothing that is not told in words beside it."""

    def __init__(self) -> None:
        box = f"0 0 {BARS * WIDTH} {HEIGHT}"
        with Node("svg", "", "sparkline", viewBox=box, preserveAspectRatio="none", aria_hidden="true"):
            self._completed = Node("path", "", "spark-completed")
            self._failed = Node("path", "", "spark-failed")

    def show(self, slots: Sequence[Slot]) -> None:
        """Draw anew what differs."""
        completed, failed = outlines(slots)
        self._completed.change(d=completed)
        self._failed.change(d=failed)


def outlines(slots: Sequence[Slot]) -> tuple[str, str]:
    """The bars of what was completed, and those of what failed on top of them."""
    done, failed = grouped([slot.completed for slot in slots]), grouped([slot.failed for slot in slots])
    most = max([1, *(good + bad for good, bad in zip(done, failed, strict=True))])
    heights = [(_height(good, most), _height(bad, most)) for good, bad in zip(done, failed, strict=True)]
    return (
        "".join(_bar(place, 0, good) for place, (good, _) in enumerate(heights)),
        "".join(_bar(place, good, bad) for place, (good, bad) in enumerate(heights)),
    )


def grouped(numbers: Sequence[int]) -> list[int]:
    """As many numbers as there are bars, the last of them whole: earlier ones are left out if they do not fit."""
    each = max(1, len(numbers) // BARS)
    kept = numbers[-each * BARS :]
    return [sum(kept[first : first + each]) for first in range(0, len(kept), each)]


def _height(number: int, most: int) -> float:
    return max(1.5, (HEIGHT - 2) * number / most) if number else 0


def _bar(place: int, base: float, height: float) -> str:
    if not height:
        return ""
    return f"M{place * WIDTH} {max(0.0, HEIGHT - base - height):.1f}h{WIDTH - 1}V{HEIGHT - base:.1f}h{1 - WIDTH}z"
