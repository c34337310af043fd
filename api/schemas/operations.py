"""Operations and saved views over the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.views import OperationView, RefusalView, SavedViewView

Words = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
Text = Annotated[str, Field(max_length=200)]
NEEDS = "approval: it waits for it; answer: nobody knows whether it went out; set-aside: engines died of it"


class PriorityRequest(BaseModel):
    """Whether a job is claimed sooner or later."""

    model_config = ConfigDict(extra="forbid")

    priority: str = Field(examples=["high"], description="high, medium or low")


class CriteriaRequest(BaseModel):
    """Which jobs: all that match. What is left out leaves nothing out; the words are those of `GET /jobs`."""

    model_config = ConfigDict(extra="forbid")

    q: Text = ""
    types: Words = Field([], description="keys of job types, and categories")
    statuses: Words = Field([], examples=[["failed"]])
    created_by: Text = ""
    agent: Text = ""
    since: Text = Field("", examples=["day"], description="hour, day, week, month, a date or a time")
    until: Text = ""
    ended: Text = ""
    needs: Text = Field("", description=NEEDS)
    cause: Text = Field("", description="why they failed, as the Dashboard groups them")


class OperationRequest(BaseModel):
    """What is asked of which jobs: `ids` or `criteria`."""

    model_config = ConfigDict(extra="forbid")

    move: str = Field(examples=["retry"], description="cancel, pause, resume, retry, approve, run_now or prioritize")
    ids: list[int] | None = Field(None, max_length=1_000_000, examples=[[1, 2, 3]])
    criteria: CriteriaRequest | None = None
    arguments: dict[str, Any] = Field({}, examples=[{}], description='of prioritize: {"priority": "high"}')


class Operation(BaseModel):
    """A wish about many jobs. It is under way until it has a `finished_at`."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    move: str
    arguments: dict[str, Any]
    criteria: dict[str, Any] | None = Field(description="none if the jobs were named")
    actor: str
    created_at: datetime
    finished_at: datetime | None
    stop_asked: bool
    total: int
    done: int
    refused: int = Field(description="jobs that were left as they are, with a reason")
    undo_of: int | None = Field(description="the operation that this one undoes")
    undone_by: int | None
    undoable: bool = Field(description="whether it may be undone just now")

    @classmethod
    def of(cls, view: OperationView) -> "Operation":
        """As the engine tells it."""
        return cls.model_validate(view)


class Refusal(BaseModel):
    """Why some jobs were left as they are."""

    model_config = ConfigDict(from_attributes=True)

    reason: str
    jobs: int
    job_ids: list[int] = Field(description="the first few")


class OperationReport(Operation):
    """An operation with its refusals."""

    refusals: list[Refusal]

    @classmethod
    def told(cls, view: OperationView, refusals: list[RefusalView]) -> "OperationReport":
        """As the engine tells it."""
        return cls(**vars(view), refusals=[Refusal.model_validate(refusal) for refusal in refusals])


class OperationList(BaseModel):
    """Those under way first, then the newest."""

    items: list[Operation]


class ViewRequest(BaseModel):
    """A way to look at the jobs, to keep."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["Failed mails"])
    query: str = Field(examples=["type=EMAIL_SEND&status=failed"], description="of the Jobs page's address")
    shared: bool = Field(False, description="whether everybody sees it")


class View(BaseModel):
    """A saved way to look at the jobs."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    query: str
    shared: bool
    owner: str
    created_at: datetime

    @classmethod
    def of(cls, view: SavedViewView) -> "View":
        """As the engine tells it."""
        return cls.model_validate(view)


class ViewList(BaseModel):
    """One's own, then the shared ones of others."""

    items: list[View]


Form = Literal["csv", "json", "jsonl"]
