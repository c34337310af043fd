"""The home screen over the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from engine.overview import Board
from engine.statistics import Throughput as Counted
from models.states import Status


class Needs(BaseModel):
    """How many jobs need a person, and what for."""

    model_config = ConfigDict(from_attributes=True)

    approvals: int
    unknown: int = Field(description="nobody knows whether they went out")
    set_aside: int = Field(description="set aside because engines kept dying while they ran them")
    failed_lately: int = Field(description="failed in the last 24 hours, and neither retried nor dismissed since")


class Slot(BaseModel):
    """How many attempts ended from `start` on, until the next slot begins."""

    model_config = ConfigDict(from_attributes=True)

    start: datetime
    completed: int
    failed: int


class Throughput(BaseModel):
    """Attempts that ended."""

    span: str = Field(examples=["day"])
    is_complete: bool = Field(description="false while what ended before the start of this process is still counted")
    completed: int
    failed: int
    failure_rate: float | None = Field(description="0 to 1; null if nothing ended")
    slots: list[Slot]

    @classmethod
    def of(cls, span: str, counted: Counted) -> "Throughput":
        """What was counted as programs see it."""
        ended = counted.completed + counted.failed
        return cls(
            span=span,
            is_complete=counted.is_complete,
            completed=counted.completed,
            failed=counted.failed,
            failure_rate=counted.failed / ended if ended else None,
            slots=[Slot.model_validate(slot) for slot in counted.slots],
        )


class Cause(BaseModel):
    """Failed jobs of one type that failed alike."""

    model_config = ConfigDict(from_attributes=True)

    type: str
    cause: str
    jobs: int
    retryable: int = Field(description="without those of which nobody knows whether they went out")
    since: datetime
    last_at: datetime
    newest_id: int


class Waiting(BaseModel):
    """A queued job, and why it does not run yet."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    type: str
    name: str
    created_at: datetime
    waiting_for: str | None


class EngineAtWork(BaseModel):
    """Who executes jobs."""

    online: bool
    online_since: datetime | None
    last_beat_at: datetime | None
    running: int
    concurrency: int
    engines: int
    workers: int
    poll_seconds: float


class Dashboard(BaseModel):
    """Every number of the home screen."""

    needs: Needs
    statuses: dict[str, int]
    throughput: Throughput
    causes: list[Cause] = Field(description="the ten largest groups of failures")
    oldest_waiting: list[Waiting]
    engine: EngineAtWork

    @classmethod
    def of(cls, board: Board, span: str, counted: Counted) -> "Dashboard":
        """The board as programs see it."""
        state = board.engine
        engine = EngineAtWork(
            online=state.online,
            online_since=board.online_since,
            last_beat_at=state.last_beat_at,
            running=state.running,
            concurrency=state.concurrency,
            engines=state.engines,
            workers=state.workers,
            poll_seconds=state.poll_seconds,
        )
        return cls(
            needs=Needs.model_validate(board.needs),
            statuses={status.value: board.statuses[status] for status in Status},
            throughput=Throughput.of(span, counted),
            causes=[Cause.model_validate(cause) for cause in board.causes],
            oldest_waiting=[Waiting.model_validate(job) for job in board.oldest],
            engine=engine,
        )
