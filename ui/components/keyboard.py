"""Where the keyboard goes when the server says so."""

from nicegui.element import Element


def give_keyboard(element: Element) -> None:
    """Move the keyboard there, but not from a field that somebody types in by the time this is told."""
    if not element.is_deleted:
        element.client.run_javascript(f"giveKeyboard({element.id})")
