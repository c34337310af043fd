"""A chart as it is written in Markdown: a few lines that say how it looks, then comma-separated values."""

import re
from dataclasses import dataclass

from engine.renders.documents.csv_text import number_of, rows_of
from engine.renders.program import Fault

KINDS = ("bar", "line", "pie", "stacked")
MOST_SERIES = 8  # as many colours as can be told from one another
MOST_POINTS = {"bar": 40, "stacked": 40, "line": 400, "pie": 12}
LARGEST = 1e15
_SETTING = re.compile(r"(type|title)\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """A row of values with its name; None is where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Chart:
    """What is drawn: `labels` are the points that every series has a value at."""

    kind: str
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def told(self) -> str:
        """The chart in words, for those who cannot see it."""
        names = ", ".join(series.name for series in self.series)
        return f"{self.title or 'Chart'}: {names}; from {self.labels[0]} to {self.labels[-1]}"


def chart_of(text: str) -> Chart:
    """The chart that the text of a fenced block says.

    Raises:
        Fault: naming the chart, the rule and the value.
    """
    settings, rest = _settings(text)
    kind, title = settings.get("type", "bar").lower(), settings.get("title", "")
    what = f"The chart “{title}”" if title else "A chart without a title"
    if kind not in KINDS:
        raise Fault(f"{what} must have a type of {', '.join(KINDS)}, not {kind!r}")
    rows = rows_of(rest, what)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise Fault(f"{what} must have a line of names, then at least one of values, as in “Month,Sales” and “May,12”")
    return _checked(Chart(kind, title, _labels(rows), _series(rows, what)), what)


def _settings(text: str) -> tuple[dict[str, str], str]:
    settings: dict[str, str] = {}
    lines = text.splitlines()
    while lines and (not lines[0].strip() or _SETTING.fullmatch(lines[0].strip())):
        if found := _SETTING.fullmatch(lines.pop(0).strip()):
            settings[found[1].lower()] = found[2].strip()
    return settings, "\n".join(lines)


def _labels(rows: list[list[str]]) -> tuple[str, ...]:
    return tuple(row[0] for row in rows[1:])


def _series(rows: list[list[str]], what: str) -> tuple[Series, ...]:
    names = rows[0][1:]
    if longer := next((row for row in rows[1:] if len(row) > len(rows[0])), None):
        raise Fault(f"{what}, row “{longer[0]}”, must have at most {len(rows[0])} values, not {len(longer)}")
    columns = [[_value(row, index, names[index - 1], what) for row in rows[1:]] for index in range(1, len(rows[0]))]
    return tuple(Series(name, tuple(values)) for name, values in zip(names, columns, strict=True))


def _value(row: list[str], index: int, name: str, what: str) -> float | None:
    text = row[index] if index < len(row) else ""
    if not text:
        return None
    value = number_of(text)
    if value is None or abs(value) > LARGEST:
        raise Fault(f"{what}, row “{row[0]}”, column “{name}”, must be a number, not {text[:60]!r}")
    return value


def _checked(chart: Chart, what: str) -> Chart:
    values = [value for series in chart.series for value in series.values if value is not None]
    most = MOST_POINTS[chart.kind]
    if len(chart.series) > MOST_SERIES:
        raise Fault(f"{what} must have at most {MOST_SERIES} columns of values, not {len(chart.series)}")
    if len(chart.labels) > most:
        raise Fault(f"{what} must have at most {most} rows as type {chart.kind}, not {len(chart.labels)}")
    if not values:
        raise Fault(f"{what} must have at least one number")
    if chart.kind == "pie":
        _refuse_bad_pie(chart, values, what)
    return chart


def _refuse_bad_pie(chart: Chart, values: list[float], what: str) -> None:
    if len(chart.series) != 1:
        raise Fault(f"{what} must have one column of values as type pie, not {len(chart.series)}")
    if min(values) < 0 or sum(values) <= 0:
        raise Fault(f"{what} must have parts of a whole as type pie: none below zero, and not all zero")
