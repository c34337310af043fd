"""What a job is and may become: statuses, named sets of them, and the moves that each allows."""

from enum import IntEnum, StrEnum


class Status(StrEnum):
    """Where a job stands; the words people see are these, capitalised."""

    QUEUED = "queued"  # submit, resume, retry and rescue bring a job here; the engine claims it
    RUNNING = "running"  # the engine brings it here; an outcome, a pause or a cancel takes it out
    COMPLETED = "completed"  # final
    PAUSED = "paused"  # a person brings it here; resume or cancel takes it out
    FAILED = "failed"  # the engine brings it here; retry, resolve or cancel (dismiss) takes it out
    CANCELLED = "cancelled"  # final


ACTIVE = frozenset({Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.FAILED})
TERMINAL = frozenset({Status.COMPLETED, Status.CANCELLED})


class Move(StrEnum):
    """What a person or a program may ask of an existing job."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    APPROVE = "approve"
    REJECT = "reject"
    RESOLVE = "resolve"
    RUN_NOW = "run_now"
    REVISE = "revise"
    UNDO_APPROVAL = "undo_approval"
    PRIORITIZE = "prioritize"


ALLOWED_FROM: dict[Move, frozenset[Status]] = {
    Move.CANCEL: ACTIVE,
    Move.PAUSE: frozenset({Status.QUEUED, Status.RUNNING}),
    Move.RESUME: frozenset({Status.PAUSED}),
    Move.RETRY: frozenset({Status.FAILED}),
    Move.APPROVE: frozenset({Status.QUEUED, Status.PAUSED}),
    Move.REJECT: frozenset({Status.QUEUED, Status.PAUSED}),
    Move.RESOLVE: frozenset({Status.FAILED}),
    Move.RUN_NOW: frozenset({Status.QUEUED}),
    Move.REVISE: frozenset({Status.QUEUED, Status.PAUSED, Status.CANCELLED}),
    Move.UNDO_APPROVAL: frozenset({Status.QUEUED, Status.PAUSED}),
    Move.PRIORITIZE: frozenset({Status.QUEUED, Status.PAUSED, Status.FAILED}),
}


class Priority(IntEnum):
    """Higher is claimed first."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The word that programs use: low, medium or high."""
        return self.name.lower()


class Category(StrEnum):
    """The type filter's words."""

    VIDEO = "video"
    ANIMATION = "animation"
    SOCIAL = "social"
    DOCUMENT = "document"
    TASK = "task"


class Approval(StrEnum):
    """A job without the facet needs no approval."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    LAPSED = "lapsed"


_WAITING = frozenset({Approval.PENDING, Approval.APPROVED})
REVISABLE: dict[Status, frozenset[Approval]] = dict.fromkeys(Status, frozenset()) | {
    Status.QUEUED: _WAITING,
    Status.PAUSED: _WAITING,
    Status.CANCELLED: frozenset({Approval.REJECTED, Approval.LAPSED}),
}
"""Which approvals let a job of this status be revised, as long as nothing was tried."""


class Phase(StrEnum):
    """How far an effect on the world has come."""

    SENDING = "sending"  # committed before the world is spoken to
    DONE = "done"  # it happened
    FAILED = "failed"  # it certainly did not happen


class ProcessRole(StrEnum):
    """What a process does for the jobs."""

    ENGINE = "engine"  # claims them, and executes them where no worker does
    WORKER = "worker"  # executes what engines send


class AttemptOutcome(StrEnum):
    """How one attempt ended; an attempt without an outcome is under way."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    LOST = "lost"  # its engine died or stopped renewing the lease
    RELEASED = "released"  # its engine was shut down and put the work back


class DeliveryStatus(StrEnum):
    """How far a message to a webhook has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # every try was in vain; somebody may send it again


UNKNOWN = "unknown"
"""A job's outcome while nobody knows whether its effect happened."""

POISONOUS = "poisonous"
"""The outcome of a job that was set aside because engines kept dying while they ran it."""


def allowed_moves(
    status: Status,
    *,
    approval: str | None = None,
    outcome: str | None = None,
    waits: bool = False,
    is_tried: bool = False,
) -> set[Move]:
    """Every move that a job in this state accepts.

    `waits` is whether it waits for its time to come, `is_tried` whether an attempt has begun.
    """
    moves = {move for move, statuses in ALLOWED_FROM.items() if status in statuses}
    if approval != Approval.PENDING:
        moves -= {Move.APPROVE, Move.REJECT}
    if approval != Approval.APPROVED or is_tried:
        moves -= {Move.UNDO_APPROVAL}
    if approval not in REVISABLE[status] or is_tried:
        moves -= {Move.REVISE}
    if outcome == UNKNOWN:
        moves -= {Move.RETRY}
    else:
        moves -= {Move.RESOLVE}
    if not waits:
        moves -= {Move.RUN_NOW}
    return moves
