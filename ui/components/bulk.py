"""Several jobs decided at once: one question, then a report of what was refused."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from nicegui import ui

from engine.errors import JobRunnerError
from engine.views import JobView
from models.states import Move
from ui.components.dialogs import confirm, dialog_frame
from ui.components.inbox_list import PATH, kinds
from ui.components.moves import ask_reason
from ui.components.node import Node, button
from ui.components.toasts import say
from ui.components.undo import UndoBar
from ui.layout import Shell


@dataclass
class _Outcome:
    """What came of it, job by job; `waiting` still take somebody else's approval."""

    done: list[JobView] = field(default_factory=list)
    waiting: list[JobView] = field(default_factory=list)
    refused: list[tuple[JobView, str]] = field(default_factory=list)
    undoable: list[JobView] = field(default_factory=list)
    until: datetime | None = None


class BulkBar:
    """Shown while something is ticked. `ticked` gives the jobs as they were shown; `on_done` is called at the end."""

    def __init__(
        self,
        shell: Shell,
        undo: UndoBar,
        ticked: Callable[[], dict[int, JobView]],
        on_clear: Callable[[], object],
        on_done: Callable[[], Awaitable[None]],
    ) -> None:
        self._shell, self._undo, self._ticked = shell, undo, ticked
        self._on_clear, self._on_done = on_clear, on_done
        with Node("div", "", "bulk-bar", role="group", aria_label="Selected jobs", hidden=True) as self._root:
            self._count = Node("span", "", "bulk-count", role="status")
            button("Clear", "small plain").on_press(on_clear)
            self._reject = button("Reject", "small", aria_label="Reject selected").on_press(self._ask_reject)
            self._approve = button("Approve", "small primary", aria_label="Approve selected").on_press(
                self._ask_approve
            )

    def show(self) -> None:
        """Tell how many are ticked."""
        number = len(self._ticked())
        self._root.change(hidden=None if number else True)
        self._count.change(text=f"{number} selected")

    def _ask_approve(self) -> None:
        jobs = self._ticked()
        if not jobs:
            return
        many = _many(jobs.values())
        sentences = [f"{kinds(jobs)}.", "Each is approved as it was shown; one that changed since is left out."]
        confirm(
            f"Approve {many}?", sentences, f"Approve {many}", "Not yet", lambda: self._approve_all(jobs), danger=False
        )

    def _ask_reject(self) -> None:
        jobs = self._ticked()
        if not jobs:
            return
        many = _many(jobs.values())

        async def reject(reason: str | None) -> None:
            await self._decide(jobs, Move.REJECT, reason)

        ask_reason(f"Reject {many}?", [f"{kinds(jobs)}."], f"Reject {many}", reject)

    async def _approve_all(self, jobs: dict[int, JobView]) -> None:
        await self._decide(jobs, Move.APPROVE, None)

    async def _decide(self, jobs: dict[int, JobView], move: Move, reason: str | None) -> None:
        outcome = _Outcome()
        for job in jobs.values():
            try:
                await self._decide_one(job, move, reason, outcome)
            except JobRunnerError as error:
                outcome.refused.append((job, str(error)))
        self._tell(outcome, "approved" if move is Move.APPROVE else "rejected")
        self._on_clear()
        await self._on_done()

    async def _decide_one(self, job: JobView, move: Move, reason: str | None, outcome: _Outcome) -> None:
        if move is Move.REJECT:
            await self._shell.desk.reject(job.id, shown=job.content_hash, comment=reason)
            outcome.done.append(job)
            return
        decision = await self._shell.desk.approve(job.id, shown=job.content_hash)
        (outcome.waiting if decision.missing else outcome.done).append(job)
        if decision.undo_until:
            outcome.undoable.append(job)
            outcome.until = min(outcome.until or decision.undo_until, decision.undo_until)

    def _tell(self, outcome: _Outcome, verb: str) -> None:
        if outcome.undoable and outcome.until:
            self._undo.add(outcome.undoable, outcome.until)
        if outcome.refused:
            _report(outcome, verb)
        elif outcome.waiting:
            say(f"{_many(outcome.waiting)} approved by you, and somebody else has to approve too")
        elif len(outcome.done) > len(outcome.undoable):
            say(f"{_many(outcome.done)} {verb}")


def _report(outcome: _Outcome, verb: str) -> None:
    """Which were refused, each with the reason."""
    done = len(outcome.done) + len(outcome.waiting)
    title = f"{done} of {done + len(outcome.refused)} {verb}"
    with ui.context.client.content, dialog_frame(title) as (dialog, body):
        with body:
            Node("p", "These were left as they are:")
            with Node("ul", "", "refusals", tabindex="0", aria_label="Left as they are"):
                for job, why in outcome.refused:
                    with Node("li"):
                        Node(
                            "a", f"{job.name}: {job.summary}" if job.summary else job.name, href=f"{PATH}?job={job.id}"
                        )
                        Node("span", why, "muted")
        with Node("div", "", "dialog-actions"):
            button("Close", "primary").props("autofocus").on_press(dialog.close)
    dialog.on("hide", dialog.delete)
    dialog.open()


def _many(jobs: Collection[JobView]) -> str:
    number = len(jobs)
    return "1 job" if number == 1 else f"{number} jobs"
