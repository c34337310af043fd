"""Who stands where at which moment of a bar race."""

from dataclasses import dataclass

from engine.renders.cards.motion import smoothed
from engine.renders.cards.table import Table

BEFORE, AFTER = 0.05, 0.22  # shares of the loop in which the first and the last step stand still
PASSING_SECONDS = 0.5  # that a bar takes to pass another


@dataclass(frozen=True)
class Standing:
    """One bar at one moment: its value, and its place, which may lie between two."""

    row: int
    value: float
    place: float


class Course:
    """A table's values between its steps; bars change places when their values cross."""

    def __init__(self, table: Table, seconds: float) -> None:
        self._table = table
        self._first, self._last = seconds * BEFORE, seconds * (1 - AFTER)
        self._passing = min(PASSING_SECONDS, seconds * 0.1)
        self._known: dict[float, list[int]] = {}

    @property
    def settled(self) -> float:
        """The second from which on nothing moves."""
        return self._last + self._passing / 2

    def position(self, second: float) -> float:
        """How many steps have gone by, with parts of a step."""
        share = (second - self._first) / (self._last - self._first)
        return min(1.0, max(0.0, share)) * (len(self._table.steps) - 1)

    def standings(self, second: float) -> list[Standing]:
        """Each bar, the last one first, so that who leads is drawn over the others."""
        values = self._values(self.position(second))
        places = smoothed(self._places, second, self._passing)
        found = [Standing(row, *told) for row, told in enumerate(zip(values, places, strict=True))]
        return sorted(found, key=lambda standing: -standing.place)

    def _values(self, position: float) -> list[float]:
        step = min(int(position), len(self._table.steps) - 2)
        share = position - step
        return [row[step] + (row[step + 1] - row[step]) * share for row in self._table.values]

    def _places(self, second: float) -> list[int]:
        """Each row's place; who is as good as another keeps the table's order."""
        position = self.position(second)
        if position not in self._known:
            values = self._values(position)
            order = sorted(range(len(values)), key=lambda row: -values[row])
            places = [0] * len(values)
            for place, row in enumerate(order):
                places[row] = place
            self._known[position] = places
        return self._known[position]
