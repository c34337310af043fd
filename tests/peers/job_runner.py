"""Job Runner itself: served as always, with a backlog that becomes due at once."""

import time
import tomllib
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from tests.benchmarks.engine import Submitting
from tests.peers.process import Measured, until_none
from tests.peers.stores import Ask, Ground, asking_file, on_postgres
from tests.support.server import ROOT, JobRunner, WorkerProcess

LOOK_SECONDS = 0.2
BATCH = 1000
NOT_NOW = timedelta(days=300)
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def on_sqlite(ground: Ground, jobs: int, at_once: int) -> Measured:
    """The process that serves executes the jobs too, on its SQLite file."""
    folder = ground.folder / "data"
    with JobRunner(folder, **_settings(at_once)) as runner, asking_file(folder / "job-runner.db") as ask:
        return _measure(runner, ask, jobs)


def on_postgres_alone(ground: Ground, jobs: int, at_once: int) -> Measured:
    """The same on PostgreSQL."""
    with on_postgres(ground) as (url, ask):
        settings = {"DATABASE_URL": url, **_settings(at_once)}
        with JobRunner(ground.folder / "data", **settings) as runner:
            return _measure(runner, ask, jobs)


def on_postgres_with_worker(ground: Ground, jobs: int, at_once: int) -> Measured:
    """One process serves and claims, a second one executes."""
    folder = ground.folder / "data"
    with ExitStack() as stack:
        url, ask = stack.enter_context(on_postgres(ground))
        settings = {"DATABASE_URL": url, **_settings(at_once)}
        runner = stack.enter_context(JobRunner(folder, **settings))
        stack.enter_context(WorkerProcess(folder, **settings))
        until_none(lambda: 1 - int(runner.http.get("/api/v1/engine").json()["workers"]))
        return _measure(runner, ask, jobs)


def submitted_on_sqlite(ground: Ground) -> float:
    """Jobs a second that a client inside of the process submits one by one."""
    return _submitted(Submitting(ground.folder / "data"))


def submitted_on_postgres(ground: Ground) -> float:
    """The same on PostgreSQL."""
    with on_postgres(ground) as (url, _):
        return _submitted(Submitting(ground.folder / "data", DATABASE_URL=url))


def _settings(at_once: int) -> dict[str, object]:
    return {"POLL_SECONDS": LOOK_SECONDS, "CONCURRENCY": at_once}


def _measure(runner: JobRunner, ask: Ask, jobs: int) -> Measured:
    began = time.perf_counter()
    for begin in range(0, jobs, BATCH):
        _submit(runner, min(BATCH, jobs - begin))
    enqueued = jobs / (time.perf_counter() - began)
    ask("UPDATE job SET due_at = NULL")
    began = time.perf_counter()
    until_none(lambda: ask(f"SELECT {jobs} - COUNT(*) FROM job WHERE status = 'completed'"))
    return Measured(VERSION, jobs / (time.perf_counter() - began), {"in batches": enqueued})


def _submit(runner: JobRunner, jobs: int) -> None:
    job = {"type": "TEST_NOOP", "payload": {}, "run_at": (datetime.now(UTC) + NOT_NOW).isoformat()}
    answer = runner.http.post("/api/v1/jobs:batch", json={"jobs": [job] * jobs})
    assert answer.status_code == 201, answer.text


def _submitted(runner: JobRunner) -> float:
    """Before the engine looks for the first time; what follows is cut short."""
    try:
        runner.start()
        told = next(line for line in runner.output.splitlines() if line.startswith("submitted "))
    finally:
        runner.http.close()
        runner.kill()
    return float(told.split()[1].replace(",", ""))
