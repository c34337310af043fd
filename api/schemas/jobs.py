"""Jobs over the wire, named as in the contract. Times are RFC 3339 in UTC."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from engine.life import Life
from engine.submission import After
from engine.views import AttemptView, EffectView, JobView

IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[ -~]+$")]


class AfterRequest(BaseModel):
    """A job to wait for: one that is there, by its id, or one of the same batch, by its `ref`."""

    model_config = ConfigDict(extra="forbid")

    id: int | None = Field(None, ge=1, le=2**63 - 1)
    ref: str | None = Field(None, min_length=1, max_length=64, description="in a batch: another job of it")
    name: str | None = Field(
        None, examples=["render"], description="what the payload's templates call it; unset: its ref, or job_<id>"
    )
    any_outcome: bool = Field(False, description="it may also fail or be cancelled; else it has to complete")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.id is None) == (self.ref is None):
            raise ValueError("must have either id or ref")
        return self


def awaited(after: Sequence[AfterRequest]) -> tuple[After, ...]:
    """The jobs to wait for."""
    return tuple(After(each.id or 0, each.name, each.any_outcome, each.ref or "") for each in after)


class JobRequest(BaseModel):
    """A job to create."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=["EMAIL_SEND"])
    payload: dict[str, Any] = Field(
        examples=[{"to": "ada@example.org", "subject": "Numbers", "body": "Here **they** are."}]
    )
    priority: str = Field("medium", examples=["high"], description="high, medium or low")
    name: str | None = None
    run_at: AwareDatetime | None = Field(None, description="not before this moment")
    created_by: str | None = Field(
        None, min_length=1, max_length=200, description="who is told as its creator; unset: whoever asks"
    )
    requires_approval: bool = False
    after: list[AfterRequest] = Field(
        [],
        max_length=1000,
        description="jobs that must be over before it starts; texts of the payload may then speak of what they made, "
        "as in {{ jobs.render.result.url }}, of which id, status, result and error are known",
    )


class BatchJob(JobRequest):
    """A job of a batch."""

    ref: str = Field("", max_length=64, description="what other jobs of the batch call it in their `after`")
    idempotency_key: IdempotencyKey | None = Field(None, description="of this job alone")


class Batch(BaseModel):
    """Jobs to create together: all of them, or none."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[BatchJob] = Field(min_length=1, max_length=1000)


class BatchItem(BaseModel):
    """What became of one job of a batch."""

    id: int
    created: bool = Field(description="false: its idempotency key was used before, for the same job")


class BatchResult(BaseModel):
    """In the order of the batch."""

    items: list[BatchItem]


class Resolution(BaseModel):
    """A person's answer to "Did it go out?"."""

    model_config = ConfigDict(extra="forbid")

    went_out: bool
    target: str | None = Field(None, description="which of several effects; left out, the answer is for all")
    attempt: int | None = Field(None, ge=1, le=2**31 - 1, description="which attempt is meant; left out, the latest")


class ReviewLinkRequest(BaseModel):
    """Who is to decide, and for how long they may."""

    model_config = ConfigDict(extra="forbid")

    reviewer: str = Field(examples=["Ada of Acme"], description="as the job's review and the audit log call them")
    hours: float = Field(48, examples=[48], description="how long the link is good for: at most 168")


class ReviewLink(BaseModel):
    """A link just made; whoever has it decides, so send it to nobody else."""

    url: str = Field(examples=["https://jobs.example.org/review/2vJ8…"])
    expires_at: datetime


class Job(BaseModel):
    """One job."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    type: str
    category: str
    name: str
    summary: str
    status: str
    priority: str
    progress: float
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    waiting_for: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    run_at: datetime | None
    attempt: int
    max_attempts: int
    approval: str | None
    approval_reason: str | None = Field(None, description="why it needs approval")
    trusted_by: int | None = Field(None, description="the rule that approved it by itself")
    version: int = Field(1, description="counts its revisions")
    content_hash: str | None = Field(None, description="stands for what it would do; an approval holds for just that")
    undo_until: datetime | None = Field(
        None, description="until then it does not begin, and its approval may be undone"
    )
    outcome: str | None
    blocked: bool = Field(description="whether it waits for other jobs")
    run_id: int | None = Field(description="the run of a workflow that it is a step of")
    step: str | None = Field(examples=["cards.2"], description="which step; of a list, with its place from 0 on")
    allowed: list[str]

    @classmethod
    def of(cls, view: JobView) -> "Job":
        """The job as programs see it."""
        return cls.model_validate({**vars(view), "allowed": sorted(view.allowed)})


class Parent(BaseModel):
    """A job that another one waits for, or waited."""

    id: int
    name: str = Field(description="what templates call it")
    title: str
    status: str | None = Field(description="null: it was removed")
    any_outcome: bool
    met: bool


class Child(BaseModel):
    """A job that comes after another one."""

    id: int
    title: str
    status: str


class Dependencies(BaseModel):
    """Whom a job waits for, and who waits for it."""

    after: list[Parent]
    then: list[Child]

    @classmethod
    def of(cls, life: Life) -> "Dependencies":
        """As programs see them."""
        after = [Parent.model_validate({**vars(parent), "met": not parent.is_waited_for}) for parent in life.parents]
        return cls(after=after, then=[Child.model_validate(vars(child)) for child in life.children])


class JobList(BaseModel):
    """One stretch of a listing; `next_cursor` continues it, null at the end."""

    items: list[Job]
    next_cursor: str | None
    total: int


class LogLine(BaseModel):
    """A line that an attempt logged."""

    at: datetime
    text: str


class Effect(BaseModel):
    """What the job did, or may have done, to the world."""

    model_config = ConfigDict(from_attributes=True)

    target: str
    attempt: int
    phase: str
    identity: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None


class Moment(BaseModel):
    """Something that happened to a job."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    kind: str = Field(examples=["created"], description="such as created, attempt, approved, pause or cancel")
    who: str = Field(examples=["Mira"], description="empty where nobody in particular did it")
    what: str = Field(examples=["created it"])
    comment: str = Field(description="what was said, or what went wrong; mostly empty")
    attempt: int | None = Field(None, description="the number of the attempt that began then")
    when: datetime | None = Field(None, description="a time that `what` ends with")


class Attempt(BaseModel):
    """One try of a job."""

    number: int
    engine: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    phase: str
    error: str | None
    log: list[LogLine]
    effects: list[Effect]

    @classmethod
    def of(cls, view: AttemptView, effects: list[EffectView]) -> "Attempt":
        """The attempt with the effects that it began last."""
        lines = [LogLine(at=line.at, text=line.text) for line in view.log]
        own = [Effect.model_validate(effect) for effect in effects if effect.attempt == view.number]
        return cls.model_validate({**vars(view), "log": lines, "effects": own})
