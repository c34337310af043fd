"""Jobs that need approval before Atlas may execute them."""

from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.views import JobView
from models.states import Move
from ui.components.job_card import time_node
from ui.components.moves import ask_reject, move
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.layout import Shell, StillView
from ui.live import Draw
from ui.present import may
from ui.reader import Reader


class ApprovalsPage(StillView):
    """Oldest first: what would be done, and the two answers."""

    def __init__(self, shell: Shell, _: PageArguments) -> None:
        self._shell = shell
        self._rows: dict[int, Node] = {}
        self._list = Node("div", "", "stack")
        self._empty = Node("div", "", "empty", hidden=True)
        with self._empty:
            Node("strong", "Nothing needs you")
            Node("span", "Jobs that ask for approval wait here until somebody approves or rejects them.")
        shell.show("Approvals", "/app/approvals", self)

    async def read(self, reader: Reader) -> Draw:
        """Read what waits."""
        return partial(self._show_all, await reader.awaiting_approval())

    def _show_all(self, waiting: list[JobView]) -> None:
        """What was decided meanwhile goes away."""
        for job_id in self._rows.keys() - {job.id for job in waiting}:
            self._rows.pop(job_id).delete()
        for job in waiting:
            if job.id not in self._rows:
                with self._list:
                    self._rows[job.id] = self._show(job)
        self._empty.change(hidden=True if waiting else None)

    def _show(self, job: JobView) -> Node:
        with Node("article", "", "panel", aria_label=job.name, data_job_id=str(job.id)) as root:
            with Node("div", "", "panel-head"):
                Node("h2", job.name)
                with Node("span", "", "muted"):
                    Node("span", f"by {job.created_by} · ")
                    time_node(job.created_at, clock.now())
            show_payload(job.payload)
            with Node("div", "", "dialog-actions"):
                Node("a", "Open job", "button", href=f"/app/jobs/{job.id}")
                if may(self._shell.rights, Move.APPROVE):
                    button("Reject").on_press(partial(ask_reject, self._shell, job))
                    button("Approve", "primary").on_press(partial(move, self._shell, job, Move.APPROVE))
        return root
