"""When a schedule comes, in the words of people; an unusual expression stands for itself."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.schedules.cron import fields_of

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DAY_KEYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_MONTH_KEYS = tuple(month[:3].upper() for month in _MONTHS)
_TEENS = range(11, 14)


def in_words(cron: str | None, time_zone: str, at: datetime | None) -> str:
    """As in `Every weekday at 09:00, Europe/Berlin`."""
    if cron is None:
        return f"Once, {at.astimezone(ZoneInfo(time_zone)):%-d %B %Y at %H:%M}, {time_zone}" if at else "Never"
    return f"{_told(fields_of(cron)) or cron}, {time_zone}"


def _told(fields: str) -> str | None:
    minute, hour, day, month, weekday = fields.upper().split()
    days = _days(day, month, weekday)
    if days is None:
        return None
    if times := _times(minute, hour):
        return f"{days} at {_listed(times)}"
    every = _every(minute, hour)
    if every is None:
        return None
    return every if days == "Every day" else f"{every}, {days[:1].lower()}{days[1:]}"


def _times(minute: str, hour: str) -> list[str]:
    """At most four of them."""
    minutes, hours = _numbers(minute, 59), _numbers(hour, 23)
    if not minutes or not hours or len(minutes) * len(hours) > 4:
        return []
    return [f"{each:02}:{part:02}" for each in hours for part in minutes]


def _every(minute: str, hour: str) -> str | None:
    """What comes once an hour, or more often."""
    if (step := _step(minute, 60)) is not None:
        within = "" if hour == "*" else _within(hour, 0, 60 - step)
        told = "minute" if step == 1 else f"{step} minutes"
        return None if within is None else f"Every {told}{within}"
    if len(_numbers(minute, 59)) != 1:
        return None
    past = int(minute)
    if (step := _step(hour, 24)) is None:
        within = _within(hour, past, past)
        return None if within is None else f"Every hour{within}"
    told = "hour" if step == 1 else f"{step} hours"
    return f"Every {told}" if past == 0 else f"Every {told}, {past} minute{'s' * (past != 1)} past"


def _step(field: str, whole: int) -> int | None:
    """That of a star, if it comes out even."""
    star, _, told = field.partition("/")
    step = int(told) if told.isdigit() else 0 if told else 1
    return step if star == "*" and step and whole % step == 0 else None


def _within(hour: str, first: int, last: int) -> str | None:
    """The part of the day that an hour, or a range of hours, is, from a minute of the first to one of the last."""
    low, _, high = hour.partition("-")
    if not low.isdigit() or not (high or low).isdigit():
        return None
    return f" from {int(low):02}:{first:02} to {int(high or low):02}:{last:02}"


def _days(day: str, month: str, weekday: str) -> str | None:
    months = "" if month == "*" else _months(month)
    if months is None:
        return None
    if day == "*" and weekday == "*":
        return f"Every day{months}"
    if day == "*":
        told = _weekdays(weekday)
        return told and f"{told}{months}"
    if weekday != "*":
        return None
    if day == "L":
        told = "the last day"
    elif numbers := _numbers(day, 31):
        told = f"the {_listed([_ordinal(number) for number in numbers])}"
    else:
        return None
    if months and (one := _numbers(month, 12, _MONTH_KEYS, 1)) and len(one) == 1 and day != "L":
        return f"Every year on {_listed([f'{number} {_MONTHS[one[0] - 1]}' for number in numbers])}"
    return f"On {told} of {months.removeprefix(' in ')}" if months else f"On {told} of every month"


def _weekdays(weekday: str) -> str | None:
    numbers = sorted({number % 7 for number in _numbers(weekday, 7, _DAY_KEYS)})
    if numbers == [1, 2, 3, 4, 5]:
        return "Every weekday"
    if numbers == [0, 6]:
        return "Every Saturday and Sunday"
    if not numbers:
        return None
    ordered = sorted(numbers, key=lambda number: number or 7)
    return "Every day" if len(numbers) == 7 else f"Every {_listed([_DAYS[number] for number in ordered])}"


def _months(month: str) -> str | None:
    numbers = _numbers(month, 12, _MONTH_KEYS, 1)
    return f" in {_listed([_MONTHS[number - 1] for number in numbers])}" if numbers else None


def _numbers(field: str, most: int, names: Sequence[str] = (), first_name: int = 0) -> list[int]:
    """What a list of numbers, names and ranges of them stands for; none for anything else."""
    found: list[int] = []
    for part in field.split(","):
        ends = [_number(end, names, first_name) for end in part.split("-")]
        if len(ends) > 2 or None in ends:
            return []
        low, high = ends[0] or 0, ends[-1] or 0
        if high > most:
            return []
        found += range(low, high + 1)
    return sorted(set(found))


def _number(told: str, names: Sequence[str], first_name: int) -> int | None:
    if told in names:
        return names.index(told) + first_name
    return int(told) if told.isdigit() else None


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _ordinal(number: int) -> str:
    ending = "th" if number in _TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
