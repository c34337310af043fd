"""What came of a wish about many jobs: its progress, then its report, on whatever page one is."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from nicegui import ui

from engine import clock
from engine.actors import Actor
from engine.desk import Desk
from engine.errors import JobRunnerError
from engine.queries import Queries
from engine.views import OperationView, RefusalView
from ui.components.dialogs import dialog_frame
from ui.components.many import many, progress
from ui.components.node import Node, button, icon_button
from ui.components.toasts import say

COOKIE = "job_runner_operations"
KEPT = timedelta(hours=1)  # a report that nobody put away is shown again after a reload for so long
MAX_LINES = 3


class OperationBar:
    """One line for each operation of whoever looks; a finished one stays until it is put away."""

    def __init__(self, actor: Actor, desk: Desk, queries: Queries) -> None:
        self._actor, self._desk, self._queries = actor, desk, queries
        self._lines: dict[int, _Line] = {}
        self._dismissed = _dismissed_until()
        self.is_read = False
        self._root = Node("div", "", "operations")
        with self._root:
            self._said = Node("div", "", "visually-hidden", role="status", aria_label="Operations")
            self._stack = Node("div", "", "operation-lines")

    async def refresh(self) -> None:
        """Read what is under way, and what ended lately: once, and again while an event may have been missed."""
        if self.is_read and not any(line.is_open for line in self._lines.values()):
            return
        self.is_read = True
        self.show(await self._queries.operations.recent(self._actor.name, limit=MAX_LINES))

    def show(self, operations: Sequence[OperationView]) -> None:
        """Bring the lines of these up to date; those of others are not shown."""
        for operation in sorted(operations, key=lambda each: each.id):
            if operation.actor == self._actor.name and self._is_wanted(operation):
                self._show(operation)
                self._say(operation)
        while len(self._lines) > MAX_LINES:
            self._drop(min(self._lines))

    def _show(self, operation: OperationView) -> None:
        line = self._lines.get(operation.id)
        if line and operation.undone_by:
            self._drop(operation.id)
        elif line:
            line.show(operation)
        else:
            for former in [key for key, each in self._lines.items() if not each.is_open]:
                self._drop(former)  # something newer is told
            with self._stack:
                self._lines[operation.id] = _Line(operation, self)

    def _is_wanted(self, operation: OperationView) -> bool:
        if operation.id in self._lines or operation.finished_at is None:
            return True
        return (
            not operation.undone_by
            and operation.created_at > self._dismissed
            and clock.now() - operation.finished_at < KEPT
        )

    def _say(self, operation: OperationView) -> None:
        """For those who do not see the bar: that it began, and what came of it, but not every step."""
        if operation.finished_at or not self._said.text:
            self._said.change(progress(operation))

    # -- what people do --------------------------------------------------------------------------------------

    async def stop(self, operation: OperationView) -> None:
        """What is done stays done."""
        if not operation.stop_asked:
            await self._wish(self._desk.stop_operation, operation.id)

    async def undo(self, operation: OperationView) -> None:
        """Bring back what was before, as far as that can be."""
        try:
            undoing = await self._desk.undo_operation(operation.id)
        except JobRunnerError as error:
            say(str(error), is_good=False)
            return
        self._drop(operation.id)
        self.show([undoing])

    async def see_why(self, operation: OperationView) -> None:
        """Why some were left as they are."""
        _open_refusals(operation, await self._queries.operations.refusals(operation.id))

    def dismiss(self, operation: OperationView) -> None:
        """Put it away, also for the next page that is opened."""
        self._drop(operation.id)
        self._dismissed = max(self._dismissed, operation.created_at)
        self._said.change("")
        value = self._dismissed.isoformat()
        ui.run_javascript(f"document.cookie = '{COOKIE}={value}; path=/; max-age=86400; samesite=lax'")

    async def _wish(self, wish: object, operation_id: int) -> None:
        try:
            await wish(operation_id)  # type: ignore[operator]
        except JobRunnerError as error:
            say(str(error), is_good=False)

    def _drop(self, operation_id: int) -> None:
        self._lines.pop(operation_id).root.delete()


class _Line:
    def __init__(self, operation: OperationView, bar: OperationBar) -> None:
        self._operation = operation
        with Node(
            "section", "", "operation-bar", aria_label="Operation", data_operation_id=str(operation.id)
        ) as self.root:
            self._text = Node("span", "", "operation-text")
            self._bar = Node(
                "div", "", "operation-progress", role="progressbar", aria_label="Progress", aria_valuemin=0
            )
            self._stop = button("Stop", "small").on_press(lambda: bar.stop(self._operation), single=True)
            self._why = button("See why", "small").on_press(lambda: bar.see_why(self._operation))
            self._undo = button("Undo", "small", "undo").on_press(lambda: bar.undo(self._operation), single=True)
            self._close = icon_button("Dismiss", "close").on_press(lambda: bar.dismiss(self._operation))
        self.show(operation)

    @property
    def is_open(self) -> bool:
        """Whether it is under way."""
        return self._operation.finished_at is None

    def show(self, operation: OperationView) -> None:
        """Patch what differs; what is heard late does not go back."""
        if operation.done + operation.refused < self._operation.done + self._operation.refused:
            return
        self._operation = operation
        handled, is_over = operation.done + operation.refused, operation.finished_at is not None
        self._text.change(progress(operation), title=progress(operation))
        percent = 100 * handled / operation.total if operation.total else 100
        self._bar.change(
            aria_valuenow=handled,
            aria_valuemax=operation.total,
            aria_valuetext=progress(operation),
            style=f"--done: {percent:.1f}%",
            hidden=True if is_over else None,
        )
        asked = operation.stop_asked
        self._stop.change("Stopping…" if asked else "Stop", hidden=True if is_over else None)
        self._stop.change(aria_disabled="true" if asked else None)
        self._why.change(hidden=None if is_over and operation.refused else True)
        self._undo.change(hidden=None if is_over and operation.undoable else True)
        self._close.change(hidden=None if is_over else True)


def _open_refusals(operation: OperationView, refusals: Sequence[RefusalView]) -> None:
    """The reasons, each with the first of its jobs."""
    with ui.context.client.content, dialog_frame(f"{many(operation.refused)} left as they are") as (dialog, body):
        with body, Node("ul", "", "refusals", tabindex="0", aria_label="Left as they are"):
            for refusal in refusals:
                with Node("li"):
                    Node("strong", f"{many(refusal.jobs)}: {refusal.reason}")
                    with Node("span", "", "refused-jobs"):
                        for job_id in refusal.job_ids:
                            link = Node("a", f"#{job_id}", "", href=f"/app/jobs/{job_id}", aria_label=f"Job {job_id}")
                            link.on("click", dialog.close, js_handler="() => emit()")
                        if more := refusal.jobs - len(refusal.job_ids):
                            Node("span", f"and {more:,} more", "muted")
        with Node("div", "", "dialog-actions"):
            button("Close", "primary").props("autofocus").on_press(dialog.close)
    dialog.on("hide", dialog.delete)
    dialog.open()


def _dismissed_until() -> datetime:
    """Until when whatever began has been put away in this browser."""
    try:
        moment = datetime.fromisoformat(ui.context.client.request.cookies.get(COOKIE, ""))
    except ValueError:
        moment = None
    return moment if moment and moment.tzinfo else clock.now() - KEPT
