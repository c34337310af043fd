"""What happens when somebody presses a job's button: a question where it cannot be taken back, then a command."""

from collections.abc import Awaitable, Callable, Sequence

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
    what = f"{job.name}: {job.summary}" if job.summary else job.name
    ask_reason("Reject job?", [what], "Reject job", lambda reason: _run(shell, job, Move.REJECT, reason))


def ask_reason(
    title: str, sentences: Sequence[str], verb: str, on_reason: Callable[[str | None], Awaitable[object]]
) -> None:
    """A question with room for a reason; `on_reason` gets it, None for none."""
    with ui.context.client.content, dialog_frame(title, narrow=True) as (dialog, body):
        with body:
            for sentence in sentences:
                Node("p", sentence)
            with labelled("Reason", optional=True, help_text="Whoever made it gets to read this") as label:
                reason = ui.textarea().props(f"outlined dense autogrow autofocus maxlength=2000 for={label.target}")

        async def answered() -> None:
            dialog.close()
            await on_reason((reason.value or "").strip() or None)

        with Node("div", "", "dialog-actions"):
            button("Keep job" if verb.endswith("job") else "Keep jobs").on_press(dialog.close)
            button(verb, "danger").on_press(answered)
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
    elif went_out and after.status is Status.COMPLETED:  # it may have been sent anew meanwhile
        said = "settled as gone out"
    else:
        said = "queued again, for what did not go out"
    ui.notify(f"{job.name}: {said}", type="positive", position="bottom", timeout=7000)


async def _run(shell: Shell, job: JobView, asked: Move, reason: str | None = None) -> None:
    try:
        missing = await _carry_out(shell, job, asked, reason)
        after = await shell.atlas.queries.job(job.id)
    except JobRunnerError as error:
        ui.notify(f"{job.name}: {error}", type="negative", position="bottom")
        return
    if asked is Move.PAUSE and after.pause_requested:
        said = "pauses at its next safe point"
    elif asked is Move.CANCEL and after.error and after.error != job.error:
        said = after.error
    elif missing:
        said = f"approved; it still takes {', and '.join(missing)}"
    else:
        said = MOVES[asked].done
    ui.notify(f"{job.name}: {said}", type="positive", position="bottom", timeout=7000)


async def _carry_out(shell: Shell, job: JobView, asked: Move, reason: str | None) -> tuple[str, ...]:
    """Decisions hold for what was shown; returns what an approval still takes."""
    match asked:
        case Move.APPROVE:
            return (await shell.desk.approve(job.id, shown=job.content_hash, comment=reason)).missing
        case Move.REJECT:
            await shell.desk.reject(job.id, shown=job.content_hash, comment=reason)
        case Move.UNDO_APPROVAL:
            await shell.desk.undo_approval(job.id)
        case _:
            await shell.desk.move(job.id, asked)
    return ()


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
