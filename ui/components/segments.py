"""A few things of which one is chosen, side by side."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from ui.components.node import Node

K = TypeVar("K", bound=str)


class Segments(Generic[K]):
    """Radio buttons by key; arrow keys choose. `on_choose` is called with the key that somebody pressed."""

    def __init__(self, name: str, labels: Mapping[K, str], on_choose: Callable[[K], object]) -> None:
        self._buttons: dict[K, Node] = {}
        with Node("div", "", "segmented", role="radiogroup", aria_label=name):
            for key, label in labels.items():
                node = Node("button", label, "", type="button", role="radio", aria_checked="false", tabindex="-1")
                self._buttons[key] = node.on_press(partial(on_choose, key))

    def show(self, chosen: K) -> None:
        """Mark the chosen one."""
        for key, node in self._buttons.items():
            is_chosen = key == chosen
            node.change(aria_checked="true" if is_chosen else "false", tabindex="0" if is_chosen else "-1")
