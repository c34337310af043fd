"""How much was done and how much failed, as bars and as a table of the same numbers."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from engine import clock
from engine.statistics import Slot, Span, Throughput
from ui.components.keyed import KeyedRows
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.segments import Segments

SPANS: dict[Span, str] = {"hour": "Hour", "day": "Day", "week": "Week"}
SLOT_WORDS: dict[Span, str] = {"hour": "minute", "day": "quarter of an hour", "week": "hour"}
LAST_WORDS: dict[Span, str] = {"hour": "in the last hour", "day": "in the last 24 hours", "week": "in the last 7 days"}
GREEN = "color-mix(in srgb, var(--completed) 62%, var(--surface))"
RED = "var(--failed)"


class ThroughputChart:
    """Bars that grow from what they were. Colours are the stylesheet's, so that they follow the mode by themselves."""

    def __init__(self, on_span: Callable[[Span], object]) -> None:
        self._shown: tuple[Span, Throughput] | None = None
        self._is_table = False
        self._client = ui.context.client
        with Node("section", "", "panel", aria_label="Throughput"):
            with Node("div", "", "panel-head"):
                Node("h2", "Throughput")
                self._segments: Segments[Span] = Segments("Span", SPANS, on_span)
            with Node("p", "", "legend"):
                self._completed = Node("span", "", "key key-completed")
                self._failed = Node("span", "", "key key-failed")
                self._rate = Node("span", "", "muted")
                self._counting = Node("span", "Counting …", "muted", role="status", hidden=True)
            self._chart = ui.echart(_options("day", ()), renderer="svg").classes("chart")
            self._chart.props("aria-hidden=true")
            self._toggle = button("Show as table", "plain small", "table_rows", aria_expanded="false")
            self._toggle.on_press(self._on_toggle)
            with Node("div", "", "chart-table", hidden=True, tabindex="0", role="region", aria_label="Numbers") as (
                self._scroll
            ):
                self._table = _Table()

    def show(self, span: Span, throughput: Throughput) -> None:
        """Write the numbers, and let the bars follow."""
        if (span, throughput) == self._shown:
            return
        self._shown = (span, throughput)
        self._segments.show(span)
        self._completed.change(text=f"{throughput.completed:,} completed")
        self._failed.change(text=f"{throughput.failed:,} failed")
        self._rate.change(text=f"{rate(throughput.completed, throughput.failed)} {LAST_WORDS[span]}")
        self._counting.change(hidden=True if throughput.is_complete else None)
        self._chart.options.clear()
        self._chart.options.update(_options(span, throughput.slots))
        self._chart.update()
        self._show_table()

    def _on_toggle(self) -> None:
        self._is_table = not self._is_table
        self._toggle.change(text="Hide table" if self._is_table else "Show as table")
        self._toggle.change(aria_expanded="true" if self._is_table else "false")
        self._scroll.change(hidden=None if self._is_table else True)
        self._show_table()

    def _show_table(self) -> None:
        if self._is_table and self._shown:
            self._table.show(*self._shown)
            self._client.run_javascript("window.tellTimes?.()")


def rate(completed: int, failed: int) -> str:
    """How much of what ended failed, as in "2.5 % failed"."""
    ended = completed + failed
    if not ended:
        return "Nothing ended"
    share = 100 * failed / ended
    return f"{share:.0f} % failed" if share in (0, 100) else f"{share:.1f} % failed"


class _Table:
    """A slot in which nothing ended is left out."""

    def __init__(self) -> None:
        with Node("table", "", "numbers"):
            self._caption = Node("caption")
            with Node("thead"), Node("tr"):
                for word in ("From", "Completed", "Failed", "Failure rate"):
                    Node("th", word, scope="col")
            self._rows: KeyedRows[Slot] = KeyedRows("", lambda slot: slot.start, _TableRow, tag="tbody")
            with Node("tfoot"), Node("tr"):
                Node("th", "Total", scope="row")
                self._total = _Numbers()

    def show(self, span: Span, throughput: Throughput) -> None:
        self._caption.change(text=f"Attempts that ended {LAST_WORDS[span]}, by {SLOT_WORDS[span]}; the latest first")
        self._rows.show([slot for slot in reversed(throughput.slots) if slot.completed or slot.failed])
        self._total.show(throughput.completed, throughput.failed)


class _TableRow:
    def __init__(self, slot: Slot) -> None:
        with Node("tr", "", "", data_start=slot.start.isoformat()) as self.root:
            with Node("th", scope="row"):
                time_node(slot.start, clock.now(), show="slot")
            self._numbers = _Numbers()

    def show(self, item: Slot) -> None:
        self._numbers.show(item.completed, item.failed)


class _Numbers:
    def __init__(self) -> None:
        self._completed, self._failed, self._rate = Node("td"), Node("td"), Node("td")

    def show(self, completed: int, failed: int) -> None:
        self._completed.change(text=f"{completed:,}")
        self._failed.change(text=f"{failed:,}")
        self._rate.change(text=rate(completed, failed).removesuffix(" failed"))


def _options(span: Span, slots: tuple[Slot, ...]) -> dict[str, Any]:
    text = {"color": "var(--text-3)", "fontSize": 11}
    edges = {"hideOverlap": True, "alignMinLabel": "left", "alignMaxLabel": "right"}
    line = {"lineStyle": {"color": "var(--line)"}}
    return {
        ":animation": "!matchMedia('(prefers-reduced-motion: reduce)').matches",
        "animationDuration": 180,
        "animationDurationUpdate": 180,
        "textStyle": {"fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 2, "right": 6, "top": 12, "bottom": 2, "containLabel": True},
        "xAxis": {
            "type": "category",
            "data": [slot.start.isoformat() for slot in slots],
            "axisTick": {"show": False},
            "axisLine": line,
            "axisLabel": {**text, **edges, ":formatter": f"(at) => window.slotLabel(at, '{span}')"},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "splitNumber": 3,
            ":max": "(found) => (found.max < 4 ? 4 : null)",
            "axisLabel": text,
            "splitLine": line,
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "transitionDuration": 0,
            "axisPointer": {"type": "shadow", "shadowStyle": {"color": "var(--text-3)", "opacity": 0.12}},
            "backgroundColor": "var(--raised)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--text)", "fontSize": 12},
            ":formatter": f"(bars) => window.slotTip(bars, '{span}')",
        },
        "series": [
            _series("Completed", GREEN, [slot.completed for slot in slots]),
            _series("Failed", RED, [slot.failed for slot in slots]),
        ],
    }


def _series(name: str, colour: str, numbers: list[int]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "bar",
        "stack": "ended",
        "data": numbers,
        "barCategoryGap": "22%",
        "barMaxWidth": 22,
        "itemStyle": {"color": colour},
        "emphasis": {"disabled": True},
    }
