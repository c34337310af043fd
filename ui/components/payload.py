"""A payload or a result as people read it: names and values, long text as it was written."""

from typing import Any

from ui.components.node import Node

LONG = 80


def show_payload(values: dict[str, Any]) -> None:
    """One line a short value, a block a long one; text is only ever text."""
    short = {name: text for name, value in values.items() if len(text := words(value)) <= LONG and "\n" not in text}
    if short:
        with Node("dl", "", "facts payload"):
            for name, text in short.items():
                Node("dt", label(name))
                Node("dd", text)
    for name, value in values.items():
        if name not in short:
            with Node("div", "", "form-field"):
                Node("div", label(name), "label")
                Node("p", words(value), "text-block")


def label(name: str) -> str:
    """A field's name for people."""
    return name.replace("_", " ").capitalize()


def words(value: Any) -> str:
    """A value as text: lists with commas, pictures by their description."""
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case None:
            return "—"
        case list():
            return ", ".join(words(entry) for entry in value) or "—"
        case {"alt": str(alt)}:
            return f"picture: {alt}"
        case dict():
            return "; ".join(f"{label(name)}: {words(entry)}" for name, entry in value.items()) or "—"
        case _:
            return str(value)
