"""No-op jobs drained, beside what the same claims and finishes cost in plain sqlite3."""

import sqlite3
import time
from pathlib import Path

from tests.benchmarks.table import line, title
from tests.support.server import JobRunner

JOBS, AT_ONCE = 2000, 10


def run(folder: Path) -> None:
    """Submit while nothing claims, then drain; the floor does the same number of commits."""
    title(f"Engine: {JOBS:,} no-op jobs, {AT_ONCE} at once")
    with JobRunner(folder / "data", POLL_SECONDS=0.2, CONCURRENCY=AT_ONCE) as runner:
        began = time.perf_counter()
        for _ in range(JOBS):
            runner.submit("TEST_NOOP", run_at="2020-01-01T00:00:00Z", requires_approval=True)
        line("submitted over HTTP by one client", f"{JOBS / (time.perf_counter() - began):,.0f} a second")
        seconds = _drain(runner, folder / "data" / "job-runner.db")
    floor = _floor(folder / "floor.db")
    line("drained", f"{JOBS / seconds:,.0f} a second")
    line("floor: sqlite3, claim ten, one FULL commit a finish", f"{JOBS / floor:,.0f} a second")
    line("ratio to the floor", f"{floor / seconds:.2f}")


def _drain(runner: JobRunner, database: Path) -> float:
    with sqlite3.connect(database, timeout=30) as writer:
        writer.execute("UPDATE job SET approval = NULL")
    began = time.perf_counter()
    while runner.http.get("/api/v1/jobs?status=completed&limit=1").json()["total"] < JOBS:
        time.sleep(0.05)
    return time.perf_counter() - began


def _floor(database: Path) -> float:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE job (id INTEGER PRIMARY KEY, s)"
    )
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO job (s) VALUES (?)", [("queued",)] * JOBS)
    connection.execute("COMMIT")
    began = time.perf_counter()
    claim = "UPDATE job SET s='running' WHERE id IN (SELECT id FROM job WHERE s='queued' LIMIT ?) RETURNING id"
    while claimed := connection.execute(claim, (AT_ONCE,)).fetchall():
        for (job_id,) in claimed:
            connection.execute("UPDATE job SET s='completed' WHERE id=?", (job_id,))
    return time.perf_counter() - began
