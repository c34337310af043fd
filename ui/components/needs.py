"""What needs a person: a row for each kind that there is, with a way to the jobs that it counts."""

from dataclasses import dataclass

from engine.overview import Needs
from ui.components.node import Node


@dataclass(frozen=True)
class Need:
    """A kind: its words for one and for many, its look, and where its jobs are."""

    name: str
    one: str
    many: str
    kind: str
    icon: str
    href: str


NEEDS = (
    Need("approvals", "waiting for approval", "waiting for approval", "approval", "front_hand", "/app/approvals"),
    Need("unknown", "outcome unknown", "outcomes unknown", "unknown", "help", "/app/jobs?needs=answer"),
    Need("set_aside", "set aside", "set aside", "unknown", "report", "/app/jobs?needs=set-aside"),
    Need(
        "failed_lately",
        "failed in the last 24 hours",
        "failed in the last 24 hours",
        "failed",
        "error",
        "/app/jobs?status=failed&ended=day",
    ),
)


class NeedsPanel:
    """The rows are made once; a kind that there is none of is hidden."""

    def __init__(self) -> None:
        with Node("section", "", "panel needs", aria_label="Needs you"):
            with Node("div", "", "panel-head"):
                Node("h2", "Needs you")
                self._inbox = Node("a", "Open Approvals", "more-link", href="/app/approvals", hidden=True)
            self._nothing = Node("p", "Nothing needs you.", "calm", data_icon="check_circle", hidden=True)
            with Node("div", "", "need-rows") as self._rows:
                self._parts = {need.name: _NeedRow(need) for need in NEEDS}

    def show(self, needs: Needs) -> None:
        """Write the numbers."""
        for name, row in self._parts.items():
            row.show(getattr(needs, name))
        self._nothing.change(hidden=None if needs.nothing else True)
        self._rows.change(hidden=True if needs.nothing else None)
        asked = needs.approvals + needs.unknown + needs.set_aside
        self._inbox.change(hidden=None if asked else True)


class _NeedRow:
    def __init__(self, need: Need) -> None:
        self._need = need
        with Node("a", "", f"need tone-{need.kind}", href=need.href, hidden=True, data_need=need.name) as self._root:
            Node("span", "", "need-icon", data_icon=need.icon)
            self._number = Node("strong")
            self._words = Node("span", "", "need-words")

    def show(self, number: int) -> None:
        self._number.change(text=f"{number:,}")
        words = self._need.one if number == 1 else self._need.many
        self._words.change(text=words)
        self._root.change(hidden=None if number else True, aria_label=f"{number:,} {words}")
