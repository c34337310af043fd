"""No-op jobs drained with every promise kept, beside what claims and finishes alone cost in plain sqlite3."""

import sqlite3
import statistics
import time
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path

from tests.benchmarks.repeating import meanwhile
from tests.benchmarks.table import line, spread, title
from tests.support.server import JobRunner

JOBS, AT_ONCE, ROUNDS = 10_000, 10, 2
SUBMITTED = 5_000
SHORT_JOBS = 300


class Submitting(JobRunner):
    """A Job Runner whose client is inside."""

    program = ("-m", "tests.benchmarks.submitting")


def run(folder: Path) -> None:
    """Rounds of floor and drain in turn, so that both see the same machine; then submission and latency."""
    title(f"Engine: {JOBS:,} no-op jobs, {AT_ONCE} at once, {ROUNDS} rounds")
    floors, drains = [], []
    pages: list[float] = []
    for number in range(ROUNDS):
        floors.append(JOBS / _floor(folder / f"floor-{number}.db"))
        drains.append(JOBS / _drain(folder / f"data-{number}", pages))
    line("floor: sqlite3, claim ten, one FULL commit a finish", f"{statistics.median(floors):,.0f} a second")
    line("drained", f"{statistics.median(drains):,.0f} a second")
    ratios = [drain / floor for drain, floor in zip(drains, floors, strict=True)]
    line("ratio to the floor", f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})", "0.6 or more")
    line("page meanwhile", spread(pages), "under 100 ms")
    _submit(folder / "submitting")
    _latency(folder / "latency")
    _idle_slots(folder / "idle")


def _drain(folder: Path, pages: list[float]) -> float:
    """Seconds from the moment when all become due until all are completed."""
    with JobRunner(folder, POLL_SECONDS=0.2, CONCURRENCY=AT_ONCE) as runner:
        database = folder / "job-runner.db"
        _copy_job(database, runner.submit("TEST_NOOP", requires_approval=True), JOBS)
        _change(database, "UPDATE job SET approval = NULL")
        began = time.perf_counter()
        with _asking_for_pages(runner, pages):
            _until_completed(database, JOBS)
        return time.perf_counter() - began


def _submit(folder: Path) -> None:
    """One client of the engine submits, one job after the other, while the same engine drains."""
    pages: list[float] = []
    with Submitting(folder, POLL_SECONDS=0.2, CONCURRENCY=AT_ONCE) as runner:
        began = time.perf_counter()
        with _asking_for_pages(runner, pages):
            _until_completed(folder / "job-runner.db", SUBMITTED)
        total = time.perf_counter() - began
        rates = [told.split()[1] for told in runner.output.splitlines() if told.startswith("submitted ")]
    line("submitted by one client, nothing draining", f"{rates[0]} a second", "2,000 a second")
    line("submitted by one client while draining", f"{rates[1]} a second")
    line(f"from the first submission until all {SUBMITTED:,} are completed", f"{total:.1f} s")
    line("page meanwhile", spread(pages), "under 100 ms")


def _latency(folder: Path) -> None:
    """From a job's submission over HTTP to its start, with a free slot, at the engine's usual pace."""
    delays = []
    with JobRunner(folder) as runner:
        for _ in range(2):
            job = runner.until(runner.submit("TEST_NOOP"), "completed")
            created, started = (_moment(job[name]) for name in ("created_at", "started_at"))
            delays.append(1000 * (started - created))
            time.sleep(0.37)  # another moment between two looks
    line("claim latency, a free slot, a look every 5 s", spread(delays), "under 5,000 ms")


def _idle_slots(folder: Path) -> None:
    """With a backlog of short jobs of different lengths: from the end of one until the next has its slot."""
    with JobRunner(folder, CONCURRENCY=AT_ONCE) as runner:
        for number in range(SHORT_JOBS):
            runner.submit("TEST_RENDER", {"seconds": 0.02 + 0.005 * (number % 9)})
        database = folder / "job-runner.db"
        _until_completed(database, SHORT_JOBS)
        with closing(sqlite3.connect(database)) as reader:
            rows = reader.execute("SELECT started_at, finished_at FROM attempt").fetchall()
    starts = sorted(_moment(row[0]) for row in rows)
    ends = sorted(_moment(row[1]) for row in rows)
    idle = [1000 * (start - end) for start, end in zip(starts[AT_ONCE:], ends, strict=False)]
    line("a slot is idle while there is a backlog", spread(idle), "under 20 ms")


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _asking_for_pages(runner: JobRunner, times: list[float]) -> AbstractContextManager[None]:
    """Somebody opens the Jobs page twice a second."""

    def ask() -> None:
        began = time.perf_counter()
        runner.http.get("/app/jobs").raise_for_status()
        times.append(1000 * (time.perf_counter() - began))

    return meanwhile(ask, 0.5)


def _copy_job(database: Path, job_id: int, total: int) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as writer, writer:
        names = [row[1] for row in writer.execute("PRAGMA table_info(job)") if row[1] != "id"]
        columns = ", ".join(names)
        writer.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {total - 1}) "
            f"INSERT INTO job ({columns}) SELECT {columns} FROM job, n WHERE id = {job_id}"
        )


def _change(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as writer, writer:
        writer.execute(sql)


def _until_completed(database: Path, total: int) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as reader:
        while reader.execute("SELECT COUNT(*) FROM job WHERE status = 'completed'").fetchone()[0] < total:
            time.sleep(0.02)


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
