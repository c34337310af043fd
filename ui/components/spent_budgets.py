"""A banner for each budget that is spent today: why jobs wait."""

from collections.abc import Sequence
from functools import partial

from engine.budgets.book import BudgetView
from ui.components.node import Node
from ui.components.redrawn import Redrawn


class SpentBudgets:
    """Not there while no budget is spent."""

    def __init__(self) -> None:
        self._root = Redrawn("stack spent-budgets")

    def show(self, budgets: Sequence[BudgetView]) -> None:
        """Bring it up to date."""
        spent = [view.words for view in budgets if view.is_spent]
        self._root.show(spent, partial(_draw, spent))


def _draw(spent: Sequence[str]) -> None:
    for words in spent:
        with Node("div", "", "banner budget-banner", role="status", data_icon="hourglass_disabled"):
            told = f"{words[:1].upper()}{words[1:]}. New jobs wait until tomorrow (UTC)."
            with Node("span"):
                Node("span", f"{told} ")
                Node("a", "See budgets", href="/app/settings#budgets-and-limits")
