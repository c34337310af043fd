"""Schedules over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.schedules.terms import Wish
from engine.schedules.views import Coming, RunView, ScheduleView

TARGET = (
    'what starts: {"job": {type, payload, priority?, name?, requires_approval?}}, '
    'or {"workflow": {name, inputs}}, of which the version runs that is current then'
)
CRON = "minute, hour, day, month and weekday, or @hourly, @daily, @weekly or @monthly; null for one that comes once"
MISSED = "of times that passed while nothing ran: skip them, start once for all of them, or start all, at most 100"
OVERLAP = "while what was started before is not over: skip the time, or queue it, which is to start anyway"
MAIL = {"job": {"type": "EMAIL_SEND", "payload": {"to": ["ada@example.org"], "subject": "Week", "body": "Text"}}}


class ScheduleRequest(BaseModel):
    """A schedule to make, or all of what it is to be from now on."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["Weekly report"])
    target: dict[str, Any] = Field(description=TARGET, examples=[MAIL])
    cron: str | None = Field(None, description=CRON, examples=["0 9 * * MON-FRI"])
    time_zone: str = Field("UTC", description="of the IANA list", examples=["Europe/Berlin"])
    at: datetime | None = Field(None, description="the moment of one that comes once; null with cron")
    missed: str = Field("once", description=MISSED)
    overlap: str = Field("skip", description=OVERLAP)

    def wish(self) -> Wish:
        """As the engine takes it."""
        return Wish(**{name: getattr(self, name) for name in type(self).model_fields})


class Run(BaseModel):
    """What came of a time of a schedule."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    due_at: datetime | None = Field(description="null for a run by hand")
    started_at: datetime
    outcome: str = Field(description="started, skipped or failed")
    reason: str | None = Field(description="why nothing was started")
    job_id: int | None
    run_id: int | None = Field(description="the run of a workflow that was started")
    status: str | None = Field(description="of the job or run, as it stands now")

    @classmethod
    def of(cls, view: RunView) -> "Run":
        """As the engine tells it."""
        return cls.model_validate(view)


class Schedule(BaseModel):
    """What starts by itself."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    target: dict[str, Any] = Field(description=TARGET)
    starts: str = Field(description="what starts, for people")
    words: str = Field(description="when it starts, for people", examples=["Every weekday at 09:00, Europe/Berlin"])
    cron: str | None
    time_zone: str
    at: datetime | None
    missed: str = Field(description=MISSED)
    overlap: str = Field(description=OVERLAP)
    paused: bool
    next_at: datetime | None = Field(description="null for one that comes no more; a paused one does not start then")
    fault: str | None = Field(description="why its latest start failed")
    created_by: str
    created_at: datetime
    last_run: Run | None

    @classmethod
    def of(cls, view: ScheduleView) -> "Schedule":
        """As the engine tells it."""
        return cls.model_validate(view)


class ScheduleList(BaseModel):
    """By name; `total` is how many match in all."""

    items: list[Schedule]
    total: int
    pages: int


class RunList(BaseModel):
    """The newest first."""

    items: list[Run]


class Started(BaseModel):
    """What was started by hand."""

    job_id: int | None = None
    run_id: int | None = None


class PreviewRequest(BaseModel):
    """When a schedule is to come."""

    model_config = ConfigDict(extra="forbid")

    cron: str = Field(description=CRON, examples=["0 9 * * MON-FRI"])
    time_zone: str = Field("UTC", examples=["Europe/Berlin"])


class Preview(BaseModel):
    """When that would be."""

    model_config = ConfigDict(from_attributes=True)

    words: str
    times: list[datetime]

    @classmethod
    def of(cls, coming: Coming) -> "Preview":
        """As the engine tells it."""
        return cls.model_validate(coming)
