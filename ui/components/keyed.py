"""Rows that stay what they are: each is made once, patched where it differs, and moved to its place."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from ui.components.node import Node

T = TypeVar("T", contravariant=True)
U = TypeVar("U")


class Row(Protocol[T]):
    """What is shown of an item; `root` is its element."""

    root: Node

    def show(self, item: T) -> None:
        """Bring it up to date."""


class KeyedRows(Generic[U]):
    """Nothing is drawn anew, so focus and scroll stay. `make` builds a row where it is called, and need not show it."""

    def __init__(
        self, classes: str, key: Callable[[U], Hashable], make: Callable[[U], Row[U]], *, tag: str = "div"
    ) -> None:
        self._key, self._make = key, make
        self._rows: dict[Hashable, Row[U]] = {}
        self._container = Node(tag, "", classes)
        if tag == "div":
            self._container.change(role="list")

    def show(self, items: Sequence[U]) -> None:
        """Make the rows these, in this order."""
        wanted = {self._key(item): item for item in items}
        for key in self._rows.keys() - wanted.keys():
            self._rows.pop(key).root.delete()
        for position, (key, item) in enumerate(wanted.items()):
            if key not in self._rows:
                with self._container:
                    self._rows[key] = self._make(item)
            self._rows[key].show(item)
            self._place(self._rows[key].root, position)
        self._container.change(hidden=None if wanted else True)

    def _place(self, root: Node, position: int) -> None:
        if self._container.default_slot.children[position] is not root:
            root.move(target_index=position)
