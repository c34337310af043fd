"""A table of values over time, as CSV: the header `name,2019,2020`, then one row for each bar."""

import csv
import math
from dataclasses import dataclass

MAX_ROWS, MAX_STEPS = 20, 60
MAX_NAME, MAX_STEP_NAME = 60, 20
MOST = 1e15  # beyond it, floats no longer hold whole numbers with a decimal


@dataclass(frozen=True)
class Table:
    """`values[row][step]` is never negative."""

    names: tuple[str, ...]
    steps: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    decimals: int


def read(text: str) -> Table:
    """The table that this text holds.

    Raises:
        ValueError: says which rule which row breaks, as the end of a sentence.
    """
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.lstrip("\ufeff").splitlines(), strict=True)]
    except csv.Error as error:
        raise ValueError(f"must be CSV: {error}") from None
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError("must have a header such as name,2019,2020 and at least one row")
    steps = _steps(rows[0])
    if not 2 <= len(rows) <= MAX_ROWS + 1:
        raise ValueError(f"must have 1 to {MAX_ROWS} rows below its header, not {len(rows) - 1}")
    names = tuple(_name(row, number) for number, row in enumerate(rows[1:], 1))
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"must have each name once; {twice!r} is there twice")
    values = tuple(_values(row, number, steps) for number, row in enumerate(rows[1:], 1))
    cells = [cell for row in rows[1:] for cell in row[1:]]
    return Table(names, steps, values, min(2, max(_decimals(cell) for cell in cells)))


def _steps(header: list[str]) -> tuple[str, ...]:
    steps = tuple(header[1:])
    if not 2 <= len(steps) <= MAX_STEPS:
        told = ",".join(header)[:40]
        raise ValueError(f"must have 2 to {MAX_STEPS} steps in its header, as name,2019,2020 has two, not {told!r}")
    for step in steps:
        if not 1 <= len(step) <= MAX_STEP_NAME:
            raise ValueError(f"must have steps of 1 to {MAX_STEP_NAME} characters in its header, not {step[:40]!r}")
    return steps


def _name(row: list[str], number: int) -> str:
    if not 1 <= len(row[0]) <= MAX_NAME:
        raise ValueError(f"must name row {number} with 1 to {MAX_NAME} characters, not {row[0][:40]!r}")
    return row[0]


def _values(row: list[str], number: int, steps: tuple[str, ...]) -> tuple[float, ...]:
    if len(row) != len(steps) + 1:
        raise ValueError(f"must have {len(steps)} values in row {number} ({row[0]}), not {len(row) - 1}")
    return tuple(_value(cell, f"row {number} ({row[0]}), {step}") for cell, step in zip(row[1:], steps, strict=True))


def _value(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if math.isnan(value) or "_" in cell:
        raise ValueError(f"must have a number such as 1234.5 in {where}, not {cell[:40]!r}")
    if not 0 <= value <= MOST:
        raise ValueError(f"must have 0 to {MOST:,.0f} in {where}, not {cell[:40]}")
    return value


def _decimals(cell: str) -> int:
    return len(cell.partition(".")[2].rstrip("0")) if cell.replace(".", "", 1).isdigit() else 0
