"""The browser's own list to choose from: it needs nothing but the keyboard, and looks as people know it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ui.components.inbox_list import on_emit
from ui.components.node import Node

_CHOSEN = "(event) => emit(event.target.value)"


class Choice:
    """`on_choose` is called with the key of what was chosen."""

    def __init__(
        self, label: str, options: Mapping[str, str], on_choose: Callable[[str], Any], *, title: str = ""
    ) -> None:
        self._options: dict[str, Node] = {}
        with Node("label", title, "small-field") if title else Node("div", "", "redrawn"):
            self._root = Node("select", "", "choice", aria_label=label)
        self.offer(options)
        on_emit(self._root, "change", _CHOSEN, lambda key: on_choose(str(key)) if key in self._options else None)

    def offer(self, options: Mapping[str, str]) -> None:
        """Offer these as well."""
        with self._root:
            for key, text in options.items():
                if key not in self._options:
                    self._options[key] = Node("option", text, value=key)

    def show(self, key: str) -> None:
        """Write what holds; a key that is not offered is offered by its own name."""
        self.offer({key: key})
        for each, option in self._options.items():
            option.change(selected=True if each == key else None)


def remaining(keys: Iterable[str]) -> dict[str, str]:
    """Keys that are their own words."""
    return {key: key for key in keys}
