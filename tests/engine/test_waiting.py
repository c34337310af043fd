"""Why a job is not running, in the order in which a person can do something about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.waiting import waiting_for
from models.states import Approval, Status

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
DUE = {"approval": None, "due_at": NOW, "attempt": 0, "engine_online": True, "free_slots": 1, "poll_seconds": 5}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "Starts at the engine's next look, within 5 s"),
        ({"poll_seconds": 0.5}, "Starts at the engine's next look, within 0.5 s"),
        ({"approval": Approval.APPROVED}, "Starts at the engine's next look, within 5 s"),
        ({"free_slots": 0}, "Waits for a free slot"),
        ({"free_slots": -1}, "Waits for a free slot"),
        ({"due_at": LATER}, "Scheduled for 2026-11-23 09:05:00 UTC"),
        ({"due_at": LATER, "attempt": 2}, "Next try at 2026-11-23 09:05:00 UTC"),
        ({"due_at": LATER, "free_slots": 0}, "Scheduled for 2026-11-23 09:05:00 UTC"),
        ({"engine_online": False, "free_slots": 0}, "Waits for the engine, which is offline"),
        ({"engine_online": False, "due_at": LATER}, "Waits for the engine, which is offline"),
        ({"approval": Approval.PENDING, "engine_online": False}, "Waits for approval"),
    ],
    ids=str,
)
def test_a_queued_job_says_what_it_waits_for(facts: dict[str, Any], sentence: str) -> None:
    assert waiting_for(status=Status.QUEUED, now=NOW, **{**DUE, **facts}) == sentence


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_a_job_that_is_not_queued_waits_for_nothing(status: Status) -> None:
    facts: dict[str, Any] = {**DUE, "approval": Approval.PENDING}
    assert waiting_for(status=status, now=NOW, **facts) is None
