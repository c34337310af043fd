"""When what is limited may go out, reckoned without a database.

Each way has three clocks. Turns are planned one after the other, as the generic cell rate algorithm spaces them, so
that each job knows its time. What really goes out moves a clock of its own, which has the last word: an engine that was
away, or that comes late, lets through no more than one that was always there. Who finds the way taken although their
turn has come gets the next time after that, ahead of everybody whose turn is planned later than theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.rate_limit import Clock

NONE = timedelta()
LATE = timedelta(seconds=10)
"""How late somebody may come for their turn without losing it."""


@dataclass(frozen=True)
class Rate:
    """At most `count` in any span `per`, of which at most `burst` at once."""

    count: int
    per: timedelta
    burst: int = 1

    @property
    def late(self) -> timedelta:
        """What is forgiven to late comers; of a short span less."""
        return min(LATE, self.per / 10)

    @property
    def step(self) -> timedelta:
        """From one turn to the next, so that in no span, burst and late comers included, there are more than `count`.

        In a span that does not include its end there are at most (per + tolerance) / step of them, where the tolerance
        is that of `gone`; that this is `count` makes the step.
        """
        return (self.per + self.late) / (self.count - self.burst + 1)

    @property
    def slack(self) -> timedelta:
        """How far ahead of even spacing a burst may be."""
        return self.step * (self.burst - 1)


Rates = Mapping[str, Rate]
Clocks = Mapping[str, Clock]


def plan(rates: Rates, clocks: Clocks, now: datetime) -> tuple[datetime, dict[str, Clock]]:
    """The next turn by all of these ways, and where that leaves their clocks."""
    at = now
    for way, rate in rates.items():
        clock = clocks[way]
        at = max(at, *(_before(moment, rate.slack, now) for moment in (clock.planned, clock.gone)), clock.late or now)
    # Each from its own time: others of a way need not wait as long as who waits for another way too.
    moved = {
        way: replace(clocks[way], planned=max(now, clocks[way].planned or now) + rate.step)
        for way, rate in rates.items()
    }
    return at, moved


def may_go(rates: Rates, clocks: Clocks, now: datetime) -> bool:
    """Whether one may go out by all of these ways now."""
    return all(now >= _before(clocks[way].gone, rate.slack + rate.late, now) for way, rate in rates.items())


def go(rates: Rates, clocks: Clocks, now: datetime) -> dict[str, Clock]:
    """One goes out: where that leaves the clocks."""
    return {
        way: replace(clocks[way], gone=max(now, clocks[way].gone or now) + rate.step) for way, rate in rates.items()
    }


def next_time(rates: Rates, clocks: Clocks, now: datetime) -> tuple[datetime, dict[str, Clock]]:
    """The turn of one who came for theirs and found the way taken, and where that leaves the clocks."""
    own = {
        way: max(now, _before(clocks[way].gone, rate.slack, now), clocks[way].late or now)
        for way, rate in rates.items()
    }
    late = {way: replace(clocks[way], late=own[way] + rate.step) for way, rate in rates.items()}
    return max([now, *own.values()]), late


def rescaled(gone: datetime, old: Rate, new: Rate, now: datetime) -> datetime:
    """The clock of what went out under the old rate, as if it had been the new one."""
    return now + max(NONE, gone - now) * (new.step / old.step)


def _before(moment: datetime | None, span: timedelta, now: datetime) -> datetime:
    return now if moment is None else moment - span
