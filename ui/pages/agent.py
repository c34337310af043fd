"""One agent: what it takes, has in hand and did, how it fared over time, and everything that it does, as it does it."""

from collections.abc import Callable, Mapping
from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.activity import Item
from engine.errors import NotFound
from engine.statistics import TypeStats
from engine.tally import Span
from engine.watcher import AgentAtWork, Done
from models.usage import Sum
from ui.components.activity import ActivityStream
from ui.components.activity_words import Wanted
from ui.components.agent_card import SPAN_WORDS, AgentHead
from ui.components.agent_parts import Hands, Numbers, TakesChips
from ui.components.agent_words import OUTCOMES, span_words
from ui.components.apology import missing
from ui.components.chart import ThroughputChart
from ui.components.keyed import KeyedRows
from ui.components.marks import show_time
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.layout import Shell
from ui.pages.following import WatchingView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/agents"
ALL_TYPES = 100

OnSpan = Callable[[Span], object]
OnWanted = Callable[[Wanted], object]


class AgentPage(WatchingView):
    """One tab's view of one agent; each part is patched where it differs."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        super().__init__(shell)
        self._key = arguments.path_parameters["key"]
        self._span: Span = "day"
        self._board: _Board | None = None
        Node("a", "All agents", "button plain back", href=PATH, data_icon="arrow_back")
        self._missing = Redrawn()
        self._root = Node("div", "", "stack agent-page")
        with self._root:
            self._skeleton = Node("div", "", "skeleton", aria_hidden="true")
        self._follow("Agent Watcher", PATH)

    async def read(self, reader: Reader) -> Draw:
        """Read the agent again; what happened lately only if the stream has not followed it."""
        try:
            agent = await reader.queries.watcher.agent(self._key)
        except NotFound:
            return self._show_missing
        wanted = self._stream.wanted if self._stream else Wanted(self._key)
        used = (await reader.used_today()).get(self._key)
        return partial(self._show, agent, used, wanted, await self._read_lately(wanted))

    # -- what is shown ---------------------------------------------------------------------------------------

    def _show_missing(self) -> None:
        self._leave()
        self._root.client.status_code = 404
        self._root.change(hidden=True)
        self._missing.show("missing", partial(missing, "agent"))

    def _show(self, agent: AgentAtWork, used: Sum | None, wanted: Wanted, lately: list[Item] | None) -> None:
        if self._board is None:
            self._skeleton.delete()
            with self._root:
                self._board = _Board(self._shell, agent, self._on_span, self._on_wanted)
            self._stream = self._board.stream
        self._board.show(agent, used)
        self._show_numbers()
        self._show_lately(wanted, lately)

    def _show_numbers(self) -> None:
        if self._board is None:
            return
        self._board.chart.show(self._span, self._statistics.throughput_of(self._key, self._span))
        span: Span = "week" if self._span == "week" else "day"
        self._board.span.change(SPAN_WORDS[span])
        self._board.numbers.show(self._statistics.of_agent(self._key, span))
        types = self._statistics.types_of(self._key, span)
        self._board.failures.show((span, types), partial(self._draw_types, span, types))

    def _draw_types(self, span: Span, types: Mapping[str, TypeStats]) -> None:
        Node("p", SPAN_WORDS[span], "muted")
        failing = sorted(
            ((key, stats) for key, stats in types.items() if stats.failed), key=lambda each: -each[1].failed
        )
        for key, stats in failing:
            job_type = self._shell.atlas.queries.job_type(key)
            with Node("div", "", "failing"):
                href = f"/app/jobs?agent={self._key}&type={key}&status=failed"
                Node("a", job_type.label if job_type else key, href=href)
                Node("span", f"{stats.failed:,} of {stats.attempts:,} attempts failed", "muted")
        if not failing:
            Node("p", "No attempt failed." if types else "No attempt has ended.", "calm", data_icon="check_circle")

    def _hands(self) -> Mapping[str, Hands]:
        return {self._key: self._board.hands} if self._board else {}

    def _on_span(self, span: Span) -> None:
        self._span = span
        self._show_numbers()


class _Board:
    def __init__(self, shell: Shell, agent: AgentAtWork, on_span: OnSpan, on_wanted: OnWanted) -> None:
        with Node("section", "", "panel agent-top", aria_label=agent.name):
            self._head = AgentHead(shell, agent, is_link=False)
            self._takes = TakesChips(ALL_TYPES)
            with Node("div", "", "agent-past"):
                self.span = Node("span", "", "muted")
                self.numbers = Numbers()
        with Node("div", "", "split"):
            with Node("div", "", "stack"):
                with _panel("Under way"):
                    self.hands = Hands(agent.key)
                self.chart = ThroughputChart(on_span)
                self.stream = ActivityStream(Wanted(agent.key), on_wanted, agent=agent.key)
            with Node("div", "", "stack"):
                with _panel("Last jobs"):
                    self._done: KeyedRows[Done] = KeyedRows("done-rows", lambda done: done.finished_at, _DoneRow)
                    self._nothing = Node("p", "It has ended no job within a week.", "muted", hidden=True)
                    Node("a", "All of its jobs", "more-link", href=f"/app/jobs?agent={agent.key}&view=history")
                with _panel("Failures by type"):
                    self.failures = Redrawn()

    def show(self, agent: AgentAtWork, used: Sum | None) -> None:
        self._head.show(agent)
        self._head.use(used)
        self._takes.show(agent.takes)
        self.hands.show(agent)
        self._done.show(agent.done)
        self._nothing.change(hidden=True if agent.done else None)


class _DoneRow:
    def __init__(self, done: Done) -> None:
        kind, icon, word = OUTCOMES[done.outcome]
        with Node("div", "", f"done-row tone-{kind}", role="listitem", data_icon=icon) as self.root:
            with Node("div", "", "done-what"):
                Node("a", done.name, href=f"/app/jobs/{done.job_id}", title=done.summary or done.name)
                Node("span", f"{word} after {span_words(done.ran)}", "muted")
            show_time(Node("time"), done.finished_at, clock.now(), show="ago")

    def show(self, done: Done) -> None:
        """What is over stays as it is."""


def _panel(title: str) -> Node:
    panel = Node("section", "", "panel", aria_label=title)
    with panel:
        Node("h2", title)
    return panel
