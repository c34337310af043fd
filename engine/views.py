"""What callers get to see: frozen values, read from rows once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.states import Move, ProcessRole, Status

OFFLINE_AFTER = timedelta(seconds=10)
"""A process whose last heartbeat is older counts as offline."""

AGENT_OFFLINE_AFTER = timedelta(seconds=60)
"""An outside agent that was not heard of for longer counts as offline."""


@dataclass(frozen=True)
class JobView:
    """One job as pages and programs see it; times are aware, in UTC."""

    id: int
    type: str
    category: str
    name: str
    summary: str
    status: Status
    priority: str
    progress: float
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    outcome: str | None
    approval: str | None
    approval_reason: str | None
    approval_asked_at: datetime | None
    trusted_by: int | None
    version: int
    content_hash: str | None
    undo_until: datetime | None
    waiting_for: str | None
    pause_requested: bool
    blocked: bool
    run_id: int | None
    step: str | None
    created_by: str
    created_at: datetime
    run_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    max_attempts: int
    allowed: frozenset[Move]
    turn: str | None = None
    """The rate limit because of which it waits until it is due, in words."""

    def time_left(self, now: datetime) -> timedelta | None:
        """How long the running job will still take if it goes on as it did; None when nobody can tell yet."""
        if self.status is not Status.RUNNING or self.started_at is None or self.progress < 1:
            return None
        spent = now - self.started_at
        return spent * ((100 - self.progress) / self.progress)


@dataclass(frozen=True)
class EngineState:
    """Whether anything executes jobs, and how busy it is; `fault` is what keeps it from its work.

    `concurrency` is how many jobs run at once in all; `engines` and `workers` are how many are online.
    """

    online: bool
    fault: str | None
    last_beat_at: datetime | None
    poll_seconds: float
    concurrency: int
    running: int
    engines: int = 0
    workers: int = 0


@dataclass(frozen=True)
class TypeView:
    """A job type and what people have set for it; times are in seconds.

    `concurrency` None is as many at once as the engine runs; `time_limit_seconds` is the limit that holds. Of a type
    that outside agents do, `agents` is how many that take it are online, and `paused_agents` how many of these are
    paused.
    """

    key: str
    label: str
    description: str
    category: str
    icon: str
    effect: str
    attempts: int
    paused: bool
    concurrency: int | None
    time_limit_seconds: float
    running: int
    is_outside: bool = False
    agents: int | None = None
    paused_agents: int = 0
    spent: str = ""
    """The budget of today that keeps its jobs waiting, in words."""


@dataclass(frozen=True)
class EngineView:
    """One engine or worker; `types` are what a worker runs, of which one that is stopping has none left."""

    role: ProcessRole
    types: list[str] | None
    host: str
    pid: int
    online: bool
    running: int
    concurrency: int
    started_at: datetime
    last_beat_at: datetime


@dataclass(frozen=True)
class AgentView:
    """An outside agent; `running` is how many jobs it has in hand."""

    id: int
    name: str
    types: list[str]
    concurrency: int
    running: int
    online: bool
    last_seen_at: datetime
    paused: bool = False


@dataclass(frozen=True)
class WebhookView:
    """A webhook without its secret; `fault` is why its latest message was not taken."""

    id: int
    name: str
    url: str
    kinds: list[str]
    created_by: str
    created_at: datetime
    fault: str | None


@dataclass(frozen=True)
class SecretView:
    """A stored secret without its value; `used_at` is when a job last used it."""

    name: str
    hosts: tuple[str, ...]
    created_by: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class DeliveryView:
    """A message to a webhook, and how far it has come."""

    id: int
    message_id: str
    kind: str
    job_id: int
    body: dict[str, Any]
    status: str
    attempts: int
    created_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None
    response_status: int | None
    error: str | None


@dataclass(frozen=True)
class FeedPost:
    """A post on the built-in feed; images are `{file, alt}`."""

    id: str
    channel: str
    text: str
    images: tuple[dict[str, str], ...]
    published_at: datetime


@dataclass(frozen=True)
class LogView:
    """A line that an attempt logged; ids grow with time."""

    id: int
    at: datetime
    text: str


@dataclass(frozen=True)
class AttemptView:
    """One try, with what it logged; `phase` is how far its effects came."""

    number: int
    engine: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    phase: str
    error: str | None
    log: tuple[LogView, ...]


@dataclass(frozen=True)
class EffectView:
    """What a job did, or may have done, to the world."""

    target: str
    attempt: int
    phase: str
    identity: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class ChannelView:
    """A channel without its secrets."""

    id: int
    name: str
    kind: str
    url: str
    account: str | None
    fault: str | None
    tested_at: datetime | None
    created_at: datetime
    limits: dict[str, Any] | None


@dataclass(frozen=True)
class Page:
    """One page of a list; `number` counts from 1 and never exceeds `pages`, which is at least 1.

    `capped` is whether there are more than `total`, which nobody counted.
    """

    jobs: tuple[JobView, ...]
    number: int
    pages: int
    total: int
    capped: bool = False


@dataclass(frozen=True)
class PersonView:
    """Somebody who may sign in; `sessions` is in how many browsers they are signed in.

    `groups` are those whose approval a rule may ask for.
    """

    id: int
    name: str
    role: str
    has_password: bool
    created_at: datetime
    sessions: int
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionView:
    """A browser in which somebody is signed in."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    browser: str


@dataclass(frozen=True)
class TokenView:
    """A token without what it is recognised by."""

    id: int
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class OperationView:
    """One wish about many jobs, and how far it has come.

    `move` is a word of `Move`. `criteria` are what was looked for, none if the jobs were chosen by hand. `undoable` is
    whether it may be undone just now, `undone_by` the operation that does so.
    """

    id: int
    move: str
    arguments: dict[str, Any]
    criteria: dict[str, Any] | None
    actor: str
    created_at: datetime
    finished_at: datetime | None
    stop_asked: bool
    total: int
    done: int
    refused: int
    undo_of: int | None
    undone_by: int | None
    undoable: bool


@dataclass(frozen=True)
class RefusalView:
    """Why some jobs of an operation were left as they are; `job_ids` are the first few of them."""

    reason: str
    jobs: int
    job_ids: tuple[int, ...]


@dataclass(frozen=True)
class SavedViewView:
    """A saved way to look at the jobs; `query` is the query of the Jobs page's address."""

    id: int
    name: str
    query: str
    shared: bool
    owner: str
    created_at: datetime
