"""Tables on paper: type that fits the number of columns, and columns that fill the line together."""

from typing import Any

from engine.renders.documents.nodes import Node, node, plain, raw_block
from engine.renders.documents.pictures import TEXT_WIDTH
from engine.renders.documents.tables import MOST_COLUMNS, column_count

_SIZES = ((6, 9.2), (8, 8.4), (12, 7.4), (18, 6.4))  # columns at most, and the size of type that fits them
_SMALLEST = 5.0
_POINTS_IN_MM = 72 / 25.4
_SIGN_WIDTH = 0.54  # of the size of type, on average
_BETWEEN = ((6, 14.0), (8, 10.0), (12, 7.0), (MOST_COLUMNS, 3.2))  # columns at most, and points between two of them
_SHORTEST = 4  # signs for which a column has room in any case


def typst_table(content: list[Any]) -> list[Node]:
    """The table in a size of type that fits; columns that have room share what is left of the line."""
    columns = column_count(content)
    size = next((size for most, size in _SIZES if columns <= most), _SMALLEST)
    signs = _longest(content)
    gap = next(points for most, points in _BETWEEN if columns <= most)
    needed = sum(signs) * _SIGN_WIDTH * size + columns * gap
    made = content
    if needed <= TEXT_WIDTH * _POINTS_IN_MM:
        shares = [(each * _SIGN_WIDTH * size + gap) / needed for each in signs]
        widths = [[column[0], node("ColWidth", share)] for column, share in zip(content[2], shares, strict=True)]
        made = [*content[:2], widths, *content[3:]]
    return [raw_block("typst", f"#sized({size}pt, {columns})["), node("Table", made), raw_block("typst", "]")]


def _longest(content: list[Any]) -> list[int]:
    longest = [_SHORTEST] * column_count(content)
    rows = [*content[3][1], *(row for body in content[4] for row in body[3])]
    for row in rows:
        for index, cell in enumerate(row[1][: len(longest)]):
            longest[index] = max(longest[index], len(plain(cell[4])))
    return longest
