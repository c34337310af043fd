"""Every benchmark, or those that are named: `python -m tests.benchmarks [start pages engine …]`."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tests.benchmarks import (
    agents,
    dashboards,
    engine,
    million,
    pages,
    renders,
    schedules,
    start,
    workers,
    workflows,
)
from tests.benchmarks.table import line, title

BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "start": start.run,
    "pages": pages.run,
    "engine": engine.run,
    "agents": agents.run,
    "renders": renders.run,
    "schedules": schedules.run,
    "workers": workers.run,
    "workflows": workflows.run,
    "million": million.run,
    "dashboards": dashboards.run,
}


def main(names: list[str]) -> None:
    """Each in a folder of its own, which is gone afterwards."""
    started = perf_counter()
    for name in names or list(BENCHMARKS):
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            began = perf_counter()
            BENCHMARKS[name](Path(folder))
            line("this took", f"{perf_counter() - began:.0f} s")
    title("In all")
    line("all of this took", f"{perf_counter() - started:.0f} s", "all benchmarks: under 900 s")


if __name__ == "__main__":
    main(sys.argv[1:])
