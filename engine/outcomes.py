"""How an attempt ended, decided purely: exception in, frozen value out. The executor writes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.budgets.told import told_use
from engine.errors import AttemptError, OutcomeUnknown, PauseAsked, TransientError
from engine.retry import RetryPolicy
from models.ending import Ending, Lease
from models.states import UNKNOWN, AttemptOutcome, Status


@dataclass(frozen=True)
class Completed:
    """The work is done."""

    result: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """It certainly did not happen, and is not tried again by itself."""

    error: str
    result: dict[str, Any] | None = None


@dataclass(frozen=True)
class Retrying:
    """It certainly did not happen, and is tried again after the delay."""

    error: str
    delay: timedelta
    result: dict[str, Any] | None = None


@dataclass(frozen=True)
class Unknown:
    """Nobody knows whether it happened; only a person may repeat it."""

    error: str
    result: dict[str, Any] | None = None


@dataclass(frozen=True)
class Paused:
    """It stopped at a safe point because somebody asked."""


@dataclass(frozen=True)
class Released:
    """The engine is shutting down and puts the work back."""


@dataclass(frozen=True)
class Postponed:
    """Its turn has not come; `reason` says which limit it waits for."""

    until: datetime
    reason: str


Outcome = Completed | Failed | Retrying | Unknown | Paused | Released | Postponed


def decide(error: Exception, *, attempt: int, max_attempts: int, policy: RetryPolicy) -> Outcome:
    """What an exception out of a job type's `run()` means."""
    match error:
        case PauseAsked():
            return Paused()
        case OutcomeUnknown():
            return Unknown(str(error), error.result)
        case TransientError() if attempt < max_attempts:
            return Retrying(str(error), policy.delay(attempt, retry_after=error.retry_after), error.result)
        case TransientError():
            tries = "1 attempt" if attempt == 1 else f"{attempt} attempts"
            return Failed(f"Gave up after {tries}: {error}", error.result)
        case AttemptError():
            return Failed(str(error), error.result)
        case _:
            return Failed(f"The job stopped on an unexpected {type(error).__name__}: {error}")


def ending(lease: Lease, outcome: Outcome, now: datetime) -> Ending:
    """What is to be written for an outcome. No pause, shutdown or wait for a turn costs the job one of its attempts."""
    of = partial(Ending, lease=lease, at=now, used=told_use(getattr(outcome, "result", None)))
    match outcome:
        case Completed(result):
            return of(status=Status.COMPLETED, attempt_outcome=AttemptOutcome.SUCCEEDED, result=result)
        case Failed(error, result):
            return of(status=Status.FAILED, attempt_outcome=AttemptOutcome.FAILED, error=error, result=result)
        case Unknown(error, result):
            unknown = of(status=Status.FAILED, attempt_outcome=AttemptOutcome.UNKNOWN, error=error, result=result)
            return replace(unknown, outcome=UNKNOWN)
        case Retrying(error, delay, result):
            again = of(status=Status.QUEUED, attempt_outcome=AttemptOutcome.RETRYING, error=error, result=result)
            return replace(again, due_at=now + delay)
        case Paused():
            return of(status=Status.PAUSED, attempt_outcome=AttemptOutcome.PAUSED, more_attempts=1)
        case Released():
            put_back = "The engine was shut down; the work was put back"
            back = of(status=Status.QUEUED, attempt_outcome=AttemptOutcome.RELEASED, more_attempts=1)
            return replace(back, attempt_error=put_back)
        case Postponed(until, reason):
            back = of(status=Status.QUEUED, attempt_outcome=AttemptOutcome.RELEASED, more_attempts=1)
            return replace(back, attempt_error=reason, due_at=until)
