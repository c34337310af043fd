"""Everybody in turn, round after round, then the tables: `python -m tests.peers [huey SAQ …]` for some libraries."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.contenders import CONTENDERS, FILE, POSTGRES, US, WAYS, Contender
from tests.peers.floor import floor
from tests.peers.job_runner import submitted_on_postgres, submitted_on_sqlite
from tests.peers.redis_program import redis_program, redis_version
from tests.peers.report import AT_ONCE, Results, show
from tests.peers.stores import Ground
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.server import free_port

ROUNDS, FLOOR_JOBS = 3, 20_000


def main(libraries: list[str]) -> None:
    """Job Runner and these libraries, or all of them."""
    if unknown := set(libraries) - set(WAYS):
        sys.exit(f"Unknown: {', '.join(sorted(unknown))}. Known are {', '.join(WAYS)}.")
    chosen = [row for row in CONTENDERS if not libraries or row.library in (US, *libraries)]
    redis = redis_program()
    results = Results({row: [] for row in chosen}, submitted={FILE: [], POSTGRES: []})
    with PostgresServer(port=free_port(), on_disk=True, options=DURABLE) as postgres:
        for number in range(ROUNDS):
            print(f"Round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
            _round(results, chosen if number % 2 == 0 else chosen[::-1], postgres, redis)
        show(results, postgres.execute("SHOW server_version"), redis_version(redis))


def _round(results: Results, rows: list[Contender], postgres: PostgresServer, redis: str) -> None:
    with _ground(postgres, redis) as ground:
        results.floors.append(floor(ground.folder / "floor.db", FLOOR_JOBS, AT_ONCE))
    for row in rows:
        with _ground(postgres, redis) as ground:
            results.measured[row].append(row.run(ground, row.jobs, row.at_once))
    for store, submitted in ((FILE, submitted_on_sqlite), (POSTGRES, submitted_on_postgres)):
        with _ground(postgres, redis) as ground:
            results.submitted[store].append(submitted(ground))


@contextmanager
def _ground(postgres: PostgresServer, redis: str) -> Iterator[Ground]:
    """An empty folder, gone afterwards, however much is written into it by who is just ending."""
    folder = Path(tempfile.mkdtemp(prefix="bench-peers-"))
    try:
        yield Ground(folder, postgres, redis)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
