"""A million jobs in each kind of database: what is looked at, and what the work costs beside a thousand."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.statement import SQLITE
from tests.benchmarks import working
from tests.benchmarks.growth import with_jobs
from tests.benchmarks.history import fill
from tests.benchmarks.reading import in_database, to_answer
from tests.benchmarks.table import line, title
from tests.support.engine import opened, settings_in
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.server import JobRunner, free_port

MANY, FEW = 1_000_000, 1_000
NEVER_SECONDS = 3600


def run(folder: Path) -> None:
    """SQLite first, then PostgreSQL with every promise of durability kept."""
    _measure(folder / SQLITE, _file(folder, FEW), _file(folder, MANY))
    with _server() as server:
        _measure(folder / "postgres", server.create("few"), server.create("many"))


def _measure(folder: Path, few: str, many: str) -> None:
    kind = few.partition(":")[0]
    for url, jobs in ((few, FEW), (many, MANY)):
        asyncio.run(_create(folder, url))
        began = time.perf_counter()
        fill(url, jobs)
        if jobs == MANY:
            title(f"{jobs:,} jobs, {jobs // 10:,} of them queued: in the database ({kind})")
            line("made within", f"{time.perf_counter() - began:.0f} s")
    in_database(folder, many, MANY)
    if kind == SQLITE:
        with_jobs(folder, (FEW, few), (MANY, many))
    title(f"{MANY:,} jobs: to the whole answer ({kind})")
    with JobRunner(folder, POLL_SECONDS=NEVER_SECONDS, DATABASE_URL=many) as runner:
        to_answer(runner, MANY)
    title(f"{MANY:,} jobs beside {FEW:,} ({kind})")
    working.compare(folder, few, many)


def _file(folder: Path, jobs: int) -> str:
    return f"sqlite://{folder.absolute()}/{jobs}.db"


async def _create(folder: Path, url: str) -> None:
    async with opened(settings_in(folder, database_url=url)):
        pass


@contextmanager
def _server() -> Iterator[PostgresServer]:
    with PostgresServer(port=free_port(), on_disk=True, options=DURABLE) as server:
        yield server
