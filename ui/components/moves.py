"""What happens when somebody presses a job's button: a question where it cannot be taken back, then a command."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from engine.engine import Atlas
from engine.errors import JobRunnerError
from engine.views import JobView
from models.states import Move, Status
from ui.components.dialogs import confirm
from ui.present import Action
from ui.theme import MOVES


def press(atlas: Atlas, job: JobView, action: Action) -> Awaitable[None] | None:
    """Ask first if needed, then do it; a button that is not allowed says why."""
    if action.reason:
        ui.notify(action.reason, type="info", position="bottom")
        return None
    if action.move is Move.CANCEL:
        confirm("Cancel job?", _consequences(job), "Cancel job", "Keep job", lambda: move(atlas, job, Move.CANCEL))
        return None
    return move(atlas, job, action.move)


async def move(atlas: Atlas, job: JobView, asked: Move) -> None:
    """Run the command, and tell what was done or why it could not be."""
    commands: dict[Move, Callable[[int], Awaitable[None]]] = {
        Move.CANCEL: atlas.commands.cancel,
        Move.PAUSE: atlas.commands.pause,
        Move.RESUME: atlas.commands.resume,
        Move.RETRY: atlas.commands.retry,
        Move.APPROVE: atlas.commands.approve,
        Move.REJECT: atlas.commands.reject,
    }
    try:
        await commands[asked](job.id)
        after = await atlas.queries.job(job.id)
    except JobRunnerError as error:
        ui.notify(f"{job.name}: {error}", type="negative", position="bottom")
        return
    if asked is Move.PAUSE and after.pause_requested:
        said = "pauses at its next safe point"
    elif asked is Move.CANCEL and after.error and job.status is Status.RUNNING:
        said = f"cancelled. {after.error}"
    else:
        said = MOVES[asked].done
    ui.notify(f"{job.name}: {said}", type="positive", position="bottom", timeout=7000)


def _consequences(job: JobView) -> list[str]:
    what = f"{job.name}: {job.summary}" if job.summary else job.name
    match job.status:
        case Status.RUNNING:
            said = "It is running: it will be stopped. What it has already sent or published cannot be taken back."
        case Status.FAILED:
            said = "It failed. Cancelling dismisses it: it leaves this list and cannot be retried."
        case _:
            said = "It will not run. This cannot be undone."
    return [what, said]
