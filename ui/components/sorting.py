"""In which order the lists stand."""

from collections.abc import Awaitable, Callable
from functools import partial

from models.wanted import Sort
from ui.components.asked import Asked
from ui.components.menu import Menu
from ui.components.node import button

ORDERS = {
    Sort.NEWEST: "Newest first",
    Sort.OLDEST: "Oldest first",
    Sort.PRIORITY: "By priority",
    Sort.ENDED: "Ended last first",
}


class Sorting:
    """A button that says the order, with a menu. `on_sort` is called with the order, None for the usual one."""

    def __init__(self, on_sort: Callable[[Sort | None], Awaitable[None]]) -> None:
        self._on_sort = on_sort
        self._holds = Sort.NEWEST
        self._button = button(ORDERS[self._holds], "", "sort", aria_label=f"Sort: {ORDERS[self._holds]}")
        Menu(self._button, "Sort", self._fill)

    def show(self, asked: Asked) -> None:
        """Write which order holds."""
        self._holds = asked.sort or Sort.NEWEST
        self._button.change(ORDERS[self._holds], aria_label=f"Sort: {ORDERS[self._holds]}")

    def _fill(self, menu: Menu) -> None:
        for sort, words in ORDERS.items():
            chosen = partial(self._on_sort, None if sort is Sort.NEWEST else sort)
            menu.item(words, chosen, icon="radio_button_checked" if sort is self._holds else "radio_button_unchecked")
