"""Pandoc's document tree (pandoc-types 1.23): making its nodes, and reading their text."""

from collections.abc import Callable, Iterable
from typing import Any

Node = dict[str, Any]
Attributes = list[Any]  # an id, classes, and pairs of names and values

_SPACES = {"Space": " ", "SoftBreak": " ", "LineBreak": " "}
_TEXTS = {"Str": -1, "Code": 1, "Math": 1, "CodeBlock": 1}  # where in `c` the text is; -1: it is all of `c`


def node(kind: str, content: Any = None) -> Node:
    """A node of this kind."""
    return {"t": kind} if content is None else {"t": kind, "c": content}


def attributes(name: str = "", classes: Iterable[str] = (), **pairs: str) -> Attributes:
    """What nodes may have besides their content."""
    return [name, list(classes), [list(pair) for pair in pairs.items()]]


def words(text: str) -> list[Node]:
    """The text as inline nodes."""
    nodes: list[Node] = []
    for word in text.split():
        nodes += [node("Space"), node("Str", word)] if nodes else [node("Str", word)]
    return nodes


def raw_inline(form: str, text: str) -> Node:
    """Text that the writer of this format puts out as it is; never anything that somebody gave."""
    return node("RawInline", [form, text])


def raw_block(form: str, text: str) -> Node:
    """As `raw_inline`, as a block of its own."""
    return node("RawBlock", [form, text])


def table(head: list[list[Node]], rows: Iterable[list[list[Node]]], alignments: list[str], caption: list[Node]) -> Node:
    """A table of cells, each of inline nodes; alignments as AlignLeft, AlignRight, AlignCenter, AlignDefault."""
    columns = [[node(alignment), node("ColWidthDefault")] for alignment in alignments]
    head_rows = [_row(head)] if any(head) else []
    body = [attributes(), 0, [], [_row(row) for row in rows]]
    told = [None, [node("Plain", caption)] if caption else []]
    return node("Table", [attributes(), told, columns, [attributes(), head_rows], [body], [attributes(), []]])


def _row(cells: Iterable[list[Node]]) -> list[Any]:
    return [attributes(), [cell([node("Plain", inlines)] if inlines else []) for inlines in cells]]


def cell(blocks: list[Node]) -> list[Any]:
    """One cell of a table."""
    return [attributes(), node("AlignDefault"), 1, 1, blocks]


def figure(blocks: list[Node], caption: list[Node]) -> Node:
    """A picture with what is said below it."""
    told = [None, [node("Plain", caption)] if caption else []]
    return node("Figure", [attributes(), told, blocks])


def replaced(content: Any, change: Callable[[Node], list[Node] | None]) -> Any:
    """The tree with each node as `change` has it, from the leaves up; None keeps a node, a list takes its place."""
    if isinstance(content, dict):
        return {**content, "c": replaced(content["c"], change)} if "c" in content else content
    if not isinstance(content, list):
        return content
    found: list[Any] = []
    for part in content:
        part = replaced(part, change)
        new = change(part) if isinstance(part, dict) and "t" in part else None
        found += [part] if new is None else new
    return found


def texts_of(content: Any) -> list[str]:
    """Every piece of text in the order in which it is read, spaces among them."""
    found: list[str] = []
    _gather(content, found)
    return found


def _gather(content: Any, found: list[str]) -> None:
    if isinstance(content, list):
        for part in content:
            _gather(part, found)
    elif isinstance(content, dict) and "t" in content:
        kind: str = content["t"]
        inner: Any = content.get("c")
        if kind in _SPACES:
            found.append(" ")
        elif kind in _TEXTS:
            found.append(inner if _TEXTS[kind] < 0 else inner[_TEXTS[kind]])
        elif kind not in ("RawInline", "RawBlock"):
            _gather(inner, found)
            if kind in ("Para", "Plain", "Header"):
                found.append("\n")


def plain(content: Any) -> str:
    """The text without any form, on one line."""
    return " ".join("".join(texts_of(content)).split())
