"""Jobs that need approval before Atlas may execute them."""

from collections.abc import Awaitable, Callable

from nicegui import PageArguments

from engine import clock
from engine.views import JobView
from models.states import Move
from ui.components.job_card import time_node
from ui.components.moves import move
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.layout import Shell, StillView
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

    async def refresh(self, reader: Reader) -> None:
        """Show what waits; what was decided meanwhile goes away."""
        waiting = await reader.awaiting_approval()
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
                button("Reject").on("click", self._decide(job, Move.REJECT), args=[])
                button("Approve", "primary").on("click", self._decide(job, Move.APPROVE), args=[])
        return root

    def _decide(self, job: JobView, decision: Move) -> Callable[[], Awaitable[None]]:
        return lambda: move(self._shell.atlas, job, decision)
