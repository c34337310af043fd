"""How cost grows with jobs."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.engine import Atlas
from engine.finding import Criteria
from engine.queries import PAGE_SIZE
from engine.settings import Settings
from models.states import Status
from models.wanted import Sort
from tests.benchmarks.history import fill
from tests.benchmarks.repeating import timed
from tests.benchmarks.table import line, title
from tests.support.engine import opened, settings_in

BETWEEN = (10_000, 100_000)
ROUNDS = 9


def with_jobs(folder: Path, few: tuple[int, str], many: tuple[int, str]) -> None:
    """The same questions of ever more jobs on SQLite, between two databases that are there; medians."""
    between = [(jobs, f"sqlite://{folder.absolute()}/{jobs}.db") for jobs in BETWEEN]
    sizes = [few, *between, many]
    title("Growth with jobs (SQLite): " + ", ".join(f"{jobs:,}" for jobs, _ in sizes))
    found = [asyncio.run(_answers(settings_in(folder, database_url=url), jobs)) for jobs, url in sizes]
    for name in found[0]:
        line(name, ", ".join(f"{each[name]:.1f}" for each in found) + " ms")


async def _answers(settings: Settings, jobs: int) -> dict[str, float]:
    async with opened(settings):
        if jobs in BETWEEN:
            await asyncio.to_thread(fill, settings.database, jobs)
        asked = _questions(Atlas(settings), jobs).items()
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
