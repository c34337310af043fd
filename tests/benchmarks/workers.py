"""No-op jobs through PostgreSQL and workers, beside the queue's engine alone on the same server."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.sockets import open_pages
from tests.benchmarks.table import line, spread, title
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.server import ROOT, JobRunner, WorkerProcess, environment, free_port

JOBS, AT_ONCE, WORKERS, ROUNDS = 1_000, 10, (1, 4), 1
CHANGES = 20
_NAME = re.compile(r"Across \d+\.")

_DEFER = f"""
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    'queue', 'nothing', 0, NULL, NULL, jsonb_build_object('number', n), NULL
)::procrastinate_job_to_defer_v1)) FROM generate_series(1, {JOBS}) AS n
"""
_COLUMNS = (
    "type, category, name, summary, priority, payload, created_by, created_at, max_attempts, status, progress, "
    "pause_requested, attempt, deaths"
)


def run(folder: Path) -> None:
    """Engine alone and Job Runner in turn, so that both see the same machine."""
    title(f"Workers: {JOBS:,} no-op jobs through PostgreSQL, {AT_ONCE} at once a worker, in turn")
    with PostgresServer(port=free_port(), on_disk=True, options=DURABLE) as server:
        for workers in WORKERS:
            alone, ours = [], []
            for number in range(ROUNDS):
                alone.append(JOBS / _alone(server, f"alone_{workers}_{number}", workers))
                ours.append(JOBS / _ours(server, f"ours_{workers}_{number}", workers, folder))
            ratios = [mine / theirs for mine, theirs in zip(ours, alone, strict=True)]
            line(f"Procrastinate alone, {workers} workers", f"{statistics.median(alone):,.0f} a second")
            line(f"Job Runner, {workers} workers", f"{statistics.median(ours):,.0f} a second")
            line("ratio", f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})", "0.5 or more")
        line("commit to another process's open page", spread(_across(server, folder)), "under 500 ms")


def _alone(server: PostgresServer, name: str, workers: int) -> float:
    url = server.create(name)
    with JobRunner(Path(server.folder) / name, DATABASE_URL=url):
        pass  # which makes the tables
    server.execute(_DEFER, database=name)
    command = [sys.executable, "-m", "tests.benchmarks.bare_worker", url, str(AT_ONCE)]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment({})) for _ in range(workers)]
    try:
        _until(lambda: int(server.execute("SELECT count(*) FROM procrastinate_workers", database=name)) == workers)
        first = _count(server, name)
        began = time.perf_counter()
        _until(lambda: _count(server, name) == 0)
        return (time.perf_counter() - began) * JOBS / first
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _count(server: PostgresServer, name: str) -> int:
    return int(server.execute("SELECT count(*) FROM procrastinate_jobs", database=name))


def _ours(server: PostgresServer, name: str, workers: int, folder: Path) -> float:
    url = server.create(name)
    settings = {"DATABASE_URL": url, "POLL_SECONDS": 0.2, "CONCURRENCY": AT_ONCE}
    with JobRunner(folder / name, **settings) as runner, _workers(folder / name, workers, settings):
        _until(lambda: runner.http.get("/api/v1/engine").json()["workers"] == workers)
        began = time.perf_counter()
        server.execute(
            f"INSERT INTO job ({_COLUMNS}) SELECT 'TEST_NOOP', 'task', 'Nothing', '', 2, '{{}}', 'bench', now(), 5, "
            f"'queued', 0, FALSE, 0, 0 FROM generate_series(1, {JOBS})",
            database=name,
        )
        _until(
            lambda: int(server.execute("SELECT count(*) FROM job WHERE status = 'completed'", database=name)) == JOBS
        )
        return time.perf_counter() - began


def _across(server: PostgresServer, folder: Path) -> list[float]:
    """From the answer of one web process, which comes after its commit, to the wire of a page that another serves."""
    settings = {"DATABASE_URL": server.create("across"), "POLL_SECONDS": 60}
    arrived: dict[str, float] = {}

    def on_update(update: dict[str, Any], at: float) -> None:
        arrived.update({name: at for name in _NAME.findall(str(update)) if name not in arrived})

    with (
        JobRunner(folder / "one", **settings) as one,
        JobRunner(folder / "other", **settings) as other,
        open_pages(other.url, 1, on_update),
    ):
        committed = {}
        for number in range(CHANGES):
            name = f"Across {number}."
            one.submit("TEST_NOOP", name=name)
            committed[name] = time.perf_counter()
            time.sleep(0.37)  # another moment between two flushes
        _until(lambda: arrived.keys() >= committed.keys())
    return [1000 * (arrived[name] - at) for name, at in committed.items()]


@contextmanager
def _workers(folder: Path, count: int, settings: dict[str, object]) -> Iterator[None]:
    started = [WorkerProcess(folder, **settings) for _ in range(count)]
    try:
        for worker in started:
            worker.start()
        yield
    finally:
        for worker in started:
            worker.stop()


def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.02)
