"""What programs find out about this installation: job types, the engine, the description of the door itself."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from api.guard import SECURITY_HEADERS
from tests.api.test_jobs import assert_problem
from tests.support.server import JobRunner

ROUTES = {
    "/api/v1/jobs": {"get", "post"},
    "/api/v1/agents": {"get", "post"},
    "/api/v1/agents/{agent_id}": {"delete"},
    "/api/v1/agents/{agent_id}/claim": {"post"},
    "/api/v1/agents/{agent_id}/reports": {"post"},
    "/api/v1/agents/{agent_id}/jobs/{job_id}/report": {"post"},
    "/api/v1/agents/{agent_id}/jobs/{job_id}/artifacts/{name}": {"put"},
    "/api/v1/workforce": {"get"},
    "/api/v1/workforce/{key}/pause": {"post"},
    "/api/v1/workforce/{key}/resume": {"post"},
    "/api/v1/files/{name}": {"get"},
    "/api/v1/secrets": {"get"},
    "/api/v1/secrets/{name}": {"put", "delete"},
    "/api/v1/webhooks": {"get", "post"},
    "/api/v1/webhooks/{webhook_id}": {"delete"},
    "/api/v1/webhooks/{webhook_id}/test": {"post"},
    "/api/v1/webhooks/{webhook_id}/deliveries": {"get"},
    "/api/v1/deliveries/{delivery_id}/send-again": {"post"},
    "/api/v1/events": {"get"},
    "/api/v1/jobs:batch": {"post"},
    "/api/v1/jobs/export": {"get"},
    "/api/v1/operations": {"get", "post"},
    "/api/v1/operations/{operation_id}": {"get"},
    **{f"/api/v1/operations/{{operation_id}}/{what}": {"post"} for what in ("stop", "undo")},
    "/api/v1/workflows": {"get", "post"},
    "/api/v1/workflows/{name}": {"get", "put", "delete"},
    "/api/v1/workflows/{name}/versions": {"get"},
    "/api/v1/workflows/{name}/runs": {"post"},
    "/api/v1/runs": {"get"},
    "/api/v1/runs/{run_id}": {"get"},
    "/api/v1/runs/{run_id}/cancel": {"post"},
    "/api/v1/usage": {"get"},
    "/api/v1/budgets": {"get", "put"},
    "/api/v1/system": {"get"},
    "/api/v1/budgets/{budget_id}": {"delete"},
    "/api/v1/rate-limits": {"get"},
    "/api/v1/rate-limits/{key}": {"put", "delete"},
    "/api/v1/views": {"get", "post"},
    "/api/v1/views/{view_id}": {"delete"},
    "/api/v1/schedules": {"get", "post"},
    "/api/v1/schedules:preview": {"post"},
    "/api/v1/schedules/{schedule_id}": {"get", "put", "delete"},
    "/api/v1/schedules/{schedule_id}/runs": {"get"},
    **{f"/api/v1/schedules/{{schedule_id}}/{what}": {"post"} for what in ("pause", "resume", "run-now")},
    "/api/v1/jobs/{job_id}": {"get"},
    "/api/v1/jobs/{job_id}/attempts": {"get"},
    "/api/v1/jobs/{job_id}/life": {"get"},
    "/api/v1/jobs/{job_id}/dependencies": {"get"},
    "/api/v1/jobs/{job_id}/artifacts/{name}": {"get"},
    **{
        f"/api/v1/jobs/{{job_id}}/{move}": {"post"}
        for move in ("cancel", "pause", "resume", "retry", "approve", "reject", "resolve", "run-now", "prioritize")
    },
    **{f"/api/v1/jobs/{{job_id}}/{what}": {"post"} for what in ("revise", "correct", "undo-approval", "comments")},
    "/api/v1/jobs/{job_id}/review": {"get"},
    "/api/v1/jobs/{job_id}/review-links": {"post"},
    "/api/v1/approval-rules": {"get", "post"},
    "/api/v1/approval-rules/{rule_id}": {"delete"},
    "/api/v1/approval-suggestions": {"get"},
    "/api/v1/channels": {"get", "post"},
    "/api/v1/channels/{channel_id}": {"delete"},
    "/api/v1/channels/{channel_id}/test": {"post"},
    "/api/v1/job-types": {"get", "post"},
    "/api/v1/job-types/{key}": {"get", "put", "patch", "delete"},
    "/api/v1/engine": {"get"},
    "/api/v1/dashboard": {"get"},
    "/api/v1/people": {"get", "post"},
    "/api/v1/people/{person_id}": {"patch", "delete"},
    "/api/v1/tokens": {"get", "post"},
    "/api/v1/tokens/{token_id}": {"delete"},
    "/api/v1/audit": {"get"},
    "/api/v1/audit/export": {"get"},
}


@pytest.mark.either
def test_the_openapi_document_lists_every_call_of_the_contract(runner: JobRunner) -> None:
    document = runner.http.get("/api/openapi.json").json()
    listed = {path: set(item) for path, item in document["paths"].items() if path.startswith("/api/")}
    assert listed == ROUTES
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation.get("description") for operation in operations), "every call says what it does"


def test_each_job_type_has_the_schema_of_its_payload(runner: JobRunner) -> None:
    types = {item["type"]: item for item in runner.http.get("/api/v1/job-types").json()["items"]}
    assert {"EMAIL_SEND", "SOCIAL_POST", "TEST_RENDER"} <= set(types)
    mail = types["EMAIL_SEND"]
    assert (mail["category"], mail["icon"], mail["effect"]) == ("task", "mail", "irreversible")
    assert mail["label"]
    assert mail["description"]
    schema: dict[str, Any] = mail["payload_schema"]
    assert schema["required"] == ["to", "subject", "body"]
    titles = {name: field["title"] for name, field in schema["properties"].items()}
    asked = {"to": "Recipient", "cc": "Cc", "bcc": "Bcc", "subject": "Subject", "body": "Body"}
    assert titles == {**asked, "attachments": "Attachments"}
    assert types["TEST_RENDER"]["effect"] == "repeatable"


def test_the_engine_says_that_it_is_online_and_how_busy_it_is(runner: JobRunner) -> None:
    state = runner.http.get("/api/v1/engine").json()
    assert (state["online"], state["poll_seconds"], state["concurrency"]) == (True, 0.1, 10)
    assert state["last_beat_at"].endswith("Z")
    assert {"running", "queued"} <= set(state)


def test_health_is_told_to_whoever_watches(runner: JobRunner) -> None:
    assert runner.http.get("/healthz").text == "ok\n"
    assert runner.http.head("/healthz").status_code == 200
    assert runner.http.get("/readyz").json() == {"status": "ready"}


def test_the_numbers_are_in_the_format_of_prometheus(runner: JobRunner) -> None:
    runner.until(runner.submit("TEST_NOOP"), "completed")
    answer = runner.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(values['job_runner_jobs{status="completed"}']) >= 1
    assert float(values["job_runner_engine_online"]) == 1
    assert answer.text.endswith("\n")


@pytest.mark.either
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v2/jobs", "/api/v1/jobs/1/2/3/4"])
def test_an_unknown_path_is_a_json_404_that_says_where_to_look(runner: JobRunner, method: str, path: str) -> None:
    problem = assert_problem(runner.http.request(method, path, extensions={"nowhere": True}), 404)
    assert problem["detail"] == f"there is no {method} {path}; see /api/openapi.json"


@pytest.mark.either
@pytest.mark.parametrize(
    "path", ["/api/v1/jobs", "/api/v1/nothing", "/healthz", "/feed.xml", "/login", "/app", "/static/theme.css", "/x"]
)
def test_every_answer_carries_the_security_headers(runner: JobRunner, path: str) -> None:
    headers = runner.http.get(path, extensions={"nowhere": True}).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "server" not in headers, "nobody needs to know what it is made of"


@pytest.mark.either
@pytest.mark.parametrize("size", [8 * 1024 * 1024 + 1, 10 * 1024 * 1024])
def test_a_body_over_the_limit_is_refused_by_its_length(runner: JobRunner, size: int) -> None:
    answer = runner.raw("POST /api/v1/jobs HTTP/1.1", f"Content-Length: {size}", body=b"")
    assert answer.startswith("HTTP/1.1 413 "), answer
    assert "The body must have at most 8,388,608 bytes" in answer


@pytest.mark.either
def test_a_body_over_the_limit_is_refused_when_it_comes_in_pieces(runner: JobRunner) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield bytes(1024 * 1024)

    assert_problem(runner.http.post("/api/v1/jobs", content=pieces()), 413)


@pytest.mark.either
def test_a_body_in_pieces_within_the_limit_is_taken(runner: JobRunner) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"type": "TEST_RENDER", '
        yield b'"payload": {"title": "' + b"x" * 400 + b'"}}'

    answer = runner.http.post("/api/v1/jobs", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text


@pytest.mark.either
def test_a_body_that_breaks_off_makes_no_job(runner: JobRunner) -> None:
    """The client died before the end: what came may be all of it or not."""
    creator = os.urandom(8).hex()
    body = b'{"type": "TEST_NOOP", "payload": {}, "created_by": "%s"}' % creator.encode()
    piece = b"%x\r\n%s\r\n" % (len(body), body)
    head = ("POST /api/v1/jobs HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    runner.break_off(*head, body=piece)
    runner.until(runner.submit("TEST_NOOP"), "completed")  # what came later is done
    assert runner.http.get("/api/v1/jobs", params={"created_by": creator}).json()["total"] == 0
