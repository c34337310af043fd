"""System: how the installation is, part by part, in a sentence each."""

from functools import partial

from nicegui import PageArguments

from engine.system.health import Line, Report, State
from ui.components.keyed import KeyedRows
from ui.components.marks import badge_node, show_badge
from ui.components.node import Node
from ui.layout import Shell, StillView
from ui.present import Badge
from ui.reader import Reader
from ui.tab import Draw

BADGES = {
    State.GOOD: Badge("completed", "check_circle", "Good"),
    State.ATTENTION: Badge("paused", "warning", "Attention"),
    State.BAD: Badge("failed", "error", "Not working"),
}

LINKS = {
    "engine": "Agents",
    "heartbeat": "Agents",
    "queue": "Queued jobs",
    "oldest": "Open job",
    "webhooks": "Webhooks",
}
"""What leads to more, by part."""


class SystemPage(StillView):
    """What is not well stands out, and says what to do about it."""

    def __init__(self, shell: Shell, _: PageArguments) -> None:
        self._shell = shell
        Node("a", "Settings", "button plain back", href="/app/settings", data_icon="arrow_back")
        with Node("section", "", "panel", aria_label="System"):
            with Node("div", "", "panel-head system-head"):
                Node("h2", "Health")
                self._badge = badge_node()
                self._sentence = Node("span", "", "muted", role="status")
            self._rows: KeyedRows[Line] = KeyedRows("system-rows", lambda line: line.key, _Row)
        shell.show("System", "/app/settings", self)

    async def read(self, reader: Reader) -> Draw:
        """Judge it again."""
        return partial(self._show, await reader.system(self._shell.atlas.system))

    def _show(self, report: Report) -> None:
        show_badge(self._badge, BADGES[report.state])
        self._sentence.change(f"{report.sentence}.")
        self._rows.show(report.lines)


class _Row:
    def __init__(self, line: Line) -> None:
        with Node("div", "", "system-row", role="listitem", data_part=line.key) as self.root:
            self._badge = badge_node()
            Node("h3", line.title)
            self._link = Node("a", "", "more-link", hidden=True)
            self._sentence = Node("p")
            self._advice = Node("p", "", "system-advice", data_icon="arrow_forward")

    def show(self, item: Line) -> None:
        """Write what differs."""
        show_badge(self._badge, BADGES[item.state])
        self._sentence.change(f"{item.sentence}.")
        self._advice.change(f"{item.advice}." if item.advice else "", hidden=None if item.advice else True)
        words = LINKS.get(item.key, "Open")
        label = f"{words}, {item.title.lower()}"
        self._link.change(words, href=item.href or None, hidden=None if item.href else True, aria_label=label)
