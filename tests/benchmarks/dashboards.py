"""Open pages, up to a hundred, with fifty changes a second: delay, share of a core, memory."""

import statistics
import time
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import psutil

from tests.benchmarks.repeating import meanwhile
from tests.benchmarks.screen import to_screen
from tests.benchmarks.sockets import Tab, open_pages
from tests.benchmarks.table import line, spread, title
from tests.support.moments import LATER
from tests.support.server import JobRunner

PAGES, SECONDS = 100, 300
FEWER, FEWER_SECONDS = (10, 30), 6
RUNNING, MOVES_PER_SECOND, NEW_PER_SECOND = 15, 45, 5
PATHS = ("/app/jobs", "/app")
SAMPLES = 10
FORGET_SECONDS = 90  # in which pages that were left are forgotten, and their memory is given back


def run(folder: Path, seconds: float = SECONDS) -> None:
    """Renders move on and jobs are created while every page is told of it."""
    changes = MOVES_PER_SECOND + NEW_PER_SECOND
    title(f"Dashboards: {PAGES} open pages, {changes} changes a second, {seconds:.0f} s")
    with JobRunner(folder / "data", POLL_SECONDS=0.2, CONCURRENCY=RUNNING, DRAIN_SECONDS=0) as runner:
        total = int(seconds) + 240
        for number in range(RUNNING):
            steps = total * MOVES_PER_SECOND // RUNNING
            runner.submit("TEST_RENDER", {"title": f"Clip {number}", "seconds": total, "steps": steps})
        while runner.http.get("/api/v1/jobs?status=running").json()["total"] < RUNNING:
            time.sleep(0.1)
        with open_pages(runner.url, 4):  # what is loaded once for all
            time.sleep(3)
        before = _memory(runner)
        with open_pages(runner.url, PAGES, paths=PATHS) as tabs:
            with _creating(runner, tabs[:: len(PATHS)]):
                time.sleep(10)
                opened = _memory(runner)
                line("memory before, and with all pages open", f"{before:.0f}, {opened:.0f} MB")
                share, memory = _watched(runner, seconds)
            told_each = statistics.mean(tab.updates for tab in tabs) / (seconds + 10)
            screen = to_screen(runner)
        _tell_delays(tabs[:: len(PATHS)])
        line("share of a core", f"{share:.0f} %", "under 50 %")
        line("change to screen, in Chromium beside them", spread(screen))
        line("messages to each page", f"{told_each:.1f} a second")
        told = ", ".join(f"{each:.0f}" for each in memory)
        line("memory, a tenth of the time after another", f"{told} MB", "flat")
        nobody, _ = _watched(runner, FORGET_SECONDS, samples=1)
        line("memory after all have left", f"{_memory(runner):.0f} MB", f"as before: {before:.0f} MB")
        line(f"share of a core meanwhile, with {MOVES_PER_SECOND} changes a second", f"{nobody:.0f} %")
        _fewer(runner)


def _creating(runner: JobRunner, tabs: list[Tab]) -> AbstractContextManager[None]:
    """Somebody creates jobs which every page of jobs shows first."""
    numbers = count(1)

    def create() -> None:
        name = f"Change {next(numbers)} is there"
        began = time.perf_counter()
        for tab in tabs:
            tab.awaited[name] = 0
        runner.submit("TEST_NOOP", name=name, run_at=LATER)
        _begun[name] = began

    return meanwhile(create, 1 / NEW_PER_SECOND)


_begun: dict[str, float] = {}


def _tell_delays(tabs: list[Tab]) -> None:
    """From the request that creates a job to the message that shows it; a page may pass over what was soon replaced."""
    asked = sorted(_begun, key=lambda name: _begun[name])[:-NEW_PER_SECOND]
    delays = sorted(1000 * (at - _begun[name]) for tab in tabs for name in asked if (at := tab.awaited[name]))
    p50, p95, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.95, 0.99))
    line("change to page", f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms", "p95 under 500 ms")
    line("of the changes every page was told", f"{100 * len(delays) / len(asked) / len(tabs):.1f} %")


def _fewer(runner: JobRunner) -> None:
    """The share of a core that few pages cost, of the renders alone."""
    shares = []
    for pages in FEWER:
        with open_pages(runner.url, pages, paths=PATHS):
            time.sleep(1)
            shares.append(f"{_watched(runner, FEWER_SECONDS, samples=1)[0]:.0f}")
    told = ", ".join(map(str, FEWER))
    line(f"share of a core, {told} pages and {MOVES_PER_SECOND} changes a second", ", ".join(shares) + " %")


def _watched(runner: JobRunner, seconds: float, samples: int = SAMPLES) -> tuple[float, list[float]]:
    process = psutil.Process(runner.pid)
    began, before = time.perf_counter(), sum(process.cpu_times()[:2])
    memory = []
    for _ in range(samples):
        time.sleep(seconds / samples)
        memory.append(_memory(runner))
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began), memory


def _memory(runner: JobRunner) -> float:
    return float(psutil.Process(runner.pid).memory_info().rss) / 1e6
