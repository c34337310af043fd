"""What programs see of a payload or a result: the JSON itself, drawn when somebody unfolds it, to be copied."""

import json
from typing import Any

from ui.components.copying import copy_button
from ui.components.node import Node


class RawJson:
    """A fold; until it is opened, nothing of what is in it is sent."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[str, Any] = {}
        self._is_open = False
        self._text: Node | None = None
        with Node("details", "", "fold raw-json") as self._root:
            Node("summary", "Raw JSON", aria_label=f"Raw JSON of the {name}")
            self._place = Node("div", "", "raw-place")
        self._root.on("toggle", self._on_toggle, js_handler="(event) => emit(event.target.open)")

    def show(self, values: dict[str, Any]) -> None:
        """From now on it is of these."""
        self._values = values
        if self._text:
            self._text.change(text=_pretty(values))

    def _on_toggle(self, event: Any) -> None:
        if not event.args or self._text:
            return
        with self._place:
            tools = Node("div", "", "log-tools")
            self._text = Node("pre", _pretty(self._values), "", tabindex="0", aria_label=f"JSON of the {self._name}")
            self._text.change(role="group")
        with tools:
            copy_button(f"Copy {self._name}", self._text, "small plain")


def _pretty(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False)
