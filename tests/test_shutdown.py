"""SIGTERM: nothing more is claimed, what runs may finish for a while, and a second signal ends at once."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from tests.support.other_program import ask
from tests.support.server import JobRunner

AT_ONCE_SECONDS = 3.0  # far less than the minute that a drain may take below


def until_nobody_answers(runner: JobRunner) -> None:
    """Wait until the process has begun to stop: it listens no more."""
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", runner.port), timeout=1).close()
        except OSError:
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("it listens on after the signal")


def query(runner: JobRunner, sql: str) -> list[tuple[Any, ...]]:
    return ask(runner.database_url, sql)


def running_job(runner: JobRunner, go: Path) -> int:
    job_id = runner.submit("TEST_RENDER", {"title": "Held", "hold": str(go)})
    runner.until(job_id, "running")
    return job_id


def test_what_runs_may_finish_and_nothing_more_is_claimed(tmp_path: Path, own_database: str) -> None:
    go = tmp_path / "go"
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1, DRAIN_SECONDS=60, DATABASE_URL=own_database) as runner:
        held = running_job(runner, go)
        waiting = runner.submit("TEST_NOOP", requires_approval=True)
        os.kill(runner.pid, signal.SIGTERM)
        until_nobody_answers(runner)
        query(runner, f"UPDATE job SET approval = NULL WHERE id = {waiting}")  # noqa: S608
        go.touch()
        assert runner.wait() == 0
        assert query(runner, "SELECT status, attempt FROM job ORDER BY id") == [("completed", 1), ("queued", 0)]
        runner.start()
        assert runner.until(waiting, "completed")["attempt"] == 1
        assert runner.job(held)["attempt"] == 1


def test_a_second_signal_ends_it_at_once_and_the_next_start_takes_the_work_up(
    tmp_path: Path, own_database: str
) -> None:
    go = tmp_path / "go"
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1, DRAIN_SECONDS=60, DATABASE_URL=own_database) as runner:
        held = running_job(runner, go)
        os.kill(runner.pid, signal.SIGTERM)
        until_nobody_answers(runner)
        asked = time.monotonic()
        assert runner.end(signal.SIGTERM) == 128 + signal.SIGTERM
        assert time.monotonic() - asked < AT_ONCE_SECONDS
        runner.start()
        go.touch()
        job = runner.until(held, "completed")
        attempts = runner.http.get(f"/api/v1/jobs/{held}/attempts").json()
        assert [attempt["outcome"] for attempt in attempts] == ["lost", "succeeded"]
        assert (job["attempt"], job["max_attempts"]) == (2, 4), "a death costs the job none of its attempts"
