"""What lists, filters, search and counts cost with a long history: in the database, and to a page's whole answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.approvals.inbox import INBOX_PAGE
from engine.engine import Atlas
from engine.finding import Criteria
from engine.queries import PAGE_SIZE
from models.states import Status
from models.wanted import Sort
from tests.benchmarks.repeating import timed
from tests.benchmarks.table import line, spread
from tests.support.engine import opened, settings_in
from tests.support.server import JobRunner

ROUNDS = 5
LAST = 10**9  # a page that far back is the last one
IN_DATABASE, TO_ANSWER = "under 50 ms", "under 150 ms"
FILTERS = {
    "failed": Criteria(statuses=(Status.FAILED,)),
    "queued": Criteria(statuses=(Status.QUEUED,)),
    "completed": Criteria(statuses=(Status.COMPLETED,)),
    "completed and cancelled": Criteria(statuses=(Status.COMPLETED, Status.CANCELLED)),
    "mail": Criteria(types=("EMAIL_SEND",)),
    "failed mail": Criteria(types=("EMAIL_SEND",), statuses=(Status.FAILED,)),
    "completed videos": Criteria(types=("video",), statuses=(Status.COMPLETED,)),
    "one creator": Criteria(created_by="person 7"),
    "failed of one creator": Criteria(created_by="person 7", statuses=(Status.FAILED,)),
    "an agent": Criteria(agent="mailer"),
    "last month": Criteria(since="month"),
    "failed last month": Criteria(since="month", statuses=(Status.FAILED,)),
    "ended last month": Criteria(ended="month"),
    "a cause": Criteria(cause="The server refused it with code 3", types=("EMAIL_SEND",)),
    "needs approval": Criteria(needs="approval"),
    "needs an answer": Criteria(needs="answer"),
    "paused video of one creator last week": Criteria(
        types=("video",), statuses=(Status.PAUSED,), created_by="person 7", since="week"
    ),
}
SEARCHES = {
    "a word that every job has": Criteria(q="numbers"),
    "a rare word": Criteria(q="999983"),
    "two words": Criteria(q="numbers 17"),
    "no such word": Criteria(q="zebra"),
    "a frequent word, failed": Criteria(q="numbers", statuses=(Status.FAILED,)),
    "a frequent word of one creator, paused": Criteria(q="numbers", statuses=(Status.PAUSED,), created_by="person 7"),
}
PAGES = {
    "Dashboard": "/app",
    "Jobs": "/app/jobs",
    "Jobs, last page of active": "/app/jobs?page=9999999",
    "Jobs, last page of completed": "/app/jobs?completed=9999999",
    "Jobs, video": "/app/jobs?type=video",
    "Jobs, failed": "/app/jobs?status=failed",
    "Jobs, search": "/app/jobs?q=numbers",
    "Jobs, history by end": "/app/jobs?view=history&sort=ended",
    "Jobs, history, a middle page": "/app/jobs?view=history&page={middle}",
    "one job": "/app/jobs/{middle}",
    "Approvals": "/app/approvals",
    "Agent Watcher": "/app/agents",
    "API, newest": "/api/v1/jobs",
    "API, failed mail": "/api/v1/jobs?type=EMAIL_SEND&status=failed",
    "API, search": "/api/v1/jobs?q=numbers",
    "metrics": "/metrics",
}


def in_database(folder: Path, url: str, jobs: int) -> None:
    """Each question by itself, as pages and API put it, the reading of what is shown included."""
    asyncio.run(_in_database(settings_in(folder, database_url=url), jobs))


async def _in_database(settings: Any, jobs: int) -> None:
    async with opened(settings):
        atlas = Atlas(settings)
        for name, ask in _questions(atlas, jobs).items():
            line(name, spread(await timed(ask, ROUNDS), digits=1), IN_DATABASE)


def _questions(atlas: Atlas, jobs: int) -> dict[str, Callable[[], Awaitable[Any]]]:
    queries, finder = atlas.queries, atlas.queries.finder
    middle = jobs // PAGE_SIZE // 2

    def found(criteria: Criteria, sort: Sort = Sort.NEWEST, number: int = 1) -> Callable[[], Awaitable[Any]]:
        return lambda: finder.page(criteria, sort, number, PAGE_SIZE)

    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "active": queries.active_page,
        "active, page 1,000": lambda: queries.active_page(None, 1000),
        "active, last page": lambda: queries.active_page(None, LAST),
        "active of a category, last page": lambda: queries.active_page("social", LAST),
        "completed": queries.completed_page,
        "completed, a middle page": lambda: queries.completed_page(None, middle),
        "completed, last page": lambda: queries.completed_page(None, LAST),
        "completed of a category": lambda: queries.completed_page("social"),
        "completed of a category, last page": lambda: queries.completed_page("social", LAST),
    }
    for sort in Sort:
        asked |= {
            f"history, {sort}": found(Criteria(), sort),
            f"history, {sort}, a middle page": found(Criteria(), sort, middle),
            f"history, {sort}, last page": found(Criteria(), sort, LAST),
        }
    for name, criteria in FILTERS.items():
        for sort in Sort:
            asked[f"{name}, {sort}"] = found(criteria, sort)
        asked[f"{name}, last page"] = found(criteria, Sort.NEWEST, LAST)
    for name, criteria in SEARCHES.items():
        asked[f"search: {name}"] = found(criteria)
        asked[f"search: {name}, last page"] = found(criteria, Sort.NEWEST, LAST)
        asked[f"search: {name}, by end"] = found(criteria, Sort.ENDED)
    return asked | {
        "count by status": queries.counts_by_status,
        "count by category": queries.counts_by_category,
        "Dashboard": queries.board,
        "approvals": queries.inbox.page,
        "approvals, last page": lambda: queries.inbox.page(jobs // 100 // INBOX_PAGE),
        "approvals, count": queries.inbox.count,
        "agents at work": queries.watcher.agents,
        "types": queries.types,
        "engine": queries.engine,
        "creators": lambda: finder.creators(limit=20),
    }


def to_answer(runner: JobRunner, jobs: int) -> None:
    """Each page and call, from the request to the whole answer."""
    for name, path in PAGES.items():
        asked = path.format(middle=jobs // 2 if "/jobs/" in path else jobs // PAGE_SIZE // 2)
        runner.http.get(asked).raise_for_status()
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            runner.http.get(asked).raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
        line(name, spread(times), TO_ANSWER)
