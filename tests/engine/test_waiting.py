"""Why a job is not running, in the order in which a person can do something about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.views import EngineState, TypeView
from engine.waiting import waiting_for
from models.dependency import Parent
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


def parent(number: int, **columns: Any) -> Parent:
    usual: dict[str, Any] = {"name": f"p{number}", "any_outcome": False, "is_met": False, "title": "Film"}
    return Parent(**{"job_id": 9, "id": number, "status": Status.QUEUED, "outcome": None, **usual, **columns})


@pytest.mark.parametrize(
    ("parents", "sentence"),
    [
        ([parent(1)], "Waits for job 1, Film"),
        ([parent(1), parent(2)], "Waits for job 1, Film, and for 1 more"),
        ([parent(1, status=Status.COMPLETED), parent(2, is_met=True), parent(3)], "Waits for job 3, Film"),
        (
            [parent(1), parent(2, status=Status.FAILED)],
            "Waits for job 2, Film, which failed, and for 1 more: retry it, or cancel this one",
        ),
        ([parent(1, status=Status.CANCELLED)], "Waits for job 1, Film, which was cancelled: cancel this one too"),
        (
            [parent(1, status=Status.FAILED, outcome="unknown")],
            "Waits for job 1, Film, of which nobody knows whether it went out: say so",
        ),
        ([parent(1, status=None, title="")], "Waits for job 1, which was removed: cancel this one"),
        ([parent(1, is_met=True)], "Waits for what the jobs before it made to be filled in"),
    ],
)
def test_a_blocked_job_says_whom_it_waits_for_the_one_that_needs_somebody_first(
    parents: list[Parent], sentence: str
) -> None:
    facts: dict[str, Any] = {**DUE, "parents": parents}
    assert waiting_for(status=Status.QUEUED, now=NOW, **facts) == sentence
