"""Pausing and limiting every job of a type."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_jobs import assert_problem
from tests.support.server import JobRunner

RENDER = "/api/v1/job-types/TEST_RENDER"


@pytest.fixture
def renders(runner: JobRunner) -> Iterator[JobRunner]:
    """Renders are as they were afterwards."""
    yield runner
    runner.http.patch(RENDER, json={"paused": False, "concurrency": None, "time_limit_seconds": None})


def shown(runner: JobRunner) -> dict[str, Any]:
    types = runner.http.get("/api/v1/job-types").json()["items"]
    return next(job_type for job_type in types if job_type["type"] == "TEST_RENDER")


def test_a_type_tells_its_limits(runner: JobRunner) -> None:
    render = shown(runner)
    assert (render["paused"], render["concurrency"]) == (False, None)
    assert (render["time_limit_seconds"], render["attempts"]) == (3600, 3)


def test_jobs_of_a_paused_type_wait_and_say_so_until_it_is_resumed(renders: JobRunner) -> None:
    assert renders.http.patch(RENDER, json={"paused": True}).json()["paused"] is True
    job_id = renders.submit("TEST_RENDER")
    other = renders.submit("TEST_NOOP")
    assert renders.until(other, "completed"), "a look has passed"
    job = renders.job(job_id)
    assert job["status"] == "queued"
    assert job["waiting_for"] == "Waits because every Render a test video job is paused in Settings"
    renders.http.patch(RENDER, json={"paused": False})
    renders.until(job_id, "completed")


def test_no_more_of_a_type_run_at_once_than_its_limit_and_a_freed_place_is_taken(
    renders: JobRunner, tmp_path: Path
) -> None:
    renders.http.patch(RENDER, json={"concurrency": 1})
    go = [tmp_path / "first", tmp_path / "second"]
    first, second = (renders.submit("TEST_RENDER", {"hold": str(file)}) for file in go)
    renders.until(first, "running")
    renders.until(renders.submit("TEST_NOOP"), "completed")
    assert renders.job(second)["status"] == "queued"
    assert renders.job(second)["waiting_for"] == (
        "Waits for its turn: at most 1 Render a test video at once, as set in Settings"
    )
    go[0].touch()
    renders.until(second, "running")
    go[1].touch()
    renders.until(second, "completed")


def test_a_time_limit_that_was_set_ends_a_job_that_takes_longer(renders: JobRunner) -> None:
    renders.http.patch(RENDER, json={"time_limit_seconds": 1})
    job = renders.until(renders.submit("TEST_RENDER", {"hold": "/nowhere"}), "failed")
    assert job["error"] == "It ran longer than its time limit"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1001}, "concurrency"),
        ({"concurrency": "many"}, "concurrency"),
        ({"time_limit_seconds": 0.5}, "time_limit_seconds"),
        ({"time_limit_seconds": 604801}, "time_limit_seconds"),
        ({"paused": None}, "paused"),
        ({"pause": True}, "pause"),
    ],
    ids=str,
)
def test_a_bad_limit_is_refused_by_name_and_changes_nothing(
    renders: JobRunner, change: dict[str, Any], field: str
) -> None:
    before = shown(renders)
    problem = assert_problem(renders.http.patch(RENDER, json=change), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert shown(renders) == before


def test_an_unknown_type_is_not_found(runner: JobRunner) -> None:
    problem = assert_problem(runner.http.patch("/api/v1/job-types/NOWHERE", json={"paused": True}), 404)
    assert "NOWHERE" in problem["detail"]


def test_a_job_that_waits_for_its_time_can_be_run_now(runner: JobRunner) -> None:
    job_id = runner.submit("TEST_NOOP", run_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    assert "run_now" in runner.job(job_id)["allowed"]
    assert runner.http.post(f"/api/v1/jobs/{job_id}/run-now").status_code == 200
    runner.until(job_id, "completed")
    assert_problem(runner.http.post(f"/api/v1/jobs/{job_id}/run-now"), 409)


def test_a_job_that_waits_for_its_next_try_can_be_tried_now(runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail_for_now": "Busy"})
    while not (job := runner.job(job_id))["waiting_for"] or "Next try" not in job["waiting_for"]:
        pass
    runner.http.post(f"/api/v1/jobs/{job_id}/run-now")
    while runner.job(job_id)["attempt"] < 2:
        pass
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
