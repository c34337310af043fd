"""What a budget counts, in words and units that people read."""

from enum import StrEnum
from math import ceil

from models.usage import Sum

MICRO = 1_000_000


class Measure(StrEnum):
    """A budget counts one of these a day."""

    ATTEMPTS = "attempts"
    SECONDS = "seconds"
    BYTES = "bytes"
    TOKENS = "tokens"
    MONEY = "money"

    @property
    def scale(self) -> int:
        """How many of the units that are stored make one."""
        return _SCALES.get(self, 1)

    def of(self, used: Sum) -> int:
        """How much of it this is, in stored units."""
        return int(getattr(used, _COLUMNS[self]))

    def shown(self, stored: int) -> str:
        """So much in words, as "1 h 20 min", "3.4 MB", "104,210 tokens" and "4.20"."""
        match self:
            case Measure.SECONDS:
                return _span(stored / self.scale)
            case Measure.BYTES:
                return _size(stored)
            case Measure.MONEY:
                return f"{stored / self.scale:,.2f}"
        word = "job" if self is Measure.ATTEMPTS else "token"
        return f"{stored:,} {word}" if stored == 1 else f"{stored:,} {word}s"

    def number(self, stored: int) -> int | float:
        """So much as programs are told, in the measure's own unit."""
        return stored if self.scale == 1 else stored / self.scale

    def stored(self, number: float) -> int:
        """The other way round; what is less than one stored unit counts as one."""
        return ceil(round(number * self.scale, 3))


_SCALES = {Measure.SECONDS: 1000, Measure.MONEY: MICRO}
_COLUMNS = {
    Measure.ATTEMPTS: "attempts",
    Measure.SECONDS: "millis",
    Measure.BYTES: "bytes",
    Measure.TOKENS: "tokens",
    Measure.MONEY: "micros",
}


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != int(seconds) else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def _size(count: int) -> str:
    """In units of a thousand, as disks are sold."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    if unit == "bytes":
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{size:.0f} {unit}" if size >= 100 or size == int(size) else f"{size:.1f} {unit}"
