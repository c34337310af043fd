"""Debian's cron, reckoned quarter hour by quarter hour: slow, simple, and with nothing of what is tested."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
QUARTER, MINUTE = timedelta(minutes=15), timedelta(minutes=1)  # clocks change at full quarters of an hour
NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@dataclass(frozen=True)
class Wanted:
    """An expression, and what it means."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # Sunday is 0

    @property
    def is_wild(self) -> bool:
        """Whether minute or hour begins with a star."""
        minute, hour = self.text.split()[:2]
        return minute.startswith("*") or hour.startswith("*")

    def is_on(self, day: date) -> bool:
        """Day and weekday are one of them enough, unless one begins with a star."""
        fields = self.text.split()
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if fields[2].startswith("*") or fields[4].startswith("*"):
            return day.month in self.months and of_month and of_week
        return day.month in self.months and (of_month or of_week)


@dataclass(frozen=True)
class Block:
    """A quarter of an hour as it passes, and what the wall shows when it begins."""

    at: datetime
    wall: datetime


def blocks(zone: str) -> list[Block]:
    """Two years of them, and before that an hour for the wall to be known."""
    count, place = int((END - START) / QUARTER), ZoneInfo(zone)
    moments = [START + number * QUARTER for number in range(-4, count)]
    return [Block(at, at.astimezone(place).replace(tzinfo=None)) for at in moments]


def times(wanted: Wanted, zone: list[Block]) -> list[datetime]:
    """When it runs."""
    found = _as_time_passes(wanted, zone) if wanted.is_wild else _of_the_wall(wanted, zone)
    return [at for at in found if START < at < END]


def _as_time_passes(wanted: Wanted, zone: list[Block]) -> Iterator[datetime]:
    for block in zone:
        yield from (block.at + (wall - block.wall) for wall in _within(wanted, block.wall))


def _of_the_wall(wanted: Wanted, zone: list[Block]) -> Iterator[datetime]:
    """The wall as it was shown at the latest: what it jumps over runs at once, what it shows again does not."""
    shown = zone[0].wall
    for block in zone:
        if block.wall < shown:
            continue
        jumped = False
        while shown < block.wall:
            jumped = any(_within(wanted, shown)) or jumped
            shown += QUARTER
        times = [block.at + (wall - block.wall) for wall in _within(wanted, block.wall)]
        yield from dict.fromkeys([block.at, *times] if jumped else times)
        shown += QUARTER


def _within(wanted: Wanted, start: datetime) -> Iterator[datetime]:
    if start.hour in wanted.hours and wanted.is_on(start.date()):
        for number in range(15):
            wall = start + number * MINUTE
            if wall.minute in wanted.minutes:
                yield wall


def some(chance: Random) -> Wanted:
    """A random expression, more often than not about the hours in which clocks change."""
    minute, minutes = _field(chance, range(60), 0.25)
    hour, hours = _field(chance, range(4) if chance.random() < 0.5 else range(24), 0.3, range(24))
    day, days = _field(chance, range(1, 32), 0.7)
    month, months = _field(chance, range(1, 13), 0.8)
    weekday, weekdays = _field(chance, range(7), 0.6)
    if weekday.isdigit():
        weekday = NAMES[int(weekday)]
    return Wanted(f"{minute} {hour} {day} {month} {weekday}", minutes, hours, days, months, weekdays)


def _field(chance: Random, values: range, stars: float, all_of: range | None = None) -> tuple[str, frozenset[int]]:
    whole = all_of or values
    if chance.random() < stars:
        step = chance.choice([1, 1, 2, 3, 5, 7, 20])
        return ("*" if step == 1 else f"*/{step}"), frozenset(whole[::step])
    low, high = sorted(chance.choices(values, k=2))
    match chance.randrange(4):
        case 0:
            return f"{low}-{high}", frozenset(range(low, high + 1))
        case 1:
            step = chance.choice([2, 3, 10])
            return f"{low}-{high}/{step}", frozenset(range(low, high + 1, step))
        case 2:
            return f"{high},{low}", frozenset({low, high})
        case _:
            return f"{low}", frozenset({low})
