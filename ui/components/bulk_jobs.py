"""The bar at the bottom while jobs are selected: how many, and what may be done with all of them at once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.errors import JobRunnerError
from engine.finding import Criteria
from models.looking import MOST_COUNTED
from models.states import Move, Priority
from ui.components.dialogs import confirm
from ui.components.export import Export
from ui.components.many import WISHES, Chosen, Wish, consequences, needs_question, why_not
from ui.components.menu import Menu
from ui.components.node import Node, button, icon_button
from ui.components.selection import Selection
from ui.components.toasts import say
from ui.layout import Shell

BUTTONS = (Move.RETRY, Move.PAUSE, Move.RESUME, Move.PRIORITIZE, Move.APPROVE, Move.CANCEL)


@dataclass(frozen=True)
class Offer:
    """A list of which everything may be selected, since all that is shown of it is."""

    region: str
    criteria: Criteria
    total: int
    capped: bool


class SelectionBar:
    """`on_everything` is called with the list of which everything is to be selected."""

    def __init__(self, shell: Shell, selection: Selection, on_everything: Callable[[Offer], Awaitable[None]]) -> None:
        self._shell, self._selection, self._on_everything = shell, selection, on_everything
        self._offer: Offer | None = None
        self._buttons: dict[str, Node] = {}
        with Node("div", "", "selection-bar", role="group", aria_label="Selected jobs", hidden=True) as self._root:
            with Node("div", "", "selection-what"):
                self._count = Node("strong", "", "", role="status")
                self._more = button("", "small plain").on_press(self._take_offer)
                clear = icon_button("Clear selection", "close", data_clear_selection="", aria_keyshortcuts="Escape")
                clear.on_press(selection.clear)
            with Node("div", "", "selection-verbs"):
                for move in BUTTONS:
                    self._add(WISHES[move])
                self._export = Export("Export selected", "small")

    def _add(self, wish: Wish) -> None:
        if wish.right not in self._shell.rights:
            return
        verb = button(wish.label, "small", wish.icon, aria_label=f"{wish.label} selected")
        self._buttons[wish.move] = verb
        if wish.move == Move.PRIORITIZE:
            Menu(verb, "Priority", self._priorities)
        else:
            verb.on_press(partial(self._press, wish, {}))

    def show(self, on_page: int, offer: Offer | None) -> None:
        """Tell what is selected, `on_page` of it on this page, and what may be done with it."""
        selection, self._offer = self._selection, offer
        if selection.is_empty:
            self._root.change(hidden=True)
            return
        self._root.change(hidden=None)
        chosen = selection.chosen()
        self._count.change(text=_told(selection, chosen, on_page))
        self._more.change(hidden=None if offer else True)
        if offer:
            self._more.change(text=f"Select all {offer.total:,}{'+' if offer.capped else ''} that match")
        for move, verb in self._buttons.items():
            reason = why_not(WISHES[move], chosen)
            verb.change(aria_disabled="true" if reason else None, title=reason or WISHES[move].label)
        everything = selection.everything
        self._export.show(everything.criteria if everything else None)

    async def _take_offer(self) -> None:
        if self._offer:
            await self._on_everything(self._offer)

    def _priorities(self, menu: Menu) -> None:
        for priority in reversed(Priority):
            word = priority.word
            menu.item(word.capitalize(), partial(self._press, WISHES[Move.PRIORITIZE], {"priority": word}))

    def _press(self, wish: Wish, arguments: dict[str, Any]) -> Awaitable[None] | None:
        if self._selection.is_empty:
            return None
        chosen = self._selection.chosen()
        if reason := why_not(wish, chosen):
            say(reason, is_good=False)
            return None
        begin = partial(self._begin, wish, arguments, _aim(self._selection))
        if not needs_question(wish, is_everything=self._selection.everything is not None):
            return begin()
        verb = wish.label if wish.move != Move.PRIORITIZE else f"Set {arguments['priority']} priority for"
        title = f"{verb} {chosen.told(wish)}"
        is_danger = wish.move == Move.CANCEL
        confirm(f"{title}?", consequences(wish, chosen), title, "Leave as they are", begin, danger=is_danger)
        return None

    async def _begin(self, wish: Wish, arguments: dict[str, Any], aim: Mapping[str, Any]) -> None:
        try:
            operation = await self._shell.desk.begin_operation(wish.move, arguments=arguments or None, **aim)
        except JobRunnerError as error:
            say(str(error), is_good=False)
            return
        self._selection.clear()
        self._shell.operations.show([operation])


def _aim(selection: Selection) -> dict[str, Any]:
    if selection.everything:
        return {"criteria": selection.everything.criteria}
    return {"ids": tuple(sorted(selection.jobs))}


def _told(selection: Selection, chosen: Chosen, on_page: int) -> str:
    if selection.everything:
        total = f"{MOST_COUNTED:,}+" if chosen.capped else f"{chosen.total:,}"
        return f"All {total} that match"
    number = len(selection.jobs)
    return f"{number:,} selected" if on_page == number else f"{number:,} selected, {on_page} on this page"
