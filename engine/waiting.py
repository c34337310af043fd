"""Why a queued job is not running yet, in one sentence."""

from collections.abc import Sequence
from datetime import datetime

from engine.approvals.terms import ASKED
from engine.views import EngineState, TypeView
from models.dependency import Parent
from models.rate_limit import Turn
from models.states import Approval, Status


def waiting_for(
    *,
    status: Status,
    approval: str | None,
    reason: str = "",
    undo_until: datetime | None = None,
    due_at: datetime | None,
    attempt: int,
    now: datetime,
    engine: EngineState,
    job_type: TypeView | None,
    parents: Sequence[Parent] = (),
    turn: Turn | None = None,
) -> str | None:
    """None for a job that is not queued. The order is the order in which a person can do something about it.

    `job_type` is None for a type that is not installed; `parents` are the jobs that it waits for, none when it waits
    for none. `turn` is the one that a rate limit gave it.
    """
    if status is not Status.QUEUED:
        return None
    if approval == Approval.PENDING:
        return f"Waits for approval: {reason}" if reason not in ("", ASKED.title) else "Waits for approval"
    if parents:
        return _for_parents([parent for parent in parents if parent.is_waited_for])
    if not engine.online:
        return "Waits for the engine, which is offline"
    if job_type is None:
        return "Waits for its job type, which is not installed here"
    if job_type.paused:
        return f"Waits because every {job_type.label} job is paused in Settings"
    if undo_until and undo_until > now:
        return f"Approved; goes at {undo_until:%H:%M:%S} UTC unless that is undone"
    if due_at and due_at > now:
        if turn and turn.at == due_at:
            day = "" if due_at.date() == now.date() else f"{due_at:%Y-%m-%d} "
            return f"Waits for its turn at {day}{due_at:%H:%M} UTC: {turn.reason}"
        moment = f"{due_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"Next try at {moment}" if attempt else f"Scheduled for {moment}"
    if job_type.spent:
        return f"Waits for tomorrow: {job_type.spent}"
    if job_type.concurrency is not None and job_type.running >= job_type.concurrency:
        return f"Waits for its turn: at most {job_type.concurrency} {job_type.label} at once, as set in Settings"
    if job_type.agents == 0:
        return f"Waits for an agent that does {job_type.label}: none is online"
    if job_type.agents is not None and job_type.agents == job_type.paused_agents:
        return f"Waits for an agent that does {job_type.label}: whoever is online is paused"
    if job_type.is_outside:
        return "Waits for an agent with a free place"
    if engine.running >= engine.concurrency:
        return "Waits for a free slot"
    return f"Starts at the engine's next look, within {engine.poll_seconds:g} s"


def _for_parents(waited_for: Sequence[Parent]) -> str:
    """What a person has to do something about comes first."""
    if not waited_for:
        return "Waits for what the jobs before it made to be filled in"
    first = min(waited_for, key=lambda parent: (_ENDS.get(parent.status) is None, parent.id))
    more = f", and for {len(waited_for) - 1} more" if len(waited_for) > 1 else ""
    named = f"job {first.id}, {first.title}" if first.title else f"job {first.id}"
    if first.outcome:
        return f"Waits for {named}, of which nobody knows whether it went out{more}: say so"
    why, advice = _ENDS.get(first.status, ("", ""))
    return f"Waits for {named}{why}{more}{advice}"


_ENDS = {
    Status.FAILED: (", which failed", ": retry it, or cancel this one"),
    Status.CANCELLED: (", which was cancelled", ": cancel this one too"),
    Status.PAUSED: (", which is paused", ""),
    None: (", which was removed", ": cancel this one"),
}
