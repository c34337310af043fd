"""Numbers as people say them."""

from datetime import timedelta

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def counted(number: float, one: str, many: str = "") -> str:
    """As in "1 job" and "12 jobs"."""
    return f"{number:,g} {one}" if number == 1 else f"{number:,g} {many or one + 's'}"


def size(count: int) -> str:
    """Bytes in the unit that fits; a kB is 1,000 of them."""
    value, place = float(count), 0
    while value >= 999.5 and place < len(_UNITS) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.0f} {_UNITS[place]}" if value >= 10 or not place else f"{value:.1f} {_UNITS[place]}"


def span(length: timedelta) -> str:
    """How long, in its largest unit."""
    seconds = max(0.0, length.total_seconds())
    for unit, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            return counted(int(seconds // unit), word)
    return "a moment" if seconds < 1 else counted(int(seconds), "second")
