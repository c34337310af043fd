"""Moves through the programs' door: done with 200, refused with 409 that says which are allowed."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.test_jobs import assert_problem
from tests.support.moments import LATER
from tests.support.server import JobRunner

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


def move(runner: JobRunner, job_id: int, name: str, **body: Any) -> dict[str, Any]:
    answer = runner.http.post(f"/api/v1/jobs/{job_id}/{name}", json=body or None)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def later(runner: JobRunner, **more: Any) -> int:
    return runner.submit("TEST_RENDER", run_at=LATER, **more)


def test_a_queued_job_pauses_resumes_and_is_cancelled(runner: JobRunner) -> None:
    job_id = later(runner)
    assert move(runner, job_id, "pause")["status"] == "paused"
    assert move(runner, job_id, "resume")["status"] == "queued"
    job = move(runner, job_id, "cancel")
    assert (job["status"], job["allowed"]) == ("cancelled", [])
    assert job["finished_at"]


def test_a_running_job_is_cancelled_and_says_what_had_happened(runner: JobRunner, tmp_path: Path) -> None:
    job_id = runner.submit("TEST_RENDER", {"hold": str(tmp_path / "never")})
    runner.until(job_id, "running")
    job = move(runner, job_id, "cancel")
    assert (job["status"], job["error"]) == ("cancelled", "Cancelled while running. Nothing had gone out.")


def test_a_running_job_is_paused_at_a_safe_point_and_goes_on(runner: JobRunner, tmp_path: Path) -> None:
    job_id = runner.submit("TEST_RENDER", {"hold": str(tmp_path / "go on")})
    runner.until(job_id, "running")
    move(runner, job_id, "pause")
    runner.until(job_id, "paused")
    (tmp_path / "go on").touch()
    assert move(runner, job_id, "resume")["status"] in ("queued", "running", "completed")
    runner.until(job_id, "completed")


def test_a_failed_job_is_retried(runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail": "No space left"})
    job = runner.until(job_id, "failed")
    assert (job["error"], job["outcome"], job["allowed"]) == ("No space left", None, ["cancel", "prioritize", "retry"])
    told = move(runner, job_id, "retry")
    assert told["finished_at"] is None or told["attempt"] == 2, "it may have failed again by the time of the answer"
    assert runner.until(job_id, "failed")["attempt"] == 2


def test_a_job_that_needs_approval_runs_once_it_is_approved(runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    assert runner.job(job_id)["waiting_for"] == "Waits for approval"
    assert move(runner, job_id, "approve")["approval"] == "approved"
    runner.until(job_id, "completed")


@pytest.mark.parametrize(
    ("body", "error"), [({"reason": "Too long"}, "Rejected: Too long"), ({}, "Rejected"), (None, "Rejected")]
)
def test_a_job_that_is_rejected_is_cancelled_with_the_reason(runner: JobRunner, body: Any, error: str) -> None:
    job_id = later(runner, requires_approval=True)
    job = runner.http.post(f"/api/v1/jobs/{job_id}/reject", json=body).json()
    assert (job["status"], job["approval"], job["error"]) == ("cancelled", "rejected", error)


@pytest.mark.parametrize(
    ("name", "body", "moved"),
    [
        ("resume", None, "resumed"),
        ("retry", None, "retried"),
        ("approve", None, "approved"),
        ("reject", None, "rejected"),
        ("resolve", {"went_out": True}, "resolved"),
    ],
)
def test_a_move_that_the_state_does_not_allow_is_a_conflict_that_says_which_are(
    runner: JobRunner, name: str, body: Any, moved: str
) -> None:
    job_id = later(runner)
    problem = assert_problem(runner.http.post(f"/api/v1/jobs/{job_id}/{name}", json=body), 409)
    assert problem["allowed"] == ["cancel", "pause", "prioritize", "run_now"], "as they are asked for"
    assert problem["detail"] == (
        f"a job that is queued cannot be {moved}; allowed now: cancel, pause, prioritize, run now"
    )
    assert runner.job(job_id)["status"] == "queued"


def test_a_job_that_is_over_allows_nothing_more(runner: JobRunner) -> None:
    job_id = later(runner)
    move(runner, job_id, "cancel")
    for name in ("cancel", "pause"):
        problem = assert_problem(runner.http.post(f"/api/v1/jobs/{job_id}/{name}"), 409)
        assert problem["allowed"] == []
        assert problem["detail"].endswith("allowed now: nothing more")


@pytest.mark.parametrize("name", ["cancel", "pause", "resume", "retry", "approve", "reject"])
def test_moving_a_job_that_does_not_exist_is_a_404(runner: JobRunner, name: str) -> None:
    assert_problem(runner.http.post(f"/api/v1/jobs/9223372036854775807/{name}"), 404)


@pytest.mark.parametrize("body", [None, {}, {"went_out": "perhaps"}, {"went_out": None}, {"went_out": True, "x": 1}])
def test_resolving_needs_a_clear_answer(runner: JobRunner, body: Any) -> None:
    assert_problem(runner.http.post(f"/api/v1/jobs/{later(runner)}/resolve", json=body), 422)


@pytest.mark.parametrize("name", ["explode", "delete", ""])
def test_a_move_that_does_not_exist_is_a_404(runner: JobRunner, name: str) -> None:
    answer = runner.http.post(f"/api/v1/jobs/{later(runner)}/{name}", extensions={"nowhere": True})
    assert_problem(answer, 404)
