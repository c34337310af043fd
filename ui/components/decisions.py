"""One decision about a job as it was shown, and what is told of it."""

from collections.abc import Awaitable, Callable

from engine.errors import JobRunnerError
from engine.views import JobView
from ui.components.moves import ask_reason
from ui.components.toasts import say
from ui.components.undo import UndoBar
from ui.layout import Shell


async def approve_shown(shell: Shell, undo: UndoBar, job: JobView) -> bool:
    """Approve it; whether that was done."""
    try:
        decision = await shell.desk.approve(job.id, shown=job.content_hash)
    except JobRunnerError as error:
        say(f"{job.name}: {error}", is_good=False)
        return False
    if decision.undo_until:
        undo.add([job], decision.undo_until)
    elif decision.missing:
        say(f"{job.name}: approved by you; it still takes {', and '.join(decision.missing)}")
    else:
        say(f"{job.name}: approved")
    return True


def ask_reject(job: JobView, on_reason: Callable[[str | None], Awaitable[object]]) -> None:
    """Ask for the reason, which may be left empty."""
    what = f"{job.name}: {job.summary}" if job.summary else job.name
    ask_reason("Reject job?", [what], "Reject job", on_reason)


async def reject_shown(shell: Shell, job: JobView, reason: str | None) -> bool:
    """Reject it; whether that was done."""
    try:
        await shell.desk.reject(job.id, shown=job.content_hash, comment=reason)
    except JobRunnerError as error:
        say(f"{job.name}: {error}", is_good=False)
        return False
    say(f"{job.name}: rejected")
    return True
