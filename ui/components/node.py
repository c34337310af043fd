"""A plain HTML element: the lightest thing that NiceGUI can keep in step with a browser."""

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any, Self

from nicegui import helpers, ui
from nicegui.classes import Classes
from nicegui.props import Props
from nicegui.style import Style

ANY = "() => emit()"
SINGLE = "(event) => event.detail < 2 && emit()"

# For each new element NiceGUI looks three times at what a method takes, a quarter of what elements cost: it is known.
_UPDATES = {vars(observed)["_update"] for observed in (Classes, Props, Style)}
_expects_arguments = helpers.expects_arguments


def _known(function: Callable[..., Any]) -> bool:
    return getattr(function, "__func__", None) not in _UPDATES and _expects_arguments(function)


vars(helpers)["expects_arguments"] = _known


class Node(ui.element):
    """`Node("a", "Jobs", "nav-link", href="/app/jobs")`; text is only ever text. Underscores in names become dashes."""

    visible: Any = (
        True  # what hides has the attribute `hidden`: an observed value for each would cost more than it does
    )

    def __init__(self, tag: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        super().__init__(tag)
        self._text = text or None
        self._at_work: object | None = None  # stands for the press that is being served
        # A new element is sent whole, so nobody needs to observe how its attributes came to be.
        list.extend(self.classes, classes.split())
        dict.update(self.props, {name.replace("_", "-"): value for name, value in attributes.items()})
        # Observers, which `change` needs none of, refer to themselves: without them what is deleted is gone at once.
        for observed in (self._classes, self._style, self._props):
            observed._change_handlers.clear()

    @property
    def text(self) -> str:
        """What stands in it."""
        return self._text or ""

    def change(self, text: str | None = None, classes: str | None = None, **attributes: Any) -> Self:
        """Patch what differs; a browser that shows it already is told nothing. None removes an attribute."""
        changed = False
        if text is not None and text != (self._text or ""):
            self._text, changed = text, True
        if classes is not None and (wanted := classes.split()) != self._classes:
            self._classes[:] = wanted
            changed = True
        for name, value in attributes.items():
            key = name.replace("_", "-")
            if self._props.get(key) != value:
                self._props.set_optional(key, value)
                changed = True
        if changed:
            self.update()
        return self

    def on_press(self, handler: Callable[[], object], *, single: bool = False, repeats: bool = False) -> Self:
        """Call the handler for a press; a press while it is at work counts nothing, unless the button was relabelled.

        With `repeats` every press counts. With `single`, the second press of a double click counts nothing either: it
        may meet what replaced the first's aim. The handler may take its time: what it tells goes to the page, even
        when this button is long gone.
        """
        client = ui.context.client

        async def pressed() -> None:
            if self._at_work and not repeats:
                return
            press = self._at_work = object()
            try:
                with client:
                    result = handler()
                    if iscoroutine(result):
                        self.change(aria_busy="true")
                        await result
            finally:
                if self._at_work is press:
                    self._set_free()

        return self.on("click", pressed, js_handler=SINGLE if single else ANY)

    def relabel(self, label: str, icon: str) -> None:
        """Make an icon button another one, without taking the keyboard's focus from it."""
        if self.props.get("aria-label") != label:
            self.change(aria_label=label, title=label, data_icon=icon)
            self._set_free()

    def _set_free(self) -> None:
        self._at_work = None
        if not self.is_deleted:
            self.change(aria_busy=None)


def icon_button(label: str, icon: str, **attributes: Any) -> Node:
    """A button that shows an icon and is named by its label."""
    return Node(
        "button",
        "",
        "icon-button",
        type="button",
        aria_label=label,
        title=label,
        data_icon=icon,
        **attributes,
    )


def button(label: str, kind: str = "", icon: str | None = None, **attributes: Any) -> Node:
    """A button with a word on it."""
    node = Node("button", label, f"button {kind}".strip(), type="button", **attributes)
    return node.change(data_icon=icon) if icon else node
