"""Data in fenced blocks as tables, where a text is read without its charts."""

import re

from engine.renders.documents.chart_data import Chart, chart_of
from engine.renders.documents.csv_text import rows_of
from engine.renders.program import Fault

_OPENS = re.compile(r"(`{3,}|~{3,})[ \t]*(csv|chart)[ \t]*")


def with_tables(text: str) -> str:
    """The Markdown with each `csv` and `chart` block as a table; one that cannot be read stays as it is written."""
    done: list[str] = []
    fence, kind, begun = "", "", 0
    for line in text.splitlines():
        done.append(line)
        if not fence and (opens := _OPENS.fullmatch(line)):
            fence, kind, begun = opens[1], opens[2], len(done) - 1
        elif fence and line.rstrip() == fence:
            if table := _table(kind, "\n".join(done[begun + 1 : -1])):
                done[begun:] = [table]
            fence = ""
    return "\n".join(done)


def _table(kind: str, text: str) -> str:
    try:
        if kind == "chart":
            return _of_chart(chart_of(text))
        rows = rows_of(text, "The table")
        return _written(rows) if rows else ""
    except Fault:
        return ""


def _of_chart(chart: Chart) -> str:
    values = zip(*(series.values for series in chart.series), strict=True)
    lines = [[label, *map(_number, row)] for label, row in zip(chart.labels, values, strict=True)]
    title = f"**{_escaped(chart.title)}**\n\n" if chart.title else ""
    return title + _written([["", *(series.name for series in chart.series)], *lines])


def _written(rows: list[list[str]]) -> str:
    width = max(map(len, rows))
    padded = [[*map(_escaped, row), *[""] * (width - len(row))] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    return "\n".join(["", lines[0], "|" + " --- |" * width, *lines[1:], ""])


def _escaped(text: str) -> str:
    return " ".join(re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", text).split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.10g}"
