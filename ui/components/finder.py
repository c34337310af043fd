"""The row that finds jobs: current or all, a word to search for, filters, order, views."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from engine.finding import MAX_TEXT, Criteria
from models.wanted import Sort
from ui.components.asked import Asked
from ui.components.chips import Chips, chips_of
from ui.components.export import Export
from ui.components.filter_panel import FilterPanel
from ui.components.inbox_list import on_emit
from ui.components.node import Node, button
from ui.components.saved_views import ViewsMenu
from ui.components.sorting import Sorting
from ui.layout import Shell

# It is told what was typed a quarter of a second after the last key; what is typed is never written over.
_TYPED = """(event) => {
  const field = event.target, tell = () => emit(field.value);
  clearTimeout(field.waiting);
  field.parentElement.dataset.busy = '';
  field.waiting = setTimeout(tell, 250);
}"""
_KEY = """(event) => {
  const field = event.target, isClear = event.key === 'Escape';
  if (event.key !== 'Enter' && !isClear) return;
  event.preventDefault();
  event.stopPropagation();
  if (isClear && !field.value) return field.blur();
  if (isClear) field.value = '';
  clearTimeout(field.waiting);
  emit(field.value);
}"""


class Finds(Protocol):
    """What the row asks of its page."""

    async def on_text(self, text: str) -> None:
        """Somebody searches."""

    async def on_criteria(self, criteria: Criteria) -> None:
        """Something else is looked for."""

    async def on_change(self, **changes: Any) -> None:
        """These criteria are other ones."""

    async def on_sort(self, sort: Sort | None) -> None:
        """Another order."""

    async def on_history(self, history: bool) -> None:
        """Every job as one list, or what is current."""

    async def on_clear(self) -> None:
        """Everything is looked for again."""


class Finder:
    """Shows what is asked for, and tells the page what people ask for instead."""

    def __init__(self, shell: Shell, page: Finds) -> None:
        self._shell, self._page = shell, page
        self._held: str | None = ""
        with Node("div", "", "finder"):
            self._views = _Segments(page.on_history)
            with Node("div", "", "search-field", data_icon="search"):
                self._search = Node(
                    "input", type="search", aria_label="Search jobs", placeholder="Search jobs", maxlength=MAX_TEXT
                )
                self._search.change(autocomplete="off", spellcheck="false", aria_keyshortcuts="/")
                Node("kbd", "/", "search-key", aria_hidden="true")
            with Node("div", "", "finder-tools"):
                self._toggle = button("Filters", "", "filter_list", aria_expanded="false")
                self._toggle.on_press(self._open_or_close)
                self._sorting = Sorting(page.on_sort)
                self._saved = ViewsMenu(shell)
                self._export = Export("Export what matches")
        for event, js_handler in (("input", _TYPED), ("keydown", _KEY)):
            on_emit(self._search, event, js_handler, self._on_text)
        self._panel = FilterPanel(shell, page.on_change, self._close)
        self._chips = Chips(self._on_chip, self.on_clear)
        self._faults = Node("p", "", "muted finder-faults", role="status")

    def show(self, asked: Asked, names: dict[str, str], faults: tuple[str, ...]) -> None:
        """Write what holds, and what of the address was left out."""
        chips = chips_of(asked, names)
        filters = [chip for chip in chips if chip.rest.q == asked.criteria.q]
        label = f"Filters, {len(filters)} set" if filters else "Filters"
        self._toggle.change(f"Filters · {len(filters)}" if filters else "Filters", aria_label=label)
        self._chips.show(chips)
        self._views.show(history=asked.shows_history)
        self._sorting.show(asked)
        self._saved.show(asked)
        self._panel.show(asked.criteria)
        self._export.show(asked.shown)
        said = f"{'; '.join(faults)}: left out of the filter." if faults else ""
        self._faults.change(said[:1].upper() + said[1:], hidden=None if faults else True)
        self._show_text(asked.criteria.q)

    def _show_text(self, text: str) -> None:
        """NOTE: the field has no `value` among its attributes: the browser would write that over what is typed."""
        if text != self._held:
            self._held = text
            self._search.client.run_javascript(f"showFound(...{json.dumps([self._search.id, text])})")

    async def on_clear(self) -> None:
        """Look for everything; the button that was pressed goes with the filters."""
        await self._page.on_clear()
        self._refocus()

    async def _on_chip(self, criteria: Criteria) -> None:
        await self._page.on_criteria(criteria)
        self._refocus()

    def _refocus(self) -> None:
        self._toggle.client.run_javascript(f"focusIfLost({self._toggle.id})")

    async def _on_text(self, text: object) -> None:
        self._held = None  # the browser hears of it also when nothing else was found
        await self._page.on_text(str(text)[:MAX_TEXT].strip())

    async def _open_or_close(self) -> None:
        if self._panel.is_open:
            self._close()
        else:
            await self._panel.open()
            self._toggle.change(aria_expanded="true", aria_controls=self._panel.id)

    def _close(self) -> None:
        """The keyboard goes back to where the filters were opened."""
        self._panel.close()
        self._toggle.change(aria_expanded="false", aria_controls=None)
        self._toggle.client.run_javascript(f"getHtmlElement({self._toggle.id})?.focus()")


class _Segments:
    """Current | History."""

    def __init__(self, on_history: Callable[[bool], Awaitable[None]]) -> None:
        self._options: dict[bool, Node] = {}
        with Node("div", "", "segmented", role="radiogroup", aria_label="Which jobs"):
            for history, word in ((False, "Current"), (True, "History")):
                option = Node("button", word, "", type="button", role="radio", aria_checked="false")
                self._options[history] = option.on_press(partial(on_history, history))

    def show(self, *, history: bool) -> None:
        for which, option in self._options.items():
            chosen = which is history
            option.change(aria_checked="true" if chosen else "false", tabindex=0 if chosen else -1)
