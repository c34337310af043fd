"""The client that agents copy: sync and async, and its workers in real processes that are killed."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from job_runner_client import (
    AsyncJobRunner,
    AsyncTask,
    AsyncWorker,
    Failed,
    JobRunnerError,
    LeaseLost,
    OutcomeUnknown,
    Paused,
    Task,
    Worker,
)
from job_runner_client import (
    JobRunner as Client,
)
from tests.api.outside import define
from tests.chaos.watch import until
from tests.support.moments import LATER
from tests.support.server import ROOT, JobRunner

pytestmark = pytest.mark.either

ANYTHING = {"type": "object"}


@pytest.fixture
def client(runner: JobRunner) -> Iterator[Client]:
    with Client(runner.url) as client:
        yield client


@contextmanager
def at_work(worker: Worker) -> Iterator[None]:
    """The worker in a thread, until it has done what it has in hand."""
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    yield
    worker.stop()
    thread.join(timeout=40)
    assert not thread.is_alive()


def test_a_job_is_submitted_awaited_and_read(client: Client) -> None:
    job = client.submit("TEST_RENDER", {"title": "A film"}, name="Mine", priority="high")
    done = client.wait(job.id, timeout=20)
    assert (done.status, done.is_done, done.result) == ("completed", True, {"message": "Rendered A film"})
    assert client.artifact(job.id, "result.txt") == b"A film"
    assert next(client.list(type="TEST_RENDER")).id >= job.id


def test_a_page_after_the_other_is_listed(client: Client) -> None:
    by = f"lister {uuid4().hex}"
    ids = client.submit_batch([{"type": "TEST_NOOP", "payload": {}, "created_by": by, "run_at": LATER}] * 7)
    assert [job.id for job in client.list(created_by=by, limit=3)] == ids[::-1]


def test_the_same_key_gives_the_first_job_and_refusals_are_told(client: Client) -> None:
    key = uuid4().hex
    first = client.submit("TEST_NOOP", {}, idempotency_key=key)
    assert client.submit("TEST_NOOP", {}, idempotency_key=key).id == first.id
    with pytest.raises(JobRunnerError) as refused:
        client.submit("TEST_RENDER", {"steps": 0})
    assert refused.value.status == 422
    assert refused.value.errors[0]["field"] == "payload.steps"
    with pytest.raises(JobRunnerError, match="cannot be resumed"):
        client.resume(first.id)


def test_waiting_too_long_is_a_timeout(client: Client) -> None:
    job = client.submit("TEST_RENDER", {"seconds": 30, "steps": 100})
    with pytest.raises(TimeoutError, match="is not done after"):
        client.wait(job.id, timeout=0.3)
    assert client.cancel(job.id).status == "cancelled"


def test_events_go_on_where_they_were_when_the_server_was_started_anew(tmp_path: Path) -> None:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner, Client(runner.url) as client:
        events = client.events()
        assert next(events).kind == "begun"
        ids = [client.submit("TEST_NOOP", {}).id]
        told = [next(events) for _ in range(3)]
        runner.stop()
        runner.start()
        ids.append(client.submit("TEST_NOOP", {}).id)
        while len(told) < 6:
            if (event := next(events)).kind != "begun":
                told.append(event)
        kinds = ["job.created", "job.started", "job.completed"]
        assert [(event.job_id, event.kind) for event in told] == [(job_id, kind) for job_id in ids for kind in kinds]


def test_a_worker_does_jobs_and_what_it_raises_is_what_becomes_of_them(runner: JobRunner, client: Client) -> None:
    key = define(runner, payload_schema=ANYTHING, irreversible=True, attempts=1)

    def work(task: Task) -> dict[str, Any]:
        task.log(f"job {task.job_id}")
        task.progress(30)
        match task.payload["raise"]:
            case "failed":
                raise Failed("No such language", retry=False)
            case "unknown":
                raise OutcomeUnknown("The line broke")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "huge":
                task.progress(140)
                return {"text": "x" * 300_000}
            case "odd":
                return {"when": datetime.now(UTC)}
        task.artifact("text.txt", b"Guten Morgen")
        return {"message": task.idempotency_key}

    with at_work(Worker(client, f"polyglot {key}", {key: work}, concurrency=3, lease_seconds=5, wait_seconds=1)):
        jobs = {
            what: client.submit(key, {"raise": what}).id for what in ("", "failed", "unknown", "bug", "huge", "odd")
        }
        done = {what: client.wait(job_id, timeout=30) for what, job_id in jobs.items()}
    assert (done[""].status, done[""].result) == ("completed", {"message": f"job-{jobs['']}"})
    assert client.artifact(jobs[""], "text.txt") == b"Guten Morgen"
    assert (done["failed"].status, done["failed"].error) == ("failed", "No such language")
    assert done["failed"].raw["outcome"] is None
    assert (done["unknown"].raw["outcome"], done["unknown"].error) == ("unknown", "The line broke")
    assert (done["bug"].raw["outcome"], done["bug"].error) == ("unknown", "ZeroDivisionError: a bug")
    for what, told in (
        ("huge", "Done; its result was refused: result must have"),
        ("odd", "Done; its result cannot be"),
    ):
        assert done[what].status == "completed", "what was done is never told as undone"
        assert str((done[what].result or {})["message"]).startswith(told)


def test_a_long_job_keeps_its_lease_and_learns_that_it_was_cancelled(runner: JobRunner, client: Client) -> None:
    key = define(runner, payload_schema=ANYTHING)
    begun, learned = threading.Event(), threading.Event()

    def work(task: Task) -> None:
        begun.set()
        try:
            while True:
                task.progress(10)
                learned.wait(0.02)
        except LeaseLost:
            learned.set()
            raise

    with at_work(Worker(client, f"patient {key}", {key: work}, lease_seconds=5, wait_seconds=1)):
        job = client.submit(key, {})
        assert begun.wait(15)
        client.cancel(job.id)
        assert learned.wait(15)
    assert client.get(job.id).status == "cancelled"


def test_an_irreversible_job_that_is_paused_goes_on_unless_its_handler_has_done_nothing(
    runner: JobRunner, client: Client
) -> None:
    key = define(runner, payload_schema=ANYTHING, irreversible=True)
    begun, paused = threading.Event(), threading.Event()

    def work(task: Task) -> dict[str, Any]:
        begun.set()
        while not task.is_paused:
            paused.wait(0.02)
        paused.set()
        task.progress(90)  # no safe point: it may have been done by now
        if task.payload.get("untouched"):
            raise Paused
        return {"message": "Paid"}

    with at_work(Worker(client, f"payer {key}", {key: work}, lease_seconds=5, wait_seconds=1)):
        for payload, status in (({}, "completed"), ({"untouched": True}, "paused")):
            job = client.submit(key, payload)
            assert begun.wait(15)
            begun.clear()
            client.pause(job.id)
            assert client.wait(job.id, timeout=20).status == status
        assert client.get(job.id).error is None


async def test_an_async_worker_does_many_jobs_at_once(runner: JobRunner) -> None:
    key = define(runner, payload_schema=ANYTHING)

    async def work(task: AsyncTask) -> dict[str, Any]:
        task.progress(50)
        await task.artifact("n.txt", str(task.payload["n"]).encode())
        return {"n": task.payload["n"]}

    async with AsyncJobRunner(runner.url) as client:
        worker = AsyncWorker(client, f"many {key}", {key: work}, concurrency=20)
        working = asyncio.create_task(worker.run())
        ids = await client.submit_batch([{"type": key, "payload": {"n": n}} for n in range(40)])
        done = await asyncio.gather(*(client.wait(job_id, timeout=30) for job_id in ids[::10]))
        assert [job.result for job in done] == [{"n": n} for n in range(0, 40, 10)]
        assert await client.artifact(ids[-10], "n.txt") == b"30"
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        listed = [job.id async for job in client.list(type=key, limit=15)]
        assert listed == ids[::-1]


@contextmanager
def worker_process(
    runner: JobRunner, name: str, key: str, folder: Path, lease: float
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.outside_worker", runner.url, name, key, str(lease), str(folder)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_is_killed_in_the_middle_of_a_job_loses_it_to_another(
    runner: JobRunner, client: Client, tmp_path: Path
) -> None:
    key = define(runner, payload_schema=ANYTHING)
    hold = tmp_path / "hold"
    hold.touch()
    with worker_process(runner, f"first {key}", key, tmp_path, 5) as first:
        job = client.submit(key, {"hold": str(hold)})
        until(lambda: (tmp_path / f"{job.id}-1").exists(), 20, "the first worker has it")
        first.kill()
    with worker_process(runner, f"second {key}", key, tmp_path, 5):
        until(lambda: (tmp_path / f"{job.id}-2").exists(), 40, "the second worker has it")
        hold.unlink()
        done = client.wait(job.id, timeout=20)
    assert (done.status, done.result) == ("completed", {"message": f"Done by second {key}"})
    assert client.artifact(job.id, "by.txt") == f"second {key}".encode()
    attempts = runner.http.get(f"/api/v1/jobs/{job.id}/attempts").json()
    assert [attempt["outcome"] for attempt in attempts] == ["lost", "succeeded"]


def test_a_worker_that_is_killed_while_it_spoke_to_the_world_leaves_a_question(
    runner: JobRunner, client: Client, tmp_path: Path
) -> None:
    key = define(runner, payload_schema=ANYTHING, irreversible=True)
    hold = tmp_path / "hold"
    hold.touch()
    with worker_process(runner, f"first {key}", key, tmp_path, 5):
        job = client.submit(key, {"hold": str(hold)})
        until(lambda: (tmp_path / f"{job.id}-1").exists(), 20, "the worker has it")
    hold.unlink()
    with worker_process(runner, f"second {key}", key, tmp_path, 5):
        asked = client.wait(job.id, timeout=40)
    assert (asked.status, asked.raw["outcome"]) == ("failed", "unknown")
    assert not (tmp_path / f"{job.id}-2").exists()
