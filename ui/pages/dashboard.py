"""The home screen: where jobs stand, and what needs a person."""

from collections import Counter
from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.views import JobView
from models.states import Status
from ui.components.job_card import badge_node, show_badge
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.layout import Shell, StillView
from ui.live import Draw
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
            self._needs = Redrawn("")
        shell.show("Dashboard", "/app", self)

    async def read(self, reader: Reader) -> Draw:
        """Count again, and list again what needs a person."""
        return partial(self._show, await reader.statuses(), await reader.awaiting_approval(), await reader.failed())

    def _show(self, counts: Counter[str], waiting: int, failed: list[JobView]) -> None:
        for status, number in self._numbers.items():
            number.change(text=f"{counts[status]:,}")
        self._needs.show((waiting, failed), partial(_draw_needs, waiting, failed))

    def _tile(self, status: Status) -> Node:
        with Node("a", "", f"tile tone-{status}", href="/app/jobs"):
            number = Node("span", "0", "number")
            Node("span", status.capitalize(), "what", data_icon=STATUSES[status].icon)
        return number


def _draw_needs(waiting: int, failed: list[JobView]) -> None:
    if not waiting and not failed:
        Node("span", "Nothing needs you.", "muted")
    if waiting:
        with Node("div", "", "list-row"):
            Node("a", f"{waiting} waiting for approval", href="/app/approvals")
    for job in failed:
        with Node("div", "", "list-row"):
            show_badge(badge_node(), status_badge(job))
            with Node("div", "", "grow"):
                Node("a", job.name, href=f"/app/jobs/{job.id}")
                Node("span", note(job, clock.now()), "muted")
