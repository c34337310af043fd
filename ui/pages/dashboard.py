"""The home screen: what needs a person, where jobs stand, how much is done, why jobs failed, and who is at work."""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from nicegui import PageArguments, ui

from engine.budgets.book import BudgetView
from engine.overview import Board
from engine.statistics import Span
from ui.components.causes import CausesPanel
from ui.components.chart import SPANS, ThroughputChart
from ui.components.engine_panel import EnginePanel
from ui.components.getting_started import GettingStarted, steps_done
from ui.components.needs import NeedsPanel
from ui.components.node import Node
from ui.components.oldest import OldestPanel
from ui.components.spent_budgets import SpentBudgets
from ui.components.tiles import Tiles
from ui.layout import Shell
from ui.pages.following import FollowingView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app"
USUAL_SPAN: Span = "day"


class DashboardPage(FollowingView):
    """Until there is a job it shows the way in. The span of the throughput stands in the address."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        super().__init__(shell)
        self._span = _span(arguments.query_parameters.get("span"))
        self._start: GettingStarted | None = None
        self._board: _Board | None = None
        self._root = Node("div", "", "dashboard")
        self._follow("Dashboard", PATH)

    async def read(self, reader: Reader) -> Draw:
        """Read everything again."""
        statuses = await reader.statuses()
        if not statuses.total():
            has_mail_server = bool(self._shell.atlas.settings.smtp_host)
            done = steps_done(await reader.channels(), await reader.agents(), has_mail_server=has_mail_server)
            return partial(self._show_start, done)
        board = Board(
            needs=await reader.needs(),
            statuses=statuses,
            causes=await reader.causes(),
            oldest=await reader.oldest(),
            engine=await reader.engine(),
            engines=await reader.engines(),
        )
        return partial(self._show_board, board, await reader.budgets())

    def on_address(self, address: str) -> None:
        """Back and Forward show the span that they lead to."""
        parts = urlsplit(address)
        if parts.path.rstrip("/") == PATH:
            self._span = _span(dict(parse_qsl(parts.query)).get("span"))
            self._show_numbers()

    def _show_start(self, done: set[str]) -> None:
        if self._start is None:
            self._clear()
            with self._root:
                self._start = GettingStarted(self._shell.rights)
        self._start.show(done)

    def _show_board(self, board: Board, budgets: list[BudgetView]) -> None:
        if self._board is None:
            self._clear()
            with self._root:
                self._board = _Board(self._shell, self._on_span)
        self._board.show(board, budgets)
        self._show_numbers()

    def _clear(self) -> None:
        self._root.clear()
        self._start = self._board = None

    def _on_span(self, span: Span) -> None:
        self._span = span
        ui.navigate.history.push(PATH if span == USUAL_SPAN else f"{PATH}?span={span}")
        self._show_numbers()

    def _show_numbers(self) -> None:
        if self._board:
            self._board.chart.show(self._span, self._statistics.throughput(self._span))


class _Board:
    def __init__(self, shell: Shell, on_span: Callable[[Span], object]) -> None:
        self._spent = SpentBudgets()
        self._needs = NeedsPanel()
        self._tiles = Tiles()
        with Node("div", "", "split"):
            with Node("div", "", "stack"):
                self.chart = ThroughputChart(on_span)
                self._causes = CausesPanel(shell)
            with Node("div", "", "stack"):
                self._oldest = OldestPanel()
                self._engine = EnginePanel()

    def show(self, board: Board, budgets: list[BudgetView]) -> None:
        self._spent.show(budgets)
        self._needs.show(board.needs)
        self._tiles.show(board.statuses)
        self._causes.show(board.causes)
        self._oldest.show(board.oldest)
        self._engine.show(board.engine, board.online_since)


def _span(word: str | None) -> Span:
    return word if word in SPANS else USUAL_SPAN
