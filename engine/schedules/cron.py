"""When a cron expression comes in a time zone, right also on the days when the clocks change.

The rules are those of Debian's cron. An expression whose minute and hour are both told (neither begins with a star) is
about the clock on the wall: a time that the change leaves out comes once, right after it, and one that comes twice
counts once, the first time. Any other one is about time as it passes: what is left out is left out, and what comes
twice counts twice.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from engine.errors import FieldError, InvalidInput
from engine.faults import shown

MAX_LENGTH = 100
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}
_ALONE = re.compile(r"(?<![\w*-])(\w+)-\1/\d+")  # a range of one with a step is that one
_ODD_FILES = {"localtime", "Factory", "posixrules"}
_STRIDE = timedelta(days=1)  # no zone changes its clocks twice a day
_NAIVE = UTC  # wall clocks are reckoned with as if they were in UTC, where every minute comes once


class Cron:
    """An expression in a zone.

    Raises:
        InvalidInput: the expression or the zone breaks a rule, or the expression never comes; fields are `cron` and
            `time_zone`.
    """

    def __init__(self, expression: str, time_zone: str = "UTC") -> None:
        if faults := [*_zone_faults(time_zone), *_cron_faults(expression)]:
            raise InvalidInput(faults)
        self._fields = fields_of(expression)
        self._zone = ZoneInfo(time_zone)
        minute, hour = self._fields.split()[:2]
        self._is_of_the_wall = not (minute.startswith("*") or hour.startswith("*"))

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The moments at which it comes after this one, in UTC."""
        while True:
            found = self._first(moment)
            if found is None:
                return
            yield (moment := found)

    def first(self, moment: datetime) -> datetime | None:
        """The first moment after this one; None if there is none within fifty years."""
        return next(self.after(moment), None)

    def next(self, moment: datetime, count: int) -> list[datetime]:
        """The next so many moments after this one."""
        return list(islice(self.after(moment), count))

    def between(self, moment: datetime, end: datetime) -> Iterator[datetime]:
        """The moments after the one up to the other, which counts."""
        return takewhile(lambda each: each <= end, self.after(moment))

    def _first(self, moment: datetime) -> datetime | None:
        return self._on_the_wall(moment) if self._is_of_the_wall else self._as_time_passes(moment)

    def _on_the_wall(self, moment: datetime) -> datetime | None:
        """Begins early enough that a time which a change has just left out is among those looked at."""
        left_out = _offset(moment, self._zone) - _offset(moment - _STRIDE, self._zone)
        start = _wall(moment, self._zone) - max(left_out, timedelta())
        comes = (_of_the_wall(wall, self._zone) for wall in _matches(self._fields, start))
        return next((each for each in comes if each > moment), None)

    def _as_time_passes(self, moment: datetime) -> datetime | None:
        """Goes from one change of the clocks to the next: between them the wall shows time as it passes."""
        wall = next(_matches(self._fields, _wall(moment, self._zone)), None)
        while wall is not None:
            comes = wall - _offset(moment, self._zone)
            moment = _first_change(moment, comes, self._zone) or comes
            if moment == comes and _wall(moment, self._zone) == wall:
                return comes
            before = _wall(moment, self._zone) - timedelta(seconds=1)  # the moment of the change counts
            wall = next(_matches(self._fields, before), None)
        return None


def fields_of(expression: str) -> str:
    """The five fields, also of a shorthand such as @daily."""
    told = " ".join(expression.split())
    return _ALONE.sub(r"\1", SHORTHANDS.get(told.lower(), told))


@cache
def time_zones() -> frozenset[str]:
    """The names of every zone that is known here."""
    return frozenset(available_timezones() - _ODD_FILES)


def _matches(fields: str, after: datetime) -> Iterator[datetime]:
    """The wall's times after this one, told as if they were in UTC."""
    return iter(CronSim(fields, after))


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=_NAIVE)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _of_the_wall(wall: datetime, zone: tzinfo) -> datetime:
    """When the wall first shows this time; one that it never shows comes when it skips it."""
    before = wall - (wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta())
    after = wall - (wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta())
    if after >= before:  # it is shown once, or twice
        return before
    return _first_change(after, before, zone) or before


def _first_change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """The first moment after `start`, up to `end`, from which the clocks are set otherwise."""
    offset = _offset(start, zone)
    while start < end:
        until = min(start + _STRIDE, end)
        if _offset(until, zone) != offset:
            return _bisected(start, until, zone)
        start = until
    return None


def _bisected(start: datetime, end: datetime, zone: tzinfo) -> datetime:
    """Clocks change at whole seconds."""
    offset = _offset(start, zone)
    low, high = int(start.timestamp()), -int(-end.timestamp() // 1)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), zone) == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _zone_faults(name: str) -> list[FieldError]:
    if name in time_zones():
        return []
    return [FieldError("time_zone", f"time_zone must be a zone such as Europe/Berlin or UTC, not {shown(name)}")]


def _cron_faults(expression: str) -> list[FieldError]:
    if len(expression) > MAX_LENGTH:
        return [FieldError("cron", f"cron must have at most {MAX_LENGTH} characters, not {len(expression):,}")]
    fields = fields_of(expression)
    if len(fields.split()) != len(_FIELDS):
        rule = "cron must have five fields (minute, hour, day, month, weekday) or be one of"
        known = ", ".join(["@hourly", "@daily", "@weekly", "@monthly"])
        return [FieldError("cron", f"{rule} {known}, not {shown(expression)}")]
    try:
        comes = next(_matches(fields, datetime(2024, 1, 1, tzinfo=_NAIVE)), None)
    except CronSimError as error:
        return [_named(str(error).removeprefix("Bad "), fields)]
    if comes is None:
        return [FieldError("cron", f"cron must come some day, and {shown(expression)} never does")]
    return []


def _named(field: str, fields: str) -> FieldError:
    told = dict(zip(_FIELDS, fields.split(), strict=True)).get(field, fields)
    allowed = _FIELDS.get(field, "")
    rule = f"cron's {field.replace('-', ' ')} must be made of {allowed}, as *, a list, a range or with a step"
    return FieldError("cron", f"{rule}, not {shown(told)}")
