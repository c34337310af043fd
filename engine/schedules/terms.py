"""What a schedule may be: every rule, and every fault told at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from engine import clock
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.names import name_faults
from engine.schedules.cron import Cron
from models.schedule import Missed, Overlap

LATEST = timedelta(days=366 * 5)


@dataclass(frozen=True)
class Wish:
    """A schedule as it was asked for; nothing of it is checked yet."""

    name: str
    target: Mapping[str, Any]
    cron: str | None = None
    time_zone: str = "UTC"
    at: datetime | None = None
    missed: str = Missed.ONCE
    overlap: str = Overlap.SKIP

    def faults(self, at_before: datetime | None = None) -> list[FieldError]:
        """What is wrong with it, but for the target. `at_before` is the moment that the schedule has already."""
        faults = [*name_faults(self.name), *self._time_faults(at_before)]
        faults += _word_faults("missed", self.missed, Missed)
        faults += _word_faults("overlap", self.overlap, Overlap)
        if self.missed == Missed.ALL and self.overlap == Overlap.SKIP:
            rule = "missed must be skip or once where overlap is skip: the runs to make up for would be skipped"
            faults.append(FieldError("missed", rule))
        return faults

    def next_at(self, now: datetime, at_before: datetime | None = None, next_before: datetime | None = None) -> Any:
        """When it is due first after this moment. A moment that it had already stays as it was, due or done."""
        if self.cron is not None:
            return Cron(self.cron, self.time_zone).first(now)
        return next_before if self.at == at_before else self.at

    def _time_faults(self, at_before: datetime | None) -> list[FieldError]:
        if (self.cron is None) == (self.at is None):
            rule = "cron or at must say when it starts, one of them and not both"
            return [FieldError("cron", rule)]
        try:
            Cron(self.cron if self.cron is not None else "@daily", self.time_zone)
        except InvalidInput as error:
            return error.errors
        return self._moment_faults(self.at) if self.at and self.at != at_before else []

    def _moment_faults(self, at: datetime) -> list[FieldError]:
        if at.tzinfo is None:
            return [FieldError("at", f"at must have a time zone, as in {at.isoformat()}Z")]
        now = clock.now()
        if not now < at < now + LATEST:
            return [FieldError("at", f"at must be in the future, within five years from now, not {at.isoformat()}")]
        return []


def created_by(name: str) -> str:
    """Who is told as the creator of what a schedule starts."""
    return f"{name} (schedule)"


def _word_faults(field: str, value: str, known: type[StrEnum]) -> list[FieldError]:
    if value in set(known):
        return []
    return [FieldError(field, f"{field} must be one of {', '.join(known)}, not {shown(value)}")]
