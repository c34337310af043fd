"""How figures are printed: a title, then a line a figure."""

import statistics
from collections.abc import Sequence


def title(text: str) -> None:
    """Begin a table."""
    print(f"\n{text}\n{'─' * len(text)}", flush=True)


def line(name: str, value: str, bound: str = "") -> None:
    """One figure, and the bound that it is meant to keep."""
    print(f"  {name:<52} {value:>16}  {bound}", flush=True)


def spread(values: Sequence[float], unit: str = "ms", digits: int = 0) -> str:
    """The median, and the least and the greatest."""
    return f"{statistics.median(values):.{digits}f} {unit} ({min(values):.{digits}f}–{max(values):.{digits}f})"
