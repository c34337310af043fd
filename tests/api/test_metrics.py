"""What Prometheus is told: names, units and bounded labels, in both of its formats."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests.benchmarks.sockets import open_pages
from tests.chaos.test_broken_database import lock_of_another
from tests.chaos.watch import until
from tests.support.command import command
from tests.support.moments import LATER
from tests.support.server import JobRunner, WorkerProcess, free_port

SECONDS = 15
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


@pytest.fixture
def runner(tmp_path: Path, own_database: str) -> Iterator[JobRunner]:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1, DATABASE_URL=own_database) as running:
        yield running


def metrics(runner: JobRunner) -> list[Metric]:
    return list(plain(runner.http.get("/metrics").text))


def value(families: list[Metric], name: str, **labels: str) -> float | None:
    """A series' value; None if there is no such series."""
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return next((sample.value for sample in samples if labels.items() <= sample.labels.items()), None)


def told(runner: JobRunner, expected: float, name: str, **labels: str) -> None:
    """Wait until the series has this value: what is stored is read once a second."""
    found: list[float | None] = [None]

    def holds() -> bool:
        found[0] = value(metrics(runner), name, **labels)
        return found[0] == expected

    try:
        until(holds, SECONDS, f"{name} {labels} is {expected}")
    except AssertionError as late:
        raise AssertionError(f"{late}, but {found[0]}\n{runner.output}") from None


def test_what_attempts_came_to_and_how_long_they_took_is_counted_by_type(runner: JobRunner) -> None:
    runner.until(runner.submit("TEST_NOOP"), "completed")
    runner.until(runner.submit("TEST_RENDER", {"fail": "No colour", "title": "x"}), "failed")
    held = runner.submit("TEST_RENDER", {"title": "x", "hold": str(runner.data_dir / "never")})
    runner.until(held, "running")
    told(runner, 1, "job_runner_running_jobs", type="TEST_RENDER")
    runner.http.post(f"/api/v1/jobs/{held}/cancel")
    told(runner, 1, "job_runner_attempts_total", type="TEST_RENDER", outcome="cancelled")
    now = metrics(runner)
    assert value(now, "job_runner_claims_total", type="TEST_NOOP") == 1
    assert value(now, "job_runner_claims_total", type="TEST_RENDER") == 2
    assert value(now, "job_runner_attempts_total", type="TEST_NOOP", outcome="succeeded") == 1
    assert value(now, "job_runner_attempts_total", type="TEST_RENDER", outcome="failed") == 1
    assert value(now, "job_runner_attempt_duration_seconds_count", type="TEST_RENDER") == 2
    assert (value(now, "job_runner_claim_cycle_seconds_count") or 0) >= 1
    told(runner, 0, "job_runner_running_jobs", type="TEST_RENDER")


def test_how_many_jobs_could_be_claimed_and_how_old_they_are_is_told_by_type(runner: JobRunner) -> None:
    assert runner.http.patch("/api/v1/job-types/TEST_NOOP", json={"paused": True}).json()["paused"] is True
    runner.submit("TEST_NOOP", run_at=LATER)
    runner.submit("TEST_NOOP", requires_approval=True)
    for _ in range(3):
        runner.submit("TEST_NOOP")
    told(runner, 3, "job_runner_queue_depth", type="TEST_NOOP")
    now = metrics(runner)
    assert 0 < (value(now, "job_runner_queue_oldest_age_seconds", type="TEST_NOOP") or 0) < 60
    assert value(now, "job_runner_queue_depth", type="TEST_RENDER") == 0
    assert value(now, "job_runner_queue_oldest_age_seconds", type="TEST_RENDER") == 0
    assert value(now, "job_runner_jobs", status="queued") == 5


def test_who_asks_for_open_metrics_gets_it_and_anybody_else_the_plain_format(runner: JobRunner) -> None:
    answer = runner.http.get("/metrics", headers=OPEN_METRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in open_metrics(answer.text)}  # type: ignore[no-untyped-call]  # has none
    assert answer.text.endswith("# EOF\n")
    assert names == {family.name for family in metrics(runner)}
    usual = runner.http.get("/metrics", headers={"Accept": "text/html, */*"})
    assert usual.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_open_pages_and_how_long_a_change_waits_for_them_are_told(runner: JobRunner) -> None:
    told(runner, 0, "job_runner_live_pages")
    with open_pages(runner.url, 2):
        told(runner, 2, "job_runner_live_pages")
        before = value(metrics(runner), "job_runner_page_flush_lag_seconds_count") or 0
        runner.until(runner.submit("TEST_NOOP"), "completed")
        until(
            lambda: (value(metrics(runner), "job_runner_page_flush_lag_seconds_count") or 0) > before,
            SECONDS,
            "a flush was timed",
        )
    told(runner, 0, "job_runner_live_pages")


@pytest.mark.sqlite
def test_while_the_database_does_not_answer_what_is_not_stored_there_is_told(tmp_path: Path) -> None:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1, LEASE_SECONDS=2) as runner:
        told(runner, 1, "job_runner_database_up")
        with lock_of_another(runner):
            told(runner, 0, "job_runner_database_up")
            assert value(metrics(runner), "job_runner_jobs", status="queued") is None
            until(lambda: value(metrics(runner), "job_runner_faults_total", reason="database"), SECONDS, "faults count")
        told(runner, 1, "job_runner_database_up")


def test_a_workers_port_that_is_taken_is_one_line_that_says_what_to_set(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = command("worker", DATA_DIR=tmp_path, DATABASE_URL="postgres://x@127.0.0.1:1/x", METRICS_PORT=port)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"job-runner: cannot listen at 127.0.0.1, port {port}: ")
    assert ended.stderr.endswith("set JOB_RUNNER_HOST and JOB_RUNNER_METRICS_PORT to a free address\n")


@pytest.mark.postgres
def test_a_worker_tells_its_own_numbers_at_a_port_of_its_own(runner: JobRunner, tmp_path: Path) -> None:
    port = free_port()
    with WorkerProcess(tmp_path / "worker", DATABASE_URL=runner.database_url, METRICS_PORT=port) as worker:
        worker.until_it_said("worker online")
        told(runner, 1, "job_runner_workers_online")
        runner.until(runner.submit("TEST_NOOP"), "completed")

        def of_the_worker() -> float | None:
            families = list(plain(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text))
            return value(families, "job_runner_attempts_total", type="TEST_NOOP", outcome="succeeded")

        until(lambda: of_the_worker() == 1, SECONDS, "the worker counts it")
    assert value(metrics(runner), "job_runner_attempts_total", type="TEST_NOOP") is None, "nothing is counted twice"
    assert value(metrics(runner), "job_runner_claims_total", type="TEST_NOOP") == 1
