"""The Agent Watcher: every agent, what it does now and how it fares, and everything that happens, as it happens."""

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

from nicegui import PageArguments, ui

from engine.activity import Item
from engine.budgets.book import BudgetView
from engine.tally import Span
from engine.views import EngineView
from engine.watcher import AgentAtWork
from models.rights import Right
from models.usage import Sum
from ui.components.activity import ActivityStream
from ui.components.activity_words import KINDS, Kind, Wanted
from ui.components.agent_card import AgentCard
from ui.components.agent_parts import Hands
from ui.components.agent_words import summary
from ui.components.engine_rows import EngineRows
from ui.components.node import Node
from ui.components.redrawn import Redrawn
from ui.components.segments import Segments
from ui.components.spent_budgets import SpentBudgets
from ui.layout import Shell
from ui.pages.following import WatchingView
from ui.present import Badge
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/agents"
SPANS: dict[Span, str] = {"day": "Day", "week": "Week"}
MOST = 60  # cards; of more agents the rest is counted


class AgentsPage(WatchingView):
    """One tab's Agent Watcher; the span of the numbers and what the stream shows stand in the address."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        super().__init__(shell)
        self._cards: dict[str, AgentCard] = {}
        self._agents: Sequence[AgentAtWork] = ()
        self._used: Mapping[str, Sum] = {}
        self._budgets: Sequence[BudgetView] = ()
        self._span, wanted = _asked(dict(arguments.query_parameters))
        self._spent = SpentBudgets()
        with Node("section", "", "agents", aria_label="Agents"):
            with Node("div", "", "toolbar agents-head"):
                self._summary = Redrawn("agents-summary")
                self._segments: Segments[Span] = Segments("Numbers over", SPANS, self._on_span)
            self._grid = Node("div", "", "agent-cards")
            with self._grid:
                self._skeletons = [Node("div", "", "skeleton", aria_hidden="true") for _ in range(4)]
            self._more = Node("p", "", "muted", hidden=True)
            self._nobody = Redrawn()
        self._stream: ActivityStream = ActivityStream(wanted, self._on_wanted)
        self._engines = EngineRows(len(shell.atlas.queries.job_types()))
        self._follow("Agent Watcher", PATH)

    async def read(self, reader: Reader) -> Draw:
        """Read agents and engines again; what happened lately only if the stream has not followed it."""
        wanted = self._stream.wanted
        lately = await self._read_lately(wanted)
        self._used, self._budgets = await reader.used_today(), await reader.budgets()
        return partial(self._show, await reader.workforce(), await reader.engines(), wanted, lately)

    def on_address(self, address: str) -> None:
        """Back and Forward show what their address says."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._span, wanted = _asked(dict(parse_qsl(parts.query)))
            self._stream.want(wanted)
            self._show_numbers()
            self._shell.live.ask_refresh(self._shell)

    # -- what is shown ---------------------------------------------------------------------------------------

    def _show(
        self, agents: Sequence[AgentAtWork], engines: list[EngineView], wanted: Wanted, lately: list[Item] | None
    ) -> None:
        while self._skeletons:
            self._skeletons.pop().delete()
        self._spent.show(self._budgets)
        self._agents = agents[:MOST]
        self._more.change(
            f"{len(agents) - MOST:,} more agents are not shown.", hidden=True if len(agents) <= MOST else None
        )
        states = summary(agents)
        self._summary.show(states, partial(_draw_summary, states))
        self._place_cards()
        self._draw_cards()
        has_outside = any(agent.is_outside for agent in agents)
        self._nobody.show(has_outside, partial(_draw_way_in, is_shown=not has_outside, rights=self._shell.rights))
        self._engines.show(engines)
        self._stream.name({agent.key: agent.name for agent in agents})
        self._show_lately(wanted, lately)

    def _place_cards(self) -> None:
        wanted = [agent.key for agent in self._agents]
        for key in self._cards.keys() - set(wanted):
            self._cards.pop(key).root.delete()
        for position, agent in enumerate(self._agents):
            if agent.key not in self._cards:
                with self._grid:
                    self._cards[agent.key] = AgentCard(self._shell, agent)
            root = self._cards[agent.key].root
            if self._grid.default_slot.children[position] is not root:
                root.move(target_index=position)

    def _draw_cards(self) -> None:
        for agent in self._agents:
            self._cards[agent.key].show(agent)
            self._cards[agent.key].use(self._used.get(agent.key))
        self._show_numbers()

    def _show_numbers(self) -> None:
        self._segments.show(self._span)
        numbers = self._statistics
        for key, card in self._cards.items():
            slots = numbers.throughput_of(key, self._span).slots
            card.count(self._span, numbers.of_agent(key, self._span), slots)

    def _hands(self) -> Mapping[str, Hands]:
        return {key: card.hands for key, card in self._cards.items()}

    # -- what happens ----------------------------------------------------------------------------------------

    def _on_span(self, span: Span) -> None:
        self._span = span
        ui.navigate.history.push(self._address(self._stream.wanted))
        self._show_numbers()

    async def _on_wanted(self, wanted: Wanted) -> None:
        ui.navigate.history.push(self._address(wanted))
        await super()._on_wanted(wanted)

    def _address(self, wanted: Wanted) -> str:
        query = {"span": self._span if self._span != "day" else "", "agent": wanted.agent}
        query["show"] = wanted.kind if wanted.kind != "all" else ""
        told = urlencode({name: value for name, value in query.items() if value})
        return f"{PATH}?{told}" if told else PATH


def _asked(query: Mapping[str, str]) -> tuple[Span, Wanted]:
    kinds: dict[str, Kind] = {kind: kind for kind in KINDS}
    wanted = Wanted(query.get("agent", "")[:80], kinds.get(query.get("show", ""), "all"))
    return "week" if query.get("span") == "week" else "day", wanted


def _draw_summary(states: list[tuple[Badge, int]]) -> None:
    for badge, number in states:
        Node("span", f"{number:,} {badge.word.lower()}", f"badge tone-{badge.kind}", data_icon=badge.icon)


def _draw_way_in(*, is_shown: bool, rights: frozenset[Right]) -> None:
    if not is_shown:
        return
    with Node("div", "", "empty way-in"):
        Node("strong", "Bring an agent of your own")
        Node(
            "span",
            "A program of yours can claim jobs by REST or MCP, with a token of the scope “agent”, and is watched here.",
        )
        if Right.ADMINISTER in rights:
            with Node("div", "", "buttons"):
                Node("a", "Create a token", "button", href="/app/settings#tokens")
