"""Whether anything executes jobs, since when, and how busy it is."""

from datetime import datetime

from engine import clock
from engine.views import EngineState
from ui.components.marks import badge_node, show_badge, show_time
from ui.components.node import Node
from ui.present import Badge

ONLINE = Badge("completed", "check_circle", "Online")
OFFLINE = Badge("failed", "error", "Offline")


class EnginePanel:
    """Atlas, and the workers where there are any."""

    def __init__(self) -> None:
        with Node("section", "", "panel", aria_label="Engine"):
            with Node("div", "", "panel-head"):
                Node("h2", "Engine")
                self._badge = badge_node()
                Node("a", "Agent Watcher", "more-link", href="/app/agents")
            with Node("div", "", "busy"):
                self._slots = Node("strong")
                Node("span", "slots busy", "muted")
            self._meter = Node("div", "", "meter", role="meter", aria_label="Busy slots", aria_valuemin=0)
            with Node("dl", "", "facts"):
                self._since_word, self._since = self._fact("Online since", "time")
                self._processes = self._fact("Processes")[1]
                self._look = self._fact("Next look")[1]

    def show(self, state: EngineState, online_since: datetime | None) -> None:
        """Write what holds now."""
        show_badge(self._badge, ONLINE if state.online else OFFLINE)
        self._slots.change(text=slots(state))
        share = state.running / state.concurrency if state.concurrency else 0
        self._meter.change(
            aria_valuenow=state.running,
            aria_valuemax=max(state.concurrency, state.running, 1),
            aria_valuetext=f"{slots(state)} busy",
            style=f"--share: {min(share, 1):.1%}",
        )
        self._since_word.change(text="Online since" if state.online else "Last seen")
        show_time(self._since, online_since if state.online else state.last_beat_at, clock.now(), show="ago")
        self._processes.change(text=processes(state))
        self._look.change(text=f"within {state.poll_seconds:g} s" if state.online else "when it is online again")

    def _fact(self, word: str, tag: str = "span") -> tuple[Node, Node]:
        name = Node("dt", word)
        with Node("dd"):
            return name, Node(tag)


def slots(state: EngineState) -> str:
    """As in "3 of 10"."""
    return f"{state.running:,} of {state.concurrency:,}"


def processes(state: EngineState) -> str:
    """As in "1 engine, 2 workers"."""
    engines = "1 engine" if state.engines == 1 else f"{state.engines} engines"
    workers = "1 worker" if state.workers == 1 else f"{state.workers} workers"
    return f"{engines}, {workers}" if state.workers else engines
