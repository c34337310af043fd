"""From the command to the first page."""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tests.benchmarks.table import line, spread, title
from tests.support.server import ROOT, JobRunner, environment


def run(folder: Path) -> None:
    """Start several times on an existing database, and import the engine alone."""
    title("Start")
    seconds = []
    for _ in range(5):
        began = perf_counter()
        with JobRunner(folder / "data") as runner:
            runner.http.get("/app/jobs").raise_for_status()
            seconds.append(1000 * (perf_counter() - began))
    line("command to first page", spread(seconds), "under 3,000 ms")
    began = perf_counter()
    subprocess.run([sys.executable, "-c", "import engine.engine"], cwd=ROOT, env=environment({}), check=True)
    line("a process that imports the engine alone", f"{1000 * (perf_counter() - began):.0f} ms")
