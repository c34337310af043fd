"""Arrow buttons and where one is."""

from collections.abc import Awaitable, Callable

from ui.components.node import Node, icon_button

_NAMES: dict[str, str] = {"Active jobs": "Pagination", "Completed jobs": "Pagination\u200b"}
"""Both are called Pagination; a zero-width space keeps the two landmarks apart for tools that compare names."""


class Pagination:
    """`on_page` is called with the number of the page that was asked for."""

    def __init__(self, title: str, on_page: Callable[[int], Awaitable[None]]) -> None:
        self._on_page = on_page
        self._number = self._pages = 1
        with Node("nav", "", "pagination", aria_label=_NAMES.get(title, "Pagination")) as self._root:
            self._previous = icon_button("Previous page", "chevron_left").on_press(lambda: self._turn(-1), repeats=True)
            self._text = Node("span")
            self._next = icon_button("Next page", "chevron_right").on_press(lambda: self._turn(1), repeats=True)

    def show(self, number: int, pages: int, *, visible: bool) -> None:
        """Tell where one is; an arrow that leads nowhere is disabled."""
        self._number, self._pages = number, pages
        self._root.change(hidden=None if visible else True)
        self._text.change(text=f"Page {number} of {pages}")
        self._previous.change(aria_disabled="true" if number <= 1 else None)
        self._next.change(aria_disabled="true" if number >= pages else None)

    async def _turn(self, step: int) -> None:
        if 1 <= self._number + step <= self._pages:
            self._number += step  # the next press goes on from here, though the list is not there yet
            await self._on_page(self._number)
