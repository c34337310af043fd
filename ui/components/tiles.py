"""How many jobs stand where, each number a link to just those jobs."""

from collections import Counter

from models.states import Status
from ui.components.node import Node
from ui.theme import STATUSES

SHOWN = (Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.FAILED, Status.COMPLETED)


class Tiles:
    """Cancelled jobs are told only to those who ask for them."""

    def __init__(self) -> None:
        self._tiles: dict[Status, tuple[Node, Node]] = {}
        with Node("nav", "", "tiles", aria_label="Jobs by status"):
            for status in SHOWN:
                self._tiles[status] = self._tile(status)

    def show(self, counts: Counter[str]) -> None:
        """Write the numbers."""
        for status, (tile, number) in self._tiles.items():
            told = f"{counts[status]:,}"
            number.change(text=told)
            tile.change(aria_label=f"{status.capitalize()}: {told}")

    def _tile(self, status: Status) -> tuple[Node, Node]:
        with Node("a", "", f"tile tone-{status}", href=f"/app/jobs?status={status}", data_status=status.value) as tile:
            number = Node("span", "0", "number")
            Node("span", status.capitalize(), "what", data_icon=STATUSES[status].icon)
        return tile, number
