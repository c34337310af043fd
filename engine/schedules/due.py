"""Which times of a schedule have come, and which of them start something."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.schedules.cron import Cron
from models.schedule import Missed, Schedule

GRACE = timedelta(seconds=60)  # what came later than this was missed: nothing ran when it was due
MOST_MADE_UP = 100


@dataclass(frozen=True)
class Due:
    """The times that start something, oldest first; the latest of those that were missed and start nothing, if there
    are such; and the next time.
    """

    starts: tuple[datetime, ...]
    left_out: datetime | None = None
    next_at: datetime | None = None


def due(schedule: Schedule, now: datetime) -> Due:
    """What the schedule, which is due, asks for at this moment.

    Raises:
        InvalidInput: its expression or zone is not known here.
    """
    first = schedule.next_at
    if first is None or first > now:
        return Due((), next_at=first)
    skips = schedule.missed is Missed.SKIP
    if schedule.cron is None:
        return Due((), first) if skips and now - first > GRACE else Due((first,))
    cron = Cron(schedule.cron, schedule.time_zone)
    next_at = cron.first(now)
    most = MOST_MADE_UP if schedule.missed is Missed.ALL else 1
    *before, latest = _latest(cron, first, now, most + 1)
    if skips and now - latest > GRACE:
        return Due((), latest, next_at)
    starts = (*before, latest)[-most:]
    left_out = before[-most] if len(before) >= most and schedule.missed is not Missed.ONCE else None
    return Due(starts, left_out, next_at)


def _latest(cron: Cron, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The latest times up to now, without going through a year of minutes."""
    span = timedelta(minutes=most)
    while (start := now - span) > first:
        if len(found := list(cron.between(start, now))) >= most:
            return found[-most:]
        span *= 4
    return [first, *cron.between(first, now)][-most:]
