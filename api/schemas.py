"""What goes over the wire, named as in the contract. Times are RFC 3339 in UTC."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.administration import MAX_CONCURRENCY, MAX_TIME_LIMIT_SECONDS
from engine.views import AttemptView, ChannelView, EffectView, EngineState, JobView, TypeView
from engine.webhooks import KINDS, USUAL_KINDS

IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[ -~]+$")]


class Fault(BaseModel):
    """One field at fault."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457); sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = Field(None, description="the fields at fault, for 422")
    allowed: list[str] | None = Field(None, description="the moves that the job's state allows, for 409")


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


class BatchJob(JobRequest):
    """A job of a batch."""

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


class TypePolicy(BaseModel):
    """What to change for every job of a type; what is left out stays, null takes a limit away."""

    model_config = ConfigDict(extra="forbid")

    paused: bool = False
    concurrency: int | None = Field(None, ge=1, le=MAX_CONCURRENCY)
    time_limit_seconds: float | None = Field(None, ge=1, le=MAX_TIME_LIMIT_SECONDS)


class TypeDefinition(BaseModel):
    """A job type that outside agents do the work of."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(examples=["Translate a text"])
    payload_schema: dict[str, Any] = Field(
        description="a JSON Schema (2020-12) of an object; its titles label the form's fields",
        examples=[
            {"type": "object", "properties": {"text": {"type": "string", "title": "Text"}}, "required": ["text"]}
        ],
    )
    description: str = ""
    category: str = Field("task", description="video, animation, social, document or task")
    icon: str = Field("smart_toy", description="the name of a Material icon")
    irreversible: bool = Field(description="whether what a job does cannot be taken back")
    attempts: int = Field(3, description="how often a job is tried by itself")
    time_limit_seconds: float = 3600


class NewType(TypeDefinition):
    """A job type to define."""

    type: str = Field(examples=["TRANSLATE"], description="its key, in capital letters")
    irreversible: bool = Field(False, description="whether what a job does cannot be taken back")


class Resolution(BaseModel):
    """A person's answer to "Did it go out?"."""

    model_config = ConfigDict(extra="forbid")

    went_out: bool
    target: str | None = Field(None, description="which of several effects; left out, the answer is for all")
    attempt: int | None = Field(None, ge=1, le=2**31 - 1, description="which attempt is meant; left out, the latest")


class Rejection(BaseModel):
    """Why a job is rejected."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(None, max_length=2000)


class ChannelRequest(BaseModel):
    """A channel to connect; credentials are `{access_token}` or `{handle, app_password}`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str = Field(examples=["mastodon"])
    url: str = ""
    credentials: dict[str, Any] = {}


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
    outcome: str | None
    allowed: list[str]

    @classmethod
    def of(cls, view: JobView) -> "Job":
        """The job as programs see it."""
        return cls.model_validate({**vars(view), "allowed": sorted(view.allowed)})


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


class Channel(BaseModel):
    """A channel; credentials are written, never read."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    kind: str
    url: str
    account: str | None
    fault: str | None
    tested_at: datetime | None
    created_at: datetime
    limits: dict[str, Any] | None

    @classmethod
    def of(cls, view: ChannelView) -> "Channel":
        """The channel as programs see it."""
        return cls.model_validate(view)


class ChannelList(BaseModel):
    """Every channel."""

    items: list[Channel]


class JobType(BaseModel):
    """A job type; `payload_schema` is the payload's JSON Schema."""

    type: str
    label: str
    description: str
    category: str
    icon: str
    effect: str
    attempts: int = Field(description="how often a job of this type is tried by itself")
    paused: bool
    concurrency: int | None = Field(description="at once, all engines together; null: as many as the engines run")
    time_limit_seconds: float
    running: int
    is_outside: bool = Field(description="whether outside agents do the work")
    agents: int | None = Field(description="how many outside agents that take it are online; null: it is done here")
    payload_schema: dict[str, Any]

    @classmethod
    def of(cls, view: TypeView, schema: dict[str, Any]) -> "JobType":
        """The type as programs see it."""
        return cls.model_validate({"type": view.key, "payload_schema": schema, **vars(view)})


class JobTypeList(BaseModel):
    """Every job type."""

    items: list[JobType]


class Engine(BaseModel):
    """Whether Atlas is alive, and how busy."""

    model_config = ConfigDict(from_attributes=True)

    online: bool
    fault: str | None = Field(description="what keeps the engine from its work")
    last_beat_at: datetime | None
    poll_seconds: float
    concurrency: int
    running: int
    queued: int
    engines: int = Field(description="how many are online; each claims jobs")
    workers: int = Field(description="how many are online; they execute what the engines send")

    @classmethod
    def of(cls, state: EngineState, queued: int) -> "Engine":
        """The engine as programs see it."""
        return cls.model_validate({**vars(state), "queued": queued})


class Person(BaseModel):
    """Somebody who may sign in."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    role: str
    has_password: bool = Field(description="false for whoever signs in at an identity provider")
    created_at: datetime
    sessions: int = Field(description="in how many browsers they are signed in")


class PersonRequest(BaseModel):
    """Somebody new."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: str = Field(description="viewer, operator, approver or admin")
    password: str


class PersonChange(BaseModel):
    """Another role, another password, or both."""

    model_config = ConfigDict(extra="forbid")

    role: str | None = None
    password: str | None = None


class PersonList(BaseModel):
    """Everybody, by name."""

    items: list[Person]


class Token(BaseModel):
    """A token without what it is recognised by."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewToken(Token):
    """A token just made; `token` is told this once."""

    token: str


class TokenRequest(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: str
    scopes: list[str] = Field(description="one or more of jobs:read, jobs:write, agent, admin")
    days: float | None = Field(90, description="how long it holds; null: until it is revoked")


class TokenList(BaseModel):
    """Every token, by name."""

    items: list[Token]


class AuditEntry(BaseModel):
    """Who did what to what, from where."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor: str
    kind: str
    address: str
    action: str
    target: str
    before: Any
    after: Any


class AuditList(BaseModel):
    """The newest entries first."""

    items: list[AuditEntry]
    next_cursor: str | None


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


class Webhook(BaseModel):
    """A webhook without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    url: str
    kinds: list[str]
    created_by: str
    created_at: datetime
    fault: str | None = Field(description="why its latest message was not taken")


class NewWebhook(Webhook):
    """A webhook just added; `secret` is told this once."""

    secret: str = Field(description="signs every message (HMAC-SHA-256), as Standard Webhooks says")


class WebhookRequest(BaseModel):
    """A webhook to add."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["ops"])
    url: str = Field(examples=["https://ops.example/hook"])
    kinds: list[str] = Field(list(USUAL_KINDS), description=f"of {', '.join(KINDS)}")


class WebhookList(BaseModel):
    """Every webhook, by name."""

    items: list[Webhook]


class Delivery(BaseModel):
    """A message to a webhook, and how far it has come."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    message_id: str = Field(description="sent as webhook-id, the same at every try")
    kind: str
    job_id: int
    body: dict[str, Any]
    status: str = Field(description="pending, delivered or failed")
    attempts: int
    created_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None
    response_status: int | None
    error: str | None


class DeliveryList(BaseModel):
    """The newest messages first."""

    items: list[Delivery]
