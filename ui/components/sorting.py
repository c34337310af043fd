"""In which order the lists stand."""

from collections.abc import Awaitable, Callable

from models.finding import Sort
from ui.components.asked import Asked
from ui.components.choice import Choice

ORDERS = {
    "": "Newest first",
    Sort.OLDEST.value: "Oldest first",
    Sort.PRIORITY.value: "By priority",
    Sort.ENDED.value: "Ended last first",
}


class Sorting:
    """`on_sort` is called with the order, None for the usual one."""

    def __init__(self, on_sort: Callable[[Sort | None], Awaitable[None]]) -> None:
        self._choice = Choice("Sort", ORDERS, lambda key: on_sort(Sort(key) if key else None))

    def show(self, asked: Asked) -> None:
        """Write which order holds."""
        self._choice.show(asked.sort.value if asked.sort and asked.sort is not Sort.NEWEST else "")
