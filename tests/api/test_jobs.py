"""The programs' door, field by field: creating, listing and reading jobs."""

import json
import uuid
from datetime import timedelta, timezone
from typing import Any

import httpx
import pytest

from tests.support.moments import AHEAD, LATER
from tests.support.server import JobRunner

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
FIELDS = {
    *("id", "type", "category", "name", "status", "priority", "progress", "payload", "result", "error"),
    *("waiting_for", "created_by", "created_at", "started_at", "finished_at", "run_at"),
    *("attempt", "max_attempts", "approval", "outcome"),
}
PROBLEM = "application/problem+json"


def create(runner: JobRunner, *, key: str | None = None, **more: Any) -> httpx.Response:
    """A job that stays queued, unless asked otherwise."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    body = {"type": "EMAIL_SEND", "payload": MAIL, "run_at": LATER, **more}
    return runner.http.post("/api/v1/jobs", content=json.dumps(body), headers=headers)


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["status"]) == (status, status), answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert document["title"]
    assert document["detail"]
    return document


def test_a_new_job_is_answered_with_201_its_place_and_every_field_of_the_contract(runner: JobRunner) -> None:
    asked: dict[str, Any] = {"name": "Numbers", "priority": "high", "created_by": "ada", "requires_approval": True}
    answer = create(runner, **asked)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1/jobs/{job['id']}")
    assert set(job) >= FIELDS
    assert {name: job[name] for name in ("name", "priority", "created_by", "approval")} == {
        "name": "Numbers",
        "priority": "high",
        "created_by": "ada",
        "approval": "pending",
    }
    assert (job["type"], job["category"], job["status"], job["payload"]) == ("EMAIL_SEND", "task", "queued", MAIL)
    assert (job["waiting_for"], job["attempt"], job["progress"]) == ("Waits for approval", 0, 0)
    assert runner.http.get(answer.headers["location"]).json() == job


@pytest.mark.parametrize("hours", [0, 5, -11])
def test_times_are_rfc_3339_in_utc_whatever_zone_was_asked(runner: JobRunner, hours: int) -> None:
    job = create(runner, run_at=AHEAD.astimezone(timezone(timedelta(hours=hours))).isoformat()).json()
    assert job["run_at"] == LATER
    assert job["created_at"].endswith("Z")
    assert job["waiting_for"] == f"Scheduled for {AHEAD:%Y-%m-%d} 03:04:05 UTC"


def test_the_same_key_and_body_again_is_answered_with_200_and_the_first_job(runner: JobRunner) -> None:
    key = uuid.uuid4().hex
    first, again = create(runner, key=key), create(runner, key=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["location"] == first.headers["location"]


def test_the_same_key_with_another_body_is_a_conflict(runner: JobRunner) -> None:
    key = uuid.uuid4().hex
    create(runner, key=key)
    problem = assert_problem(create(runner, key=key, name="Other"), 409)
    assert key in problem["detail"]


@pytest.mark.either
@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"type": "FAX"}, "type", "type must be one of EMAIL_SEND"),
        ({"type": None}, "type", "type should be a valid string, not None"),
        ({"payload": {**MAIL, "subject": ""}}, "payload.subject", "Subject must not be empty"),
        ({"payload": {**MAIL, "to": "nobody"}}, "payload.to.0", "Recipient 1 must be an e-mail address"),
        ({"payload": {**MAIL, "x": 1}}, "payload.x", "x is not a field here; the fields are to, cc"),
        ({"payload": []}, "payload", "payload should be a valid dictionary, not []"),
        ({"priority": "urgent"}, "priority", "priority must be high, medium or low, not 'urgent'"),
        ({"name": "a\nb"}, "name", "name must not contain line breaks"),
        ({"name": "x" * 201}, "name", "name must have at most 200 characters, not 201"),
        ({"created_by": ""}, "created_by", "created_by"),
        ({"run_at": "tomorrow"}, "run_at", "run_at"),
        ({"run_at": "2027-01-01T00:00:00"}, "run_at", "run_at should have timezone info"),
        ({"run_at": "0001-01-01T00:00:00+14:00"}, "run_at", "run_at must be within a year"),
        ({"run_at": "9999-12-31T23:59:59-12:00"}, "run_at", "run_at must be within a year"),
        ({"colour": "red"}, "colour", "colour is not a field of this request"),
        ({"payload": {**MAIL, "\ud800": 1}}, "payload", "payload should"),
        ({"payload": {**MAIL, "subject": "\ud800"}}, "payload.subject", "Subject"),
        ({"type": "\ud800"}, "type", "type"),
    ],
    ids=str,
)
def test_bad_input_is_answered_with_422_and_a_sentence_a_field(
    runner: JobRunner, more: dict[str, Any], field: str, says: str
) -> None:
    problem = assert_problem(create(runner, **more), 422)
    (error,) = problem["errors"]
    assert error["field"] == field
    assert says in error["message"]
    assert error["message"] in problem["detail"]


@pytest.mark.either
@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"type": }', b"\xff\xfe"], ids=lambda body: repr(body[:10]))
def test_a_body_that_is_no_json_is_answered_with_422(runner: JobRunner, body: bytes) -> None:
    answer = runner.http.post("/api/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert assert_problem(answer, 422)["errors"]


@pytest.mark.either
def test_json_that_is_nested_without_end_is_refused(runner: JobRunner) -> None:
    answer = runner.http.post("/api/v1/jobs", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400)


@pytest.mark.either
@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_json_that_is_no_object_is_answered_with_422(runner: JobRunner, body: Any) -> None:
    assert_problem(runner.http.post("/api/v1/jobs", json=body), 422)


@pytest.mark.parametrize("job_id", ["0", "-1", "abc", "1.5", "9" * 30, "9223372036854775808"])
def test_what_cannot_be_a_jobs_number_is_answered_with_422(runner: JobRunner, job_id: str) -> None:
    assert_problem(runner.http.get(f"/api/v1/jobs/{job_id}"), 422)


@pytest.mark.parametrize("path", ["", "/attempts", "/artifacts/result.txt"])
def test_a_job_that_does_not_exist_is_answered_with_404(runner: JobRunner, path: str) -> None:
    problem = assert_problem(runner.http.get(f"/api/v1/jobs/9223372036854775807{path}"), 404)
    assert problem["detail"] == "there is no job 9223372036854775807"


def test_a_finished_job_shows_its_result_its_tries_and_their_log(runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer"})
    job = runner.until(job_id, "completed")
    assert (job["result"], job["progress"], job["error"]) == ({"message": "Rendered Trailer"}, 100, None)
    assert job["started_at"] <= job["finished_at"]
    (attempt,) = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert (attempt["number"], attempt["outcome"], attempt["error"]) == (1, "succeeded", None)
    assert (attempt["phase"], attempt["effects"]) == ("none", [])
    assert [line["text"] for line in attempt["log"]] == ["Started"]
    assert attempt["log"][0]["at"].endswith("Z")


def test_a_mails_try_shows_what_it_did_to_the_world(runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL)
    job = runner.until(job_id, "completed")
    (attempt,) = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    (effect,) = attempt["effects"]
    assert (attempt["phase"], effect["target"], effect["phase"]) == ("done", "mail", "done")
    assert effect["identity"]["message_id"] == job["result"]["message_id"]


def test_a_file_that_a_job_made_can_be_fetched_as_a_download(runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer"})
    runner.until(job_id, "completed")
    answer = runner.http.get(f"/api/v1/jobs/{job_id}/artifacts/result.txt")
    assert (answer.status_code, answer.text) == (200, "Trailer")
    assert answer.headers["content-disposition"] == 'attachment; filename="result.txt"'


@pytest.mark.either
@pytest.mark.parametrize(
    "name",
    [
        *("..", "../../secret.key", "..%2f..%2fsecret.key", "%2e%2e%2f%2e%2e%2fsecret.key", "..%5c..%5csecret.key"),
        *("%2fetc%2fpasswd", "%00", "nothing.txt", ".", "x" * 300, "%ff"),
    ],
)
def test_no_name_leads_out_of_the_jobs_own_files(runner: JobRunner, name: str) -> None:
    job_id = runner.submit("TEST_RENDER")
    runner.until(job_id, "completed")
    secret = (runner.data_dir / "secret.key").read_text()
    answer = runner.raw(f"GET /api/v1/jobs/{job_id}/artifacts/{name} HTTP/1.1")
    assert answer.startswith("HTTP/1.1 404 "), answer
    assert secret not in answer
