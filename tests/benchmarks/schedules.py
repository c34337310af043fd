"""What ten thousand schedules cost: while they wait, as they come over a day, and many at once."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from models.statement import stored_time
from tests.benchmarks.table import line, title
from tests.support.server import JobRunner

SCHEDULES, AT_ONCE = 10_000, 2_000
SECONDS = 8.0
DAY = timedelta(days=1)
PAUSE_SECONDS = 0.05
TARGET = '{"job": {"type": "TEST_NOOP", "payload": {}, "priority": "medium", "name": null, "requires_approval": false}}'
INSERT = """
INSERT INTO schedule (name, target, cron, time_zone, missed, overlap, paused, next_at, version, author, created_by,
    created_at) VALUES (?, ?, ?, 'Europe/Berlin', 'once', 'skip', 0, ?, 1, 'bench', 'bench', ?)
"""


def run(folder: Path) -> None:
    """The share of a core that a process takes while nobody asks it anything."""
    title(f"Schedules: {SCHEDULES:,}, over {SECONDS:g} s each")
    with JobRunner(folder / "data") as runner:
        idle = _share(runner)
        line("share of a core without any", f"{idle:.2%}")
        later = datetime.now(UTC) + DAY
        _fill(runner, [later] * SCHEDULES)
        line("more while all wait", f"{_share(runner) - idle:.2%}", "under 1 %")
        _due(runner, "datetime('now', '+' || CAST(id * 8.64 AS INTEGER) || ' seconds') || '+00:00'")
        line("more while they come over a day", f"{_share(runner) - idle:.2%}", "under 1 %")
        seconds = _all_at_once(runner)
        line(f"{AT_ONCE:,} at once", f"{AT_ONCE / seconds:,.0f} a second")


def _share(runner: JobRunner) -> float:
    process = psutil.Process(runner.pid)
    before, began = process.cpu_times(), time.perf_counter()
    time.sleep(SECONDS)
    after, passed = process.cpu_times(), time.perf_counter() - began
    return (after.user + after.system - before.user - before.system) / passed


def _fill(runner: JobRunner, moments: list[datetime]) -> None:
    now = stored_time(datetime.now(UTC))
    rows = [
        (f"Number {number}", TARGET, f"{number % 60} {number // 60 % 24} * * *", stored_time(at), now)
        for number, at in enumerate(moments)
    ]
    with closing(_database(runner)) as writer:
        writer.execute("BEGIN")
        writer.executemany(INSERT, rows)
        writer.execute("COMMIT")


def _due(runner: JobRunner, moment: str, most: int = SCHEDULES) -> None:
    with closing(_database(runner)) as writer:
        writer.execute(
            f"UPDATE schedule SET next_at = {moment} WHERE id <= (SELECT MIN(id) + {most} - 1 FROM schedule)"
        )


def _all_at_once(runner: JobRunner) -> float:
    with closing(_database(runner)) as reader:
        before = _started(reader)
        _due(runner, "datetime('now') || '+00:00'", AT_ONCE)
        began = time.perf_counter()
        while _started(reader) < before + AT_ONCE:
            time.sleep(PAUSE_SECONDS)
        return time.perf_counter() - began


def _started(reader: sqlite3.Connection) -> int:
    return int(reader.execute("SELECT COUNT(*) FROM schedule_run").fetchone()[0])


def _database(runner: JobRunner) -> sqlite3.Connection:
    return sqlite3.connect(runner.data_dir / "job-runner.db", timeout=20, isolation_level=None)
