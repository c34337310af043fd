"""An attempt's log: lines are added as they come, and the browser keeps the end in view for whoever looks at it."""

import json
from collections.abc import Awaitable, Callable, Sequence

from engine.life import Lines
from engine.views import LogView
from ui.components.copying import copy_button
from ui.components.node import Node, button

Earlier = Callable[[int | None], Awaitable[Lines]]
"""Reads the lines before the one with this id, or the last ones."""


class Log:
    """Each batch of lines is one element, which the browser fills: what is shown is never sent again."""

    def __init__(self, name: str, earlier: Earlier, *, is_cut: bool) -> None:
        self._earlier = earlier
        self._first: int | None = None
        self._last = 0
        with Node("div", "", "log-panel", hidden=None if is_cut else True) as self._root:
            tools = Node("div", "", "log-tools")
            self._lines = Node("div", "", "log", role="log", aria_live="off", aria_label=f"Log of {name}", tabindex="0")
        with tools:
            self._more = button("Show earlier lines", "small plain", "expand_less", hidden=None if is_cut else True)
            self._more.on_press(self._show_earlier)
            copy_button("Copy log", self._lines, "small plain")

    def add(self, lines: Sequence[LogView]) -> None:
        """Show those that are not shown yet."""
        new = [line for line in lines if line.id > self._last]
        if not new:
            return
        self._last = new[-1].id
        self._first = self._first or new[0].id
        with self._lines:
            _lines(new)
        self._root.change(hidden=None)

    async def _show_earlier(self) -> None:
        if self._more.props.get("aria-disabled"):
            return
        earlier = await self._earlier(self._first)
        if earlier.lines:
            self._first = earlier.lines[0].id
            self._last = max(self._last, earlier.lines[-1].id)
            with self._lines:
                _lines(earlier.lines, data_earlier="yes").move(target_index=0)
        if not earlier.is_cut:
            self._more.change(text="That is the first line", aria_disabled="true")


def _lines(lines: Sequence[LogView], **more: str) -> Node:
    told = [[line.at.isoformat(), line.text] for line in lines]
    return Node("log-lines", "", "", data_lines=json.dumps(told, ensure_ascii=False), **more)
