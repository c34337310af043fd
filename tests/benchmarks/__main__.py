"""Every benchmark, or those that are named: `python -m tests.benchmarks [start pages live engine …]`."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import agents, engine, live, pages, renders, schedules, start, workers, workflows

BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "start": start.run,
    "pages": pages.run,
    "live": live.run,
    "engine": engine.run,
    "agents": agents.run,
    "renders": renders.run,
    "schedules": schedules.run,
    "workers": workers.run,
    "workflows": workflows.run,
}


def main(names: list[str]) -> None:
    """Each in a folder of its own, which is gone afterwards."""
    for name in names or list(BENCHMARKS):
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            BENCHMARKS[name](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
