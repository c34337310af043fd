"""A text that a language model may draft from a brief; what was there before can be brought back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from engine.errors import AttemptError, JobRunnerError
from ui.components.fields import TextField
from ui.components.keyboard import give_keyboard
from ui.components.node import Node, button


@dataclass(frozen=True)
class Drafter:
    """Who writes drafts: `missing` says what to set first, if anything is."""

    missing: str | None
    write: Callable[[str, str], Awaitable[str]]


class DraftField(TextField):
    """Several lines, with "Write it for me" below them; `kind` is what is to be written."""

    def __init__(self, title: str, *, kind: str, drafter: Drafter, **more: Any) -> None:
        self._kind, self._drafter = kind, drafter
        self._former = ""
        super().__init__(title, multiline=True, **more)
        self._box.move(self._label.root)  # below the place for a fault, which belongs to the text

    def _build(self, target: str) -> Any:
        text = super()._build(target)
        with Node("div", "", "draft") as self._box:
            with Node("div", "", "buttons"):
                self._open = button("Write it for me", "small", "auto_awesome").on_press(self._ask)
                self._back = button("Bring back what was there", "small", "undo").on_press(self._bring_back)
            with Node("div", "", "draft-brief", hidden=True) as self._brief_box:
                self._brief = ui.textarea(placeholder="What should it say, to whom, in which tone?")
                self._brief.props("outlined dense autogrow").props["aria-label"] = "Brief"
                button("Write", "small primary").on_press(self._write)
            self._told = Node("p", "", "muted", role="status")
        self._back.change(hidden=True)
        if self._drafter.missing:
            self._open.change(aria_disabled="true", title=self._drafter.missing)
        return text

    def _ask(self) -> None:
        if self._drafter.missing:
            self._told.change(text=f"{self._drafter.missing}.")
            return
        is_open = not self._brief_box.props.get("hidden")
        self._brief_box.change(hidden=True if is_open else None)
        if not is_open:
            give_keyboard(self._brief)

    async def _write(self) -> None:
        brief = (self._brief.value or "").strip()
        if not brief:
            self._told.change(text="Say first what it is about.")
            return
        self._told.change(text="Writing …")
        try:
            written = await self._drafter.write(self._kind, brief)
        except (AttemptError, JobRunnerError) as error:
            self._told.change(text=str(error))
            return
        self._former = self._input.value or ""
        self._input.set_value(written)
        self._back.change(hidden=None if self._former else True)
        self._brief_box.change(hidden=True)
        self._told.change(text="A draft: read it before you send it.")

    def _bring_back(self) -> None:
        self._input.set_value(self._former)
        self._back.change(hidden=True)
        self._told.change(text="")
