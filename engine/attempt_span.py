"""The span of an attempt, which goes on from where its job was submitted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.health import DRIVER_ERRORS
from engine.tracing import Role, Span, Value, span
from models.claim import Claimed
from models.states import AttemptOutcome
from models.trace import trace_of

_ERRORS = frozenset({AttemptOutcome.FAILED, AttemptOutcome.RETRYING, AttemptOutcome.UNKNOWN})


@asynccontextmanager
async def attempt_span(job: Claimed) -> AsyncIterator[Span]:
    """Around one attempt of the job."""
    parent = await _submission(job.id)
    values: dict[str, Value] = {"type": job.type, "job": job.id, "attempt": job.attempt}
    with span(f"run {job.type}", Role.CONSUMER, parent=parent, **values) as traced:
        yield traced


def note_outcome(traced: Span, outcome: AttemptOutcome) -> None:
    """How the attempt ended."""
    traced.note(outcome=outcome.value)
    if outcome in _ERRORS:
        traced.fail(outcome.value)


async def _submission(job_id: int) -> str | None:
    """Under which traceparent it was submitted; a database in trouble costs the trace its beginning, not the job."""
    try:
        return await trace_of(job_id)
    except DRIVER_ERRORS:
        return None
