"""How cost grows: with jobs, with open pages, with files."""

import asyncio
import hashlib
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from engine.engine import Atlas
from engine.finding import Criteria
from engine.queries import PAGE_SIZE
from engine.settings import Settings
from engine.storage import CONTENTS
from models.states import Status
from models.wanted import Sort
from tests.benchmarks.history import fill
from tests.benchmarks.repeating import timed
from tests.benchmarks.sockets import open_pages
from tests.benchmarks.table import line, title
from tests.support.engine import opened, settings_in
from tests.support.server import JobRunner

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PAGES = (0, 10, 30, 100)
FILES = (1_000, 10_000)
ROUNDS, SECONDS = 9, 15
RUNNING, MOVES_PER_SECOND = 15, 45


def run(folder: Path) -> None:
    """One table for each thing that grows."""
    with_jobs(folder)
    with_pages(folder / "pages")
    with_files(folder / "files")


def with_jobs(folder: Path) -> None:
    """The same questions of ever more jobs, on SQLite; medians in milliseconds."""
    title("Growth with jobs (SQLite): " + ", ".join(f"{jobs:,}" for jobs in SIZES))
    found: list[dict[str, float]] = []
    for jobs in SIZES:
        found.append(asyncio.run(_answers(settings_in(folder / str(jobs)), jobs)))
    for name in found[0]:
        line(name, ", ".join(f"{each[name]:.1f}" for each in found) + " ms")


async def _answers(settings: Settings, jobs: int) -> dict[str, float]:
    async with opened(settings):
        await asyncio.to_thread(fill, settings.database, jobs)
        atlas = Atlas(settings)
        asked = _questions(atlas, jobs).items()
        return {name: statistics.median(await timed(ask, ROUNDS)) for name, ask in asked}


def _questions(atlas: Atlas, jobs: int) -> dict[str, Callable[[], Awaitable[Any]]]:
    queries, finder = atlas.queries, atlas.queries.finder
    middle = jobs // PAGE_SIZE // 2
    failed = Criteria(statuses=(Status.FAILED,), created_by="person 7")
    return {
        "first page of active": queries.active_page,
        "middle page of completed": lambda: queries.completed_page(None, middle),
        "middle page of history": lambda: finder.page(Criteria(), Sort.NEWEST, middle, PAGE_SIZE),
        "failed of one creator": lambda: finder.page(failed, Sort.NEWEST, 1, PAGE_SIZE),
        "search for two words": lambda: finder.page(Criteria(q="numbers 17"), Sort.NEWEST, 1, PAGE_SIZE),
        "counts by status": queries.counts_by_status,
        "Dashboard": queries.board,
    }


def with_pages(folder: Path) -> None:
    """The share of a core that ever more open pages cost while fifteen jobs move on."""
    title(f"Growth with open pages, {MOVES_PER_SECOND} changes a second: {', '.join(map(str, PAGES))}")
    shares: list[str] = []
    memory: list[str] = []
    with JobRunner(folder, POLL_SECONDS=0.2, CONCURRENCY=RUNNING) as runner:
        total = 600
        for number in range(RUNNING):
            steps = total * MOVES_PER_SECOND // RUNNING
            runner.submit("TEST_RENDER", {"title": f"Clip {number}", "seconds": total, "steps": steps})
        while runner.http.get("/api/v1/jobs?status=running").json()["total"] < RUNNING:
            time.sleep(0.1)
        for pages in PAGES:
            with open_pages(runner.url, pages):
                time.sleep(3)
                share, size = _watched(runner)
            shares.append(f"{share:.0f}")
            memory.append(f"{size:.0f}")
    line("share of a core", ", ".join(shares) + " %")
    line("memory", ", ".join(memory) + " MB")


def _watched(runner: JobRunner) -> tuple[float, float]:
    process = psutil.Process(runner.pid)
    began, before = time.perf_counter(), sum(process.cpu_times()[:2])
    time.sleep(SECONDS)
    share = 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began)
    return share, process.memory_info().rss / 1e6


def with_files(folder: Path) -> None:
    """How long the hourly look for contents that nothing names takes, where all are still too young to go."""
    title("Growth with files: " + ", ".join(f"{files:,}" for files in FILES))
    times = [asyncio.run(_sweep(settings_in(folder / str(files)), files)) for files in FILES]
    line("a sweep of all contents", ", ".join(f"{seconds:.1f}" for seconds in times) + " s")


async def _sweep(settings: Settings, files: int) -> float:
    for number in range(files):
        digest = hashlib.sha256(os.urandom(8)).hexdigest()
        file = settings.data_dir / CONTENTS / digest[:2] / digest
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(str(number).encode())
    async with opened(settings):
        pruner = Atlas(settings)._pruner
        pruner._cluster.leading.set()
        began = time.perf_counter()
        await pruner.sweep()
        return time.perf_counter() - began
