"""Why a job is not running, in the order in which a person can do something about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.views import EngineState, TypeView
from engine.waiting import waiting_for
from models.states import Approval, Status

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ENGINE = EngineState(True, None, NOW, 5, 10, 0)
OFFLINE, BUSY = replace(ENGINE, online=False), replace(ENGINE, running=10)
RENDER = TypeView("RENDER", "Render", "", "video", "movie", "repeatable", 5, False, None, 60, 1)
PAUSED, FULL = replace(RENDER, paused=True), replace(RENDER, concurrency=1)
DUE = {"approval": None, "due_at": None, "attempt": 0, "engine": ENGINE, "job_type": RENDER}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "Starts at the engine's next look, within 5 s"),
        ({"engine": replace(ENGINE, poll_seconds=0.5)}, "Starts at the engine's next look, within 0.5 s"),
        ({"due_at": NOW}, "Starts at the engine's next look, within 5 s"),
        ({"approval": Approval.APPROVED}, "Starts at the engine's next look, within 5 s"),
        ({"job_type": replace(RENDER, concurrency=2)}, "Starts at the engine's next look, within 5 s"),
        ({"engine": BUSY}, "Waits for a free slot"),
        ({"engine": replace(ENGINE, running=11)}, "Waits for a free slot"),
        ({"job_type": FULL}, "Waits for its turn: at most 1 Render at once, as set in Settings"),
        ({"job_type": FULL, "engine": BUSY}, "Waits for its turn: at most 1 Render at once, as set in Settings"),
        ({"due_at": LATER}, "Scheduled for 2026-11-23 09:05:00 UTC"),
        ({"due_at": LATER, "attempt": 2}, "Next try at 2026-11-23 09:05:00 UTC"),
        ({"due_at": LATER, "engine": BUSY}, "Scheduled for 2026-11-23 09:05:00 UTC"),
        ({"job_type": PAUSED, "due_at": LATER}, "Waits because every Render job is paused in Settings"),
        ({"job_type": None}, "Waits for its job type, which is not installed here"),
        ({"engine": OFFLINE, "job_type": PAUSED}, "Waits for the engine, which is offline"),
        ({"engine": OFFLINE, "due_at": LATER}, "Waits for the engine, which is offline"),
        ({"approval": Approval.PENDING, "engine": OFFLINE}, "Waits for approval"),
    ],
)
def test_a_queued_job_says_what_it_waits_for(facts: dict[str, Any], sentence: str) -> None:
    assert waiting_for(status=Status.QUEUED, now=NOW, **{**DUE, **facts}) == sentence


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_a_job_that_is_not_queued_waits_for_nothing(status: Status) -> None:
    facts: dict[str, Any] = {**DUE, "approval": Approval.PENDING}
    assert waiting_for(status=status, now=NOW, **facts) is None
