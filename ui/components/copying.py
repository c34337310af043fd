"""Buttons that copy, and say so; the copying itself is the browser's."""

from ui.components.node import Node, button, icon_button


def copy_button(label: str, source: Node, kind: str = "small") -> Node:
    """Copies the text of an element as it is shown."""
    return button(label, kind, "content_copy", data_copies=source.html_id, aria_live="polite")


def copy_icon(label: str, text: str) -> Node:
    """Copies this text."""
    return icon_button(label, "content_copy", data_copy_text=text).classes("tiny")
