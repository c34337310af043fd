"""A part of a page that is drawn anew when what it shows has changed, and left alone otherwise."""

from collections.abc import Callable

from ui.components.node import Node

_NOTHING = object()


class Redrawn:
    """Left alone, it keeps focus, selection and scroll."""

    def __init__(self, classes: str = "redrawn") -> None:
        self._root = Node("div", "", classes)
        self._shown: object = _NOTHING

    def show(self, content: object, draw: Callable[[], None]) -> None:
        """Draw if `content` differs from what is shown."""
        if content == self._shown:
            return
        self._shown = content
        self._root.clear()
        with self._root:
            draw()
