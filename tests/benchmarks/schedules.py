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
SECONDS = 5.0
DAY = timedelta(days=1)
PAUSE_SECONDS, GIVE_UP_SECONDS = 0.05, 20.0
TARGET = '{"job": {"type": "TEST_NOOP", "payload": {}, "priority": "medium", "name": null, "requires_approval": false}}'
INSERT = """
INSERT INTO schedule (name, target, cron, time_zone, missed, overlap, paused, next_at, version, author, created_by,
    created_at) VALUES (?, ?, ?, 'Europe/Berlin', 'once', 'skip', 0, ?, 1, 'bench', 'bench', ?)
"""
LEFT = "SELECT COUNT(*) FROM schedule WHERE next_at = ?"


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
        line(f"{AT_ONCE:,} at once", f"{_all_at_once(runner):,.0f} a second")


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
    """How many a second, from when the engine has seen them."""
    moment = stored_time(datetime.now(UTC))
    with closing(_database(runner)) as reader:
        _due(runner, f"'{moment}'", AT_ONCE)
        first = _after(reader, moment, AT_ONCE)
        began = time.perf_counter()
        left = first
        while left:
            left = _after(reader, moment, left)
        return first / (time.perf_counter() - began)


def _after(reader: sqlite3.Connection, moment: str, left: int) -> int:
    """How many of these are yet to come, once they are fewer than `left`."""
    give_up_at = time.perf_counter() + GIVE_UP_SECONDS
    while (now := int(reader.execute(LEFT, [moment]).fetchone()[0])) >= left:
        assert time.perf_counter() < give_up_at, f"{now} schedules that are due do not start"
        time.sleep(PAUSE_SECONDS)
    return now


def _database(runner: JobRunner) -> sqlite3.Connection:
    return sqlite3.connect(runner.data_dir / "job-runner.db", timeout=20, isolation_level=None)
