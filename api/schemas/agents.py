"""Outside agents, what they claim and what they report, over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Agent(BaseModel):
    """An outside agent."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    types: list[str]
    concurrency: int
    running: int = Field(description="how many jobs it has in hand")
    online: bool
    last_seen_at: datetime
    paused: bool = Field(description="whether somebody paused it: it is given no jobs until it is resumed")


class AgentList(BaseModel):
    """Every outside agent, by name."""

    items: list[Agent]


class AgentRequest(BaseModel):
    """An agent to register."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["polyglot"])
    types: list[str] = Field(examples=[["TRANSLATE"]], description="defined job types that it does")
    concurrency: int = Field(1, description="how many jobs it has in hand at most")


class ClaimRequest(BaseModel):
    """How many jobs to take, and how long to wait for some."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(1, description="1 to 500")
    wait_seconds: float = Field(0, description="0 to 30")
    lease_seconds: float = Field(60, description="5 to 3600; renew before it is over")


class Claimed(BaseModel):
    """A job in the agent's hand."""

    model_config = ConfigDict(from_attributes=True)

    job_id: int
    type: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    lease_token: str = Field(description="goes with every report of this job")
    lease_expires_at: datetime
    time_limit_seconds: float
    idempotency_key: str | None = Field(
        description="of an irreversible job: the same at every attempt, to hand on to whoever may recognise it"
    )


class ClaimedList(BaseModel):
    """What was claimed; empty if there was nothing."""

    items: list[Claimed]
    paused: bool = Field(False, description="whether there is nothing because somebody paused the agent")


class OneReport(BaseModel):
    """What an agent tells of one job; with nothing but the lease it only renews that."""

    model_config = ConfigDict(extra="forbid")

    lease_token: str = Field(max_length=64)
    progress: float | None = Field(None, description="0 to 100, and never back")
    log: list[str] = Field([], description="up to 100 lines")
    status: str | None = Field(None, description="completed, failed, unknown or released; left out, the work goes on")
    result: dict[str, Any] | None = Field(None, description='of a completed job; "message" and "url" show on its card')
    error: str = Field("", description="why, for failed and unknown")
    retry: bool = Field(True, description="whether trying again may help, for failed")
    tokens: int | None = Field(None, description="that the attempt has used until now, in all")
    cost: float | None = Field(None, description="of the attempt until now, in the currency of your prices")
    lease_seconds: float = Field(60, description="5 to 3600")


class JobReport(BaseModel):
    """What an agent tells of one of several jobs."""

    model_config = ConfigDict(extra="forbid")

    job_id: int = Field(ge=1, le=2**63 - 1)
    lease_token: str = Field(max_length=64)
    progress: float | None = None
    log: list[str] = []
    status: str | None = None
    result: dict[str, Any] | None = None
    error: str = ""
    retry: bool = True
    tokens: int | None = None
    cost: float | None = None


class ReportRequest(BaseModel):
    """Reports of 1 to 500 jobs."""

    model_config = ConfigDict(extra="forbid")

    reports: list[JobReport]
    lease_seconds: float = 60


class Heard(BaseModel):
    """What came of a report."""

    model_config = ConfigDict(from_attributes=True)

    job_id: int
    problem: str | None = Field(description="why nothing was changed")
    is_lost: bool = Field(description="the lease is gone for good: stop working on the job")
    lease_expires_at: datetime | None
    pause_requested: bool = Field(description="somebody paused the job: release it at the next safe point")


class HeardList(BaseModel):
    """In the order of the reports."""

    items: list[Heard]
