"""Small typed events: the engine tells what happened and knows no page."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from models.states import Move

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobChanged:
    """A job was created or moved; `has_begun` if all that happened is that its next attempt began."""

    job_id: int
    has_begun: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class JobProgressed:
    """A running job came further; `percent` is 0 to 100."""

    job_id: int
    percent: float


@dataclass(frozen=True)
class JobLogged:
    """An attempt logged a line."""

    job_id: int
    attempt: int
    text: str


@dataclass(frozen=True)
class StopAsked:
    """Somebody cancelled or paused a job that may be running."""

    job_id: int
    move: Move


@dataclass(frozen=True)
class AttemptEnded:
    """An attempt is over and what came of it is stored."""

    job_id: int


@dataclass(frozen=True)
class ChannelsChanged:
    """A channel was connected, tested or removed."""


@dataclass(frozen=True)
class TypesChanged:
    """A job type was paused, resumed or limited."""


@dataclass(frozen=True)
class WebhooksChanged:
    """A webhook was added or removed, or one of its messages came further."""


@dataclass(frozen=True)
class SecretsChanged:
    """A stored secret was set or removed."""


@dataclass(frozen=True)
class PolicyChanged:
    """A rule of the approval policy was added or revoked."""


@dataclass(frozen=True)
class WorkflowsChanged:
    """A workflow was saved or removed."""


@dataclass(frozen=True)
class BudgetsChanged:
    """A budget or rate limit was set or removed, a budget is nearly used up or spent, or a new day has begun."""


@dataclass(frozen=True)
class OperationChanged:
    """An operation on many jobs began, came further or ended."""

    operation_id: int


@dataclass(frozen=True)
class SchedulesChanged:
    """A schedule was made, changed or removed, or one of its times came."""


@dataclass(frozen=True)
class AccessChanged:
    """Somebody's session, role or token ended or changed."""


@dataclass(frozen=True)
class EngineChanged:
    """An engine started or stopped, met a fault or got over it."""


Event = (
    JobChanged
    | JobProgressed
    | JobLogged
    | StopAsked
    | AttemptEnded
    | ChannelsChanged
    | TypesChanged
    | WebhooksChanged
    | SecretsChanged
    | PolicyChanged
    | WorkflowsChanged
    | BudgetsChanged
    | OperationChanged
    | SchedulesChanged
    | AccessChanged
    | EngineChanged
)
Handler = Callable[[Event], None]


class Bus:
    """Hands each event to every subscriber, in the publisher's own turn of the loop."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def subscribe(self, handler: Handler) -> Callable[[], None]:
        """Call `handler` for every event from now on; returns how to end it."""
        self._handlers.append(handler)
        return lambda: self._handlers.remove(handler)

    def publish(self, event: Event) -> None:
        """Tell everybody; a subscriber's fault is logged and reaches nobody else."""
        for handler in tuple(self._handlers):
            try:
                handler(event)
            except Exception:
                log.exception("a subscriber failed on %s", event)
