"""What callers get to see of schedules: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RunView:
    """What came of a time of a schedule; `due_at` is None for a run by hand.

    `status`, `job_outcome` and `name` are those of the job or of the workflow's run that it started, None if there is
    none, or none any more.
    """

    id: int
    schedule_id: int
    due_at: datetime | None
    started_at: datetime
    outcome: str
    reason: str | None
    job_id: int | None
    run_id: int | None
    status: str | None = None
    job_outcome: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class ScheduleView:
    """A schedule with what came of it last; `starts` and `words` say for people what it starts, and when."""

    id: int
    name: str
    target: dict[str, Any]
    starts: str
    words: str
    cron: str | None
    time_zone: str
    at: datetime | None
    missed: str
    overlap: str
    paused: bool
    next_at: datetime | None
    fault: str | None
    author: str
    created_by: str
    created_at: datetime
    last_run: RunView | None


@dataclass(frozen=True)
class SchedulePage:
    """Some of the schedules, by name, and how many match in all."""

    items: tuple[ScheduleView, ...]
    total: int
    number: int
    pages: int


@dataclass(frozen=True)
class MadeBy:
    """Which schedule started a job; its name is None once it was removed."""

    schedule_id: int
    name: str | None
    due_at: datetime | None


@dataclass(frozen=True)
class Coming:
    """When an expression comes, in words and for the next times."""

    words: str
    times: tuple[datetime, ...]
