"""What an exception out of a job means, and what is written for it, by table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.errors import OutcomeUnknown, PauseAsked, PermanentError, TransientError
from engine.outcomes import (
    Completed,
    Failed,
    Outcome,
    Paused,
    Postponed,
    Released,
    Retrying,
    Unknown,
    decide,
    ending,
)
from engine.retry import RetryPolicy
from models.ending import Lease
from models.usage import NOTHING

KEPT = {"posts": [{"channel": "feed"}]}
LATER = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (TransientError("busy"), 1, Retrying("busy", timedelta(seconds=10))),
        (TransientError("busy"), 2, Retrying("busy", timedelta(seconds=20))),
        (TransientError("busy", result=KEPT), 1, Retrying("busy", timedelta(seconds=10), KEPT)),
        (TransientError("busy", retry_after=LATER), 1, Retrying("busy", LATER)),
        (TransientError("busy"), 3, Failed("Gave up after 3 attempts: busy")),  # 3 are allowed
        (TransientError("busy"), 4, Failed("Gave up after 4 attempts: busy")),  # never one more
        (PermanentError("no such user"), 1, Failed("no such user")),  # trying again would not help
        (PermanentError("no such user", result=KEPT), 1, Failed("no such user", KEPT)),
        (OutcomeUnknown("no answer"), 1, Unknown("no answer")),  # never by itself again
        (OutcomeUnknown("no answer", result=KEPT), 3, Unknown("no answer", KEPT)),
        (PauseAsked("pause"), 1, Paused()),
        (TimeoutError("no answer"), 1, Failed("The job stopped on an unexpected TimeoutError: no answer")),
        (KeyError("x"), 1, Failed("The job stopped on an unexpected KeyError: 'x'")),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_exception_means(error: Exception, attempt: int, expected: Outcome) -> None:
    policy: Any = RetryPolicy(base=10, jitter=0)
    assert decide(error, attempt=attempt, max_attempts=3, policy=policy) == expected


def test_giving_up_after_the_only_attempt_says_so_in_the_singular() -> None:
    outcome = decide(TransientError("busy"), attempt=1, max_attempts=1, policy=RetryPolicy())
    assert outcome == Failed("Gave up after 1 attempt: busy")


LEASE, NOW = Lease(1, 2, "lease"), datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOLD = {"error": None, "attempt_error": None, "result": None, "outcome": None, "due_at": None, "more_attempts": 0}
PUT_BACK = "The engine was shut down; the work was put back"
POSTPONED: dict[str, Any] = {"attempt_error": "Later", "due_at": NOW + LATER, "more_attempts": 1}


@pytest.mark.parametrize(
    ("outcome", "status", "attempt", "told"),
    [
        (Completed(KEPT), "completed", "succeeded", {"result": KEPT}),
        (Failed("No", KEPT), "failed", "failed", {"error": "No", "result": KEPT}),
        (Unknown("Hm", KEPT), "failed", "unknown", {"error": "Hm", "result": KEPT, "outcome": "unknown"}),
        (Retrying("Busy", LATER), "queued", "retrying", {"error": "Busy", "due_at": NOW + LATER}),
        (Retrying("Busy", LATER, KEPT), "queued", "retrying", {"error": "Busy", "due_at": NOW + LATER, "result": KEPT}),
        (Paused(), "paused", "paused", {"more_attempts": 1}),
        (Released(), "queued", "released", {"attempt_error": PUT_BACK, "more_attempts": 1}),
        (Postponed(NOW + LATER, "Later"), "queued", "released", POSTPONED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_outcome_is_written_as(outcome: Outcome, status: str, attempt: str, told: dict[str, Any]) -> None:
    always = {"lease": LEASE, "at": NOW, "died": False, "expired_before": None, "used": NOTHING}
    expected = {**always, "status": status, "attempt_outcome": attempt, **TOLD, **told}
    assert vars(ending(LEASE, outcome, NOW)) == expected
