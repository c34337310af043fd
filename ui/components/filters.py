"""The type filter: pills with counts, the chosen one filled."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from models.states import Category
from ui.components.asked import Asked
from ui.components.many import many
from ui.components.node import Node
from ui.present import count
from ui.theme import CATEGORIES


class Filters:
    """`on_choose` is called with the category, None for All."""

    def __init__(self, on_choose: Callable[[str | None], Awaitable[None]]) -> None:
        self._pills: dict[Category | None, tuple[Node, Node]] = {}
        with Node("div", "", "filters", role="group", aria_label="Type"):
            for category, label in CATEGORIES.items():
                pill = Node("button", "", "pill", type="button", aria_label=label, aria_pressed="false")
                pill.on_press(partial(on_choose, category))
                with pill:
                    Node("span", label)
                    self._pills[category] = (pill, Node("span", "", "pill-count"))

    def show(self, asked: Asked, counts: Counter[str] | None, found: int, *, capped: bool) -> None:
        """Fill the chosen pill, and write the counts: while something else is looked for, that of the chosen one."""
        for category, (pill, number) in self._pills.items():
            chosen = category == asked.category and (category is not None or not asked.criteria.types)
            total = found if chosen else None
            if counts is not None:
                total = counts.total() if category is None else counts[category]
            pill.change(
                aria_pressed="true" if chosen else "false",
                title=many(total, capped=capped) if total is not None else None,
            )
            number.change(text=count(total) if total is not None else "")
