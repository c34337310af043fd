"""SIGTERM: nothing more is claimed, what runs may finish for a while, and a second signal ends at once."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.other_program import ask
from tests.support.postgres import KEPT_WHEN_KILLED, PostgresServer
from tests.support.server import JobRunner, WorkerProcess, free_port

UNREACHABLE = "the heartbeat cannot go on, and tries again: the database server cannot be reached"
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
        query(runner, f"UPDATE job SET approval = NULL WHERE id = {waiting}")
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


@pytest.mark.postgres
def test_while_the_database_is_away_it_ends_in_order_too_and_its_work_is_done_later(tmp_path: Path) -> None:
    """What could not be written is rescued once the database is back."""
    go = tmp_path / "go"
    with PostgresServer(port=free_port(), options=KEPT_WHEN_KILLED) as server:
        settings = {
            "DATABASE_URL": server.create("jobs"),
            "DRAIN_SECONDS": 0.5,
            "LEASE_SECONDS": 5,  # of which a busy machine keeps the beats
            "POLL_SECONDS": 0.1,
        }
        with JobRunner(tmp_path / "web", **settings) as web:
            held = running_job(web, go)
            with WorkerProcess(tmp_path / "worker", **settings) as worker:
                worker.until_it_said("worker online")
                also_held = running_job(web, go)
                worker_has_it(web, also_held)
                server.stop(signal.SIGQUIT)
                for process in (web, worker):
                    process.until_it_said(UNREACHABLE)
                assert [worker.stop(), web.stop()] == [0, 0]
            server.start()
            go.touch()
            web.start()
            for job_id in (held, also_held):
                assert web.until(job_id, "completed")["attempt"] == 2


def worker_has_it(runner: JobRunner, job_id: int) -> None:
    """Wait until a worker has taken the job up."""
    taken = f"SELECT 1 FROM job JOIN engine ON engine.id = engine_id WHERE job.id = {job_id} AND role = 'worker'"
    for _ in range(1000):
        if query(runner, taken):
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("no worker takes it up")
