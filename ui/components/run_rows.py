"""Runs of workflows in rows, the newest first."""

from collections.abc import Sequence

from engine import clock
from engine.workflows.views import RunView
from ui.components.keyed import KeyedRows
from ui.components.marks import badge_node, show_badge, time_node
from ui.components.node import Node
from ui.components.run_words import run_badge, run_counts


class RunRows:
    """Patched where they differ."""

    def __init__(self, empty: str) -> None:
        self._rows: KeyedRows[RunView] = KeyedRows("run-rows", lambda run: run.id, _Row)
        self._nothing = Node("p", empty, "muted", hidden=True)

    def show(self, runs: Sequence[RunView]) -> None:
        """Show these."""
        self._rows.show(list(runs))
        self._nothing.change(hidden=True if runs else None)


class _Row:
    def __init__(self, run: RunView) -> None:
        with Node("div", "", "run-row", role="listitem") as self.root:
            with Node("div", "", "run-what"):
                Node("a", f"{run.title} · run {run.id}", href=f"/app/runs/{run.id}")
                with Node("div", "", "muted"):
                    self._counts = Node("span")
                    Node("span", f" · by {run.created_by} · ")
                    time_node(run.created_at, clock.now())
            self._badge = badge_node()
        self.show(run)

    def show(self, item: RunView) -> None:
        """Bring it up to date."""
        self._counts.change(run_counts(item))
        show_badge(self._badge, run_badge(item.status))
