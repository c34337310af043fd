"""A payload or a result as people read it: names and values, long text as it was written, addresses as links."""

from typing import Any

from ui.components.node import Node
from ui.present import web_link

LONG = 80


def show_payload(values: dict[str, Any]) -> None:
    """One line a short value, a block a long one; text is only ever text."""
    short = {name: text for name, value in values.items() if len(text := words(value)) <= LONG and "\n" not in text}
    linked = {name for name, value in values.items() if _links(value)}
    if short or linked:
        with Node("dl", "", "facts payload"):
            for name in [name for name in values if name in short or name in linked]:
                Node("dt", label(name))
                _show_value(values[name])
    for name, value in values.items():
        if name not in short and name not in linked:
            with Node("div", "", "form-field"):
                Node("div", label(name), "label")
                if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
                    _show_list(value)
                else:
                    Node("p", words(value), "text-block")


def _show_list(entries: list[dict[str, Any]]) -> None:
    """What has parts is told one after the other."""
    with Node("ol", "", "entries"):
        for entry in entries:
            Node("li", words(entry))


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
        case {"file": str(), "name": str(name)}:
            return name
        case {"file": str(file), **rest} if not rest:
            return f"{file[:8]}….{file.rpartition('.')[2]}"
        case dict():
            return "; ".join(f"{label(name)}: {words(entry)}" for name, entry in value.items()) or "—"
        case _:
            return str(value)


def _show_value(value: Any) -> None:
    links = _links(value)
    with Node("dd", "" if links else words(value)):
        for text, address in links:
            Node("a", text, "value-link", href=address, target="_blank", rel="noopener")


def _links(value: Any) -> list[tuple[str, str]]:
    """The text and address of each link, if the value is one, or a list of things that each have one."""
    entries = value if isinstance(value, list) else [value]
    links = []
    for entry in entries:
        address = entry.get("url") if isinstance(entry, dict) else entry
        is_path = isinstance(address, str) and address.startswith("/") and not isinstance(entry, dict)
        if not isinstance(address, str) or is_path or " " in address or not web_link(address):
            return []
        name = str(entry.get("channel", "")) if isinstance(entry, dict) else ""
        links.append((f"{name}: {address}" if name else address, address))
    return links
