"""The home screen: where jobs stand, and what needs a person."""

from nicegui import PageArguments

from engine import clock
from models.states import Status
from ui.components.job_card import badge_node, show_badge
from ui.components.node import Node
from ui.layout import Shell, StillView
from ui.present import note, status_badge
from ui.reader import Reader
from ui.theme import STATUSES

SHOWN = (Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.FAILED, Status.COMPLETED)


class DashboardPage(StillView):
    """Counts by status, then failures and open approvals with a way to each."""

    def __init__(self, shell: Shell, _: PageArguments) -> None:
        self._shell = shell
        with Node("div", "", "tiles"):
            self._numbers = {status: self._tile(status) for status in SHOWN}
        with Node("section", "", "panel", aria_label="Needs you"):
            Node("h2", "Needs you")
            self._needs = Node("div")
        shell.show("Dashboard", "/app", self)

    async def refresh(self, reader: Reader) -> None:
        """Count again, and list again what needs a person."""
        counts = await reader.statuses()
        for status, number in self._numbers.items():
            number.change(text=f"{counts[status]:,}")
        waiting = await reader.awaiting_approval()
        failed = await reader.failed()
        self._needs.clear()
        with self._needs:
            if not waiting and not failed:
                Node("span", "Nothing needs you.", "muted")
            if waiting:
                with Node("div", "", "list-row"):
                    Node("a", f"{len(waiting)} waiting for approval", href="/app/approvals")
            for job in failed:
                with Node("div", "", "list-row"):
                    show_badge(badge_node(), status_badge(job))
                    with Node("div", "", "grow"):
                        Node("a", job.name, href=f"/app/jobs/{job.id}")
                        Node("span", note(job, clock.now()), "muted")

    def _tile(self, status: Status) -> Node:
        with Node("a", "", f"tile tone-{status}", href="/app/jobs"):
            number = Node("span", "0", "number")
            Node("span", status.capitalize(), "what", data_icon=STATUSES[status].icon)
        return number
