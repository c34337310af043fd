"""Why a queued job is not running yet, in one sentence."""

from datetime import datetime

from models.states import Approval, Status


def waiting_for(
    *,
    status: Status,
    approval: str | None,
    due_at: datetime,
    attempt: int,
    now: datetime,
    engine_online: bool,
    free_slots: int,
    poll_seconds: float,
) -> str | None:
    """None for a job that is not queued. The order is the order in which a person can do something about it."""
    if status is not Status.QUEUED:
        return None
    if approval == Approval.PENDING:
        return "Waits for approval"
    if not engine_online:
        return "Waits for the engine, which is offline"
    if due_at > now:
        moment = f"{due_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"Next try at {moment}" if attempt else f"Scheduled for {moment}"
    if free_slots <= 0:
        return "Waits for a free slot"
    return f"Starts at the engine's next look, within {poll_seconds:g} s"
