"""Every error that the engine raises, as a tree.

JobRunnerError
├── InvalidInput          what was asked for breaks a rule; one message per field
├── NotFound              there is no such thing
├── MoveNotAllowed        the job's state does not allow the move
├── NotAllowed            whoever asks has not the right
├── SignedOut             their session is over; they may sign in again
├── TooMany               asked too often; may be asked again later
├── LeaseGone             an outside agent lost the job
├── Superseded            somebody else decided, or changed it, meanwhile
├── OwnWork               the policy lets nobody approve their own work
├── InUse                 it cannot go while something needs it
├── IdempotencyConflict   the key was used before, for something else
├── KeyInFlight           a request with the same key is being carried out
├── SettingsError         a setting cannot be used; the start stops
├── LedgerClosed          the process is ending; nothing more is written
├── AttemptError          how a job type's run() says that the attempt did not succeed
│   ├── PermanentError    it certainly did not happen, and trying again will not help
│   ├── TransientError    it certainly did not happen, and may work later
│   └── OutcomeUnknown    nobody knows whether it happened; a person decides
└── AttemptStopped        raised inside run() at a safe point; job types let it pass
    ├── PauseAsked
    └── LeaseLost         the attempt is over: cancelled, or rescued by another engine
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.rights import Right, least_role
from models.states import Move, Status


class JobRunnerError(Exception):
    """The root; `str(error)` is a sentence for a person."""


@dataclass(frozen=True)
class FieldError:
    """One fault in the input: the field's path in the payload and a sentence that names rule and value."""

    field: str
    message: str


class InvalidInput(JobRunnerError):
    """What was asked for breaks a rule."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(error.message for error in self.errors))


class NotFound(JobRunnerError):
    """There is no such thing."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"there is no {kind} {name}")


_CANNOT = {
    Move.CANCEL: "be cancelled",
    Move.PAUSE: "be paused",
    Move.RESUME: "be resumed",
    Move.RETRY: "be retried",
    Move.APPROVE: "be approved",
    Move.REJECT: "be rejected",
    Move.RESOLVE: "be resolved",
    Move.RUN_NOW: "be run now",
    Move.REVISE: "be revised",
    Move.UNDO_APPROVAL: "have its approval undone",
    Move.PRIORITIZE: "be given another priority",
}


class MoveNotAllowed(JobRunnerError):
    """The job's state does not allow the move; `allowed` are the moves that it does allow, which it says too."""

    def __init__(self, move: Move, status: Status, allowed: Iterable[Move], reason: str = "") -> None:
        self.allowed = sorted(allowed)
        self.why = f"a job that is {status}{reason} {cannot(move)}"
        choices = ", ".join(move.replace("_", " ") for move in self.allowed) or "nothing more"
        super().__init__(f"{self.why}; allowed now: {choices}")


def cannot(move: Move) -> str:
    """What a job cannot that does not allow the move, as in "cannot be run now"."""
    return f"cannot {_CANNOT[move]}"


class NotAllowed(JobRunnerError):
    """Whoever asks has not the right; says what it takes."""

    def __init__(self, name: str, role: str, right: Right) -> None:
        who = f"{name} ({role})" if role else name
        takes = "a token with the scope agent" if right is Right.WORK else f"the role {least_role(right)} or more"
        super().__init__(f"{who} may not {right}; that takes {takes}")


class SignedOut(JobRunnerError):
    """The session is over: it expired, was ended, or the person was removed."""

    def __init__(self) -> None:
        super().__init__("you are signed out; sign in again")


class TooMany(JobRunnerError):
    """Asked too often; `retry_after` is in seconds."""

    def __init__(self, what: str, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(f"{what}; try again in {self.retry_after} s")


class LeaseGone(JobRunnerError):
    """An outside agent speaks of a job that is no longer its own."""


class Superseded(JobRunnerError):
    """Somebody else decided about the job, or changed it, since it was looked at; says who and what."""


class OwnWork(JobRunnerError):
    """The policy lets nobody approve their own work."""


class InUse(JobRunnerError):
    """It cannot go while something needs it."""


class IdempotencyConflict(JobRunnerError):
    """The idempotency key was used before, for something else."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used before with another body; use a new key for a new job")


class KeyInFlight(JobRunnerError):
    """A request with this idempotency key is being carried out just now."""

    def __init__(self, key: str) -> None:
        super().__init__(f"a request with the Idempotency-Key {key!r} is being carried out; ask again in a moment")


class SettingsError(JobRunnerError):
    """A setting cannot be used; names the variable, the fault and what is accepted."""


class LedgerClosed(JobRunnerError):
    """Nothing more is written: this process is ending, and what it leaves is rescued by another."""

    def __init__(self) -> None:
        super().__init__("nothing more is written: this process is ending")


class AttemptError(JobRunnerError):
    """The attempt did not succeed; `result` keeps what did happen (posts on other channels, say)."""

    def __init__(self, message: str, *, result: dict[str, Any] | None = None) -> None:
        self.result = result
        super().__init__(message)


class PermanentError(AttemptError):
    """It certainly did not happen, and trying again will not help."""


class TransientError(AttemptError):
    """It certainly did not happen and may work later, not before `retry_after` if the server named a time."""

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, result: dict[str, Any] | None = None
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, result=result)


class StorageFault(TransientError):
    """Files cannot be stored or read just now; says why and what to do."""


class OutcomeUnknown(AttemptError):
    """Nobody knows whether it happened: the connection was lost while the world was being spoken to."""


class AttemptStopped(JobRunnerError):
    """Raised inside `run()` at a safe point; job types let it pass."""


class PauseAsked(AttemptStopped):
    """Somebody asked for a pause."""


class TurnLater(AttemptStopped):
    """What goes out this way is limited, and the job's turn comes `at` a later moment."""

    def __init__(self, at: datetime, limit: str) -> None:
        self.at = at
        self.limit = limit
        super().__init__(f"Waits for its turn at {at:%H:%M:%S} UTC: {limit}")


class LeaseLost(AttemptStopped):
    """The attempt is over: its job was cancelled, or rescued by another engine."""
