"""A plain HTML element: the lightest thing that NiceGUI can keep in step with a browser."""

from typing import Any, Self

from nicegui import ui


class Node(ui.element):
    """`Node("a", "Jobs", "nav-link", href="/app/jobs")`; text is only ever text. Underscores in names become dashes."""

    def __init__(self, tag: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        super().__init__(tag)
        self._text = text or None
        # A new element is sent whole, so nobody needs to observe how its attributes came to be.
        list.extend(self.classes, classes.split())
        dict.update(self.props, {name.replace("_", "-"): value for name, value in attributes.items()})

    def change(self, text: str | None = None, classes: str | None = None, **attributes: Any) -> Self:
        """Patch what differs; a browser that shows it already is told nothing. None removes an attribute."""
        changed = False
        if text is not None and text != (self._text or ""):
            self._text, changed = text, True
        if classes is not None and (wanted := classes.split()) != list(self.classes):
            self.classes[:] = wanted
            changed = True
        with self.props.suspend_updates():
            for name, value in attributes.items():
                key = name.replace("_", "-")
                if self.props.get(key) != value:
                    self.props.set_optional(key, value)
                    changed = True
        if changed:
            self.update()
        return self


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
