"""A job as pages see it, to vary in tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.views import JobView
from models.states import Status, allowed_moves

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

_PLAIN = JobView(
    id=1,
    type="TEST_RENDER",
    category="video",
    name="Render",
    summary="Trailer",
    status=Status.QUEUED,
    priority="medium",
    progress=0.0,
    payload={},
    result=None,
    error=None,
    outcome=None,
    approval=None,
    approval_reason=None,
    approval_asked_at=None,
    trusted_by=None,
    version=1,
    content_hash=None,
    undo_until=None,
    waiting_for=None,
    pause_requested=False,
    blocked=False,
    run_id=None,
    step=None,
    created_by="api",
    created_at=NOW,
    run_at=None,
    due_at=None,
    started_at=None,
    finished_at=None,
    attempt=0,
    max_attempts=3,
    allowed=frozenset(),
)


def a_job(status: Status = Status.QUEUED, **changes: Any) -> JobView:
    """A job in this state, with the moves that it allows."""
    job = replace(_PLAIN, status=status, **changes)
    waits = job.due_at is not None
    is_tried = job.attempt > 0
    moves = allowed_moves(status, approval=job.approval, outcome=job.outcome, waits=waits, is_tried=is_tried)
    return replace(job, allowed=frozenset(moves))
