"""A menu that hangs on a button: made when it is opened, so that a page does not pay for it before."""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable

from nicegui import ui

from ui.components.node import Node


class Menu:
    """`fill` is called with the menu each time it is opened, to put items in it."""

    def __init__(self, anchor: Node, label: str, fill: Callable[["Menu"], object]) -> None:
        self._anchor, self._label, self._fill = anchor, label, fill
        self._menu: ui.menu | None = None
        anchor.change(aria_haspopup="menu", aria_expanded="false").on_press(self._toggle)

    def heading(self, text: str) -> None:
        """A title over the items that follow."""
        Node("div", text, "menu-heading", aria_hidden="true")

    def divider(self) -> None:
        """A line between what goes somewhere and what does something."""
        Node("div", "", "menu-divider", role="separator")

    def item(self, text: str, on_press: Callable[[], object], *, icon: str = "", about: str = "") -> None:
        """Something to do."""
        item = Node("button", "", "menu-item", type="button", role="menuitem", data_icon=icon or None)
        item.on_press(partial(self._pressed, on_press))
        self._words(item, text, about)

    def link(
        self, text: str, href: str, *, icon: str = "", about: str = "", here: bool = False, download: bool = False
    ) -> None:
        """Somewhere to go, or something to load."""
        item = Node("a", "", "menu-item", role="menuitem", href=href, data_icon=icon or None)
        item.change(aria_current="page" if here else None, download="" if download else None)
        item.on("click", self._close, js_handler="() => emit()")
        self._words(item, text, about)

    def _words(self, item: Node, text: str, about: str) -> None:
        with item:
            Node("span", text, "menu-text")
            if about:
                Node("span", about, "menu-about")

    def _pressed(self, on_press: Callable[[], object]) -> object:
        self._close()
        return on_press()

    async def _toggle(self) -> None:
        if self._anchor.props.get("aria-disabled"):
            return
        if self._menu and self._menu.value:
            self._close()
            return
        if self._menu:
            self._menu.delete()  # it is just going
        with self._anchor, ui.menu() as menu:
            menu.on("hide", partial(self._gone, menu))
            filled = self._fill(self)
            if isawaitable(filled):
                await filled
        place = 'anchor="bottom right" self="top right"'
        self._menu = menu.props(
            f'no-parent-event auto-close {place} aria-label="{self._label}" transition-duration=120'
        )
        menu.open()
        self._anchor.change(aria_expanded="true")

    def _close(self) -> None:
        if self._menu:
            self._menu.close()

    def _gone(self, menu: ui.menu) -> None:
        if not menu.is_deleted:
            menu.delete()
        if self._menu is menu:
            self._menu = None
            self._anchor.change(aria_expanded="false")
