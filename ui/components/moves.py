"""What happens when somebody presses a job's button: a question where it cannot be taken back, then a command."""

from collections.abc import Awaitable

from nicegui import ui

from engine.errors import JobRunnerError
from engine.views import JobView
from models.states import UNKNOWN, Move, Status
from ui.components.dialogs import confirm, dialog_frame
from ui.components.fields import labelled
from ui.components.node import Node, button
from ui.layout import Shell
from ui.present import Action
from ui.theme import MOVES


def press(shell: Shell, job: JobView, action: Action) -> Awaitable[None] | None:
    """Ask first if needed, then do it; a button that is not allowed says why."""
    if action.reason:
        ui.notify(action.reason, type="info", position="bottom")
        return None
    if action.move is Move.CANCEL:
        confirm("Cancel job?", _consequences(job), "Cancel job", "Keep job", lambda: move(shell, job, Move.CANCEL))
        return None
    return move(shell, job, action.move)


def ask_reject(shell: Shell, job: JobView) -> None:
    """Ask for the reason, which may be left empty."""
    with ui.context.client.content, dialog_frame("Reject job?", narrow=True) as (dialog, body):
        with body:
            Node("p", f"{job.name}: {job.summary}" if job.summary else job.name)
            with labelled("Reason", optional=True, help_text="Stays with the job") as label:
                reason = ui.textarea().props(f"outlined dense autogrow maxlength=2000 for={label.target}")

        async def reject() -> None:
            dialog.close()
            await _run(shell, job, Move.REJECT, reason.value or None)

        with Node("div", "", "dialog-actions"):
            button("Keep job").on_press(dialog.close)
            button("Reject job", "danger").on_press(reject)
    dialog.on("hide", dialog.delete)
    dialog.open()


async def move(shell: Shell, job: JobView, asked: Move) -> None:
    """Run the command, and tell what was done or why it could not be."""
    await _run(shell, job, asked)


async def resolve(shell: Shell, job: JobView, *, went_out: bool, target: str | None = None) -> None:
    """Settle "Did it go out?", and tell what follows."""
    try:
        await shell.desk.resolve(job.id, went_out=went_out, target=target, attempt=job.attempt)
        after = await shell.atlas.queries.job(job.id)
    except JobRunnerError as error:
        ui.notify(f"{job.name}: {error}", type="negative", position="bottom")
        return
    if after.outcome == UNKNOWN:
        said = f"{target} is settled; the others still wait for an answer"
    elif after.status is Status.COMPLETED:
        said = "settled as gone out"
    else:
        said = "queued again, for what did not go out"
    ui.notify(f"{job.name}: {said}", type="positive", position="bottom", timeout=7000)


async def _run(shell: Shell, job: JobView, asked: Move, reason: str | None = None) -> None:
    try:
        await shell.desk.move(job.id, asked, reason=reason)
        after = await shell.atlas.queries.job(job.id)
    except JobRunnerError as error:
        ui.notify(f"{job.name}: {error}", type="negative", position="bottom")
        return
    if asked is Move.PAUSE and after.pause_requested:
        said = "pauses at its next safe point"
    elif asked is Move.CANCEL and after.error and after.error != job.error:
        said = after.error
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
