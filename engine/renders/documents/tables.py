"""Tables: from comma-separated values or from Markdown, every row as long as the first, numbers at the right."""

from collections.abc import Callable
from typing import Any

from engine.renders.documents.csv_text import number_of, rows_of
from engine.renders.documents.nodes import Node, attributes, node, plain, table, words
from engine.renders.documents.remarks import Remarks
from engine.renders.program import Fault

MOST_ROWS = 2_000
MOST_COLUMNS = 24
MOST_CELLS = 30_000  # of all tables of a document: each takes some 25 KB of memory while pages are laid out
DEFAULT = "AlignDefault"

Clean = Callable[[list[Node]], list[Node]]


def table_of_csv(text: str, caption: str, number_side: str, remarks: Remarks) -> list[Node]:
    """The table that comma-separated values are; the first row is its head, numbers are aligned as AlignRight, say.

    Raises:
        Fault: it is too large, or cannot be read.
    """
    rows = rows_of(text, "A table")
    if not rows:
        return []
    width = max(len(row) for row in rows)
    _refuse_size(len(rows) - 1, width)
    if any(len(row) != width for row in rows):
        remarks.add("Rows of a table that are shorter than others are filled with empty cells", ", ".join(rows[0]))
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    head, *body = rows
    alignments = [_alignment([row[column] for row in body], number_side) for column in range(width)]
    cells = [[_unbroken(words(value)) for value in row] for row in body]
    return [table([words(value) for value in head], cells, alignments, words(caption))]


def cleaned_table(content: list[Any], number_side: str, clean: Clean) -> Node:
    """A table that Markdown made, with each cell's blocks cleaned.

    Raises:
        Fault: it is too large.
    """
    _, _, columns, head, bodies, _ = content
    rows = [row for body in bodies for row in (*body[2], *body[3])]
    _refuse_size(len(rows), len(columns))
    body_rows = [_cleaned_row(row, clean) for row in rows]
    head_rows = [row for row in (_cleaned_row(row, clean) for row in head[1]) if plain([cell[4] for cell in row[1]])]
    aligned = [_told_or_found(column[0], body_rows, index, number_side) for index, column in enumerate(columns)]
    kept = [[node(alignment), node("ColWidthDefault")] for alignment in aligned]
    body = [attributes(), 0, [], body_rows]
    return node("Table", [attributes(), [None, []], kept, [attributes(), head_rows], [body], [attributes(), []]])


def cell_count(content: list[Any]) -> int:
    """How many cells a table has, of which this is the content."""
    return column_count(content) * sum(len(body[3]) for body in content[4])


def column_count(content: list[Any]) -> int:
    """How many columns a table has, of which this is the content."""
    return len(content[2])


def _cleaned_row(row: list[Any], clean: Clean) -> list[Any]:
    cells = [[attributes(), node(DEFAULT), 1, 1, [_whole(block) for block in clean(cell[4])]] for cell in row[1]]
    return [attributes(), cells]


def _whole(block: Node) -> Node:
    return node("Plain", _unbroken(block["c"])) if block["t"] == "Plain" else block


def _unbroken(inlines: list[Node]) -> list[Node]:
    """A number with its currency or its per cent stays in one line."""
    if len(inlines) < 2 or any(each["t"] not in ("Str", "Space") for each in inlines):
        return inlines
    text = plain(inlines)
    return [node("Str", text.replace(" ", "\u00a0"))] if number_of(text) is not None else inlines


def _told_or_found(told: Node, rows: list[list[Any]], column: int, number_side: str) -> str:
    if told["t"] != DEFAULT:
        return str(told["t"])
    return _alignment([plain(row[1][column][4]) for row in rows if column < len(row[1])], number_side)


def _alignment(values: list[str], number_side: str) -> str:
    filled = [value for value in values if value and value not in ("–", "-", "—")]
    return number_side if filled and all(number_of(value) is not None for value in filled) else DEFAULT


def _refuse_size(rows: int, columns: int) -> None:
    if rows > MOST_ROWS:
        raise Fault(f"A table must have at most {MOST_ROWS:,} rows, not {rows:,}; divide it, or attach it as a file")
    if columns > MOST_COLUMNS:
        raise Fault(f"A table must have at most {MOST_COLUMNS} columns, not {columns}")
