"""The engines and workers, one line each."""

from collections.abc import Sequence

from engine import clock
from engine.views import EngineView
from models.states import ProcessRole
from ui.components.engine_panel import OFFLINE, ONLINE
from ui.components.keyed import KeyedRows
from ui.components.marks import badge_node, show_badge, show_time
from ui.components.node import Node


class EngineRows:
    """`every_type` is how many job types there are: a worker that takes fewer says which."""

    def __init__(self, every_type: int) -> None:
        self._every_type = every_type
        with Node("section", "", "panel", aria_label="Engines"):
            self._heading = Node("h2", "Engines")
            self._rows: KeyedRows[EngineView] = KeyedRows("engine-rows", lambda row: (row.host, row.pid), self._make)
            self._none = Node("p", "No engine has started on this database yet.", "muted", hidden=True)

    def show(self, engines: Sequence[EngineView]) -> None:
        """Patch what differs."""
        has_workers = any(engine.role is ProcessRole.WORKER for engine in engines)
        self._heading.change("Engines and workers" if has_workers else "Engines")
        self._rows.show(engines)
        self._none.change(hidden=True if engines else None)

    def _make(self, engine: EngineView) -> "_EngineRow":
        limited = engine.types and len(engine.types) < self._every_type
        return _EngineRow(engine, f" · only {', '.join(engine.types or ())}" if limited else "")


class _EngineRow:
    def __init__(self, engine: EngineView, runs: str) -> None:
        self._runs = runs
        with Node("div", "", "list-row", role="listitem") as self.root:
            self._badge = badge_node()
            with Node("div", "", "grow"):
                name = "Worker" if engine.role is ProcessRole.WORKER else "Atlas"
                Node("strong", f"{name} on {engine.host}, process {engine.pid}")
                with Node("span", "", "muted"):
                    self._busy = Node("span")
                    self._beat = Node("time")

    def show(self, engine: EngineView) -> None:
        show_badge(self._badge, ONLINE if engine.online else OFFLINE)
        is_stopping = engine.online and engine.types == []
        takes = " · is stopping, takes nothing more" if is_stopping else self._runs
        self._busy.change(f"{engine.running} of {engine.concurrency} slots busy{takes} · last beat ")
        show_time(self._beat, engine.last_beat_at, clock.now(), show="ago")
