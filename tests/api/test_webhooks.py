"""Webhooks: signed, told until they are taken, and never to our own network."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from engine.webhooks import KINDS
from tests.api.test_jobs import assert_problem
from tests.chaos.watch import until
from tests.servers.hook import PATH, HookServer
from tests.support.other_program import ask
from tests.support.server import JobRunner

SECONDS = 20


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    with HookServer() as server:
        yield server


def add(runner: JobRunner, url: str, **more: Any) -> dict[str, Any]:
    answer = runner.http.post("/api/v1/webhooks", json={"name": f"hook {uuid4().hex[:8]}", "url": url, **more})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def connected(runner: JobRunner, server: HookServer, **more: Any) -> int:
    made = add(runner, server.hook, **more)
    server.secret = made["secret"]
    return int(made["id"])


def deliveries(runner: JobRunner, hook: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = runner.http.get(f"/api/v1/webhooks/{hook}/deliveries").json()["items"]
    return items


def hurry(runner: JobRunner) -> None:
    """Let the next try be now."""
    ask(runner.database_url, "UPDATE delivery SET next_try_at = created_at WHERE status = 'pending'")


def test_what_happens_is_told_signed_and_once(runner: JobRunner, hooks: HookServer) -> None:
    hook = connected(runner, hooks, kinds=list(KINDS))
    job_id = runner.submit("TEST_RENDER", {"title": "A film"}, name="Mine")
    until(lambda: len(hooks.kinds_of(job_id)) > 1, SECONDS, "creation and completion are told")
    assert sorted(hooks.kinds_of(job_id)) == ["job.completed", "job.created"]
    told = next(m for tries in hooks.got.values() for m in tries if m["type"] == "job.completed")
    assert told["timestamp"].endswith("Z")
    assert told["data"] == {
        "job_id": job_id,
        "job_type": "TEST_RENDER",
        "status": "completed",
        "attempt": 1,
        "approval": None,
        "outcome": None,
        "name": "Mine",
        "error": None,
        "result": {"message": "Rendered A film"},
        "created_by": "api",
        "page": f"/app/jobs/{job_id}",
    }
    until(lambda: {each["status"] for each in deliveries(runner, hook)} == {"delivered"}, SECONDS, "it is noted")
    assert all(each["attempts"] == 1 for each in deliveries(runner, hook))


def test_only_what_was_chosen_is_told_and_nothing_of_the_payload(runner: JobRunner, hooks: HookServer) -> None:
    connected(runner, hooks, kinds=["job.needs_approval", "job.failed"])
    mail = {"to": ["ada@example.org"], "subject": "Secret subject", "body": "Secret body"}
    waiting = runner.submit("EMAIL_SEND", mail, requires_approval=True)
    failing = runner.submit("TEST_RENDER", {"fail": "No colours left"})
    until(lambda: hooks.kinds_of(waiting) and hooks.kinds_of(failing), SECONDS, "both are told")
    assert (hooks.kinds_of(waiting), hooks.kinds_of(failing)) == (["job.needs_approval"], ["job.failed"])
    assert "Secret body" not in str(hooks.got)
    errors = [m["data"]["error"] for tries in hooks.got.values() for m in tries if m["type"] == "job.failed"]
    assert errors == ["No colours left"]


def test_a_message_that_is_refused_is_tried_again_under_the_same_id(runner: JobRunner, hooks: HookServer) -> None:
    hook = connected(runner, hooks, kinds=["job.completed"])
    hooks.fail_next(PATH, status=503)
    hooks.drop_next(PATH, after_effect=True)
    job_id = runner.submit("TEST_NOOP")
    until(lambda: [each["attempts"] for each in deliveries(runner, hook)] == [1], SECONDS, "it was tried")
    (waiting,) = deliveries(runner, hook)
    assert (waiting["status"], waiting["response_status"]) == ("pending", 503)
    assert waiting["error"] == "the server answered 503"
    assert waiting["next_try_at"] > waiting["created_at"]
    assert runner.http.get("/api/v1/webhooks").json()["items"]
    hurry(runner)
    until(lambda: [each["attempts"] for each in deliveries(runner, hook)] == [2], SECONDS, "it was tried twice")
    hurry(runner)
    until(lambda: deliveries(runner, hook)[0]["status"] == "delivered", SECONDS, "it was taken")
    assert list(hooks.got) == [waiting["message_id"]]
    assert hooks.kinds_of(job_id) == ["job.completed"] * 2


def test_a_receiver_that_is_gone_gets_no_more_tries_until_somebody_sends_again(
    runner: JobRunner, hooks: HookServer
) -> None:
    hook = connected(runner, hooks, kinds=["job.completed"])
    hooks.fail_next(PATH, status=410)
    runner.submit("TEST_NOOP")
    until(lambda: [each["status"] for each in deliveries(runner, hook)] == ["failed"], SECONDS, "it was given up")
    (failed,) = deliveries(runner, hook)
    again = runner.http.post(f"/api/v1/deliveries/{failed['id']}/send-again").json()
    assert (again["status"], again["attempts"], again["message_id"]) == ("pending", 0, failed["message_id"])
    until(lambda: deliveries(runner, hook)[0]["status"] == "delivered", SECONDS, "it was taken")


def test_a_test_message_tells_whether_it_works(runner: JobRunner, hooks: HookServer) -> None:
    hook = connected(runner, hooks)
    assert runner.http.post(f"/api/v1/webhooks/{hook}/test").status_code == 204
    until(lambda: hooks.got, SECONDS, "the test is told")
    assert next(iter(hooks.got.values()))[0]["type"] == "webhook.test"


def test_the_secret_is_told_once_and_a_removed_webhook_hears_nothing(runner: JobRunner, hooks: HookServer) -> None:
    hook = connected(runner, hooks, kinds=["job.created"])
    listed = next(each for each in runner.http.get("/api/v1/webhooks").json()["items"] if each["id"] == hook)
    assert "secret" not in listed
    stored = str(ask(runner.database_url, "SELECT secret FROM webhook"))
    assert hooks.secret.removeprefix("whsec_") not in stored
    assert runner.http.delete(f"/api/v1/webhooks/{hook}").status_code == 204
    runner.until(runner.submit("TEST_NOOP"), "completed")
    assert hooks.got == {}
    assert_problem(runner.http.get(f"/api/v1/webhooks/{hook}/deliveries"), 404)
    assert_problem(runner.http.post(f"/api/v1/webhooks/{hook}/test"), 404)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "ftp://ops.example"}, "url"),
        ({"url": "https://user:password@ops.example"}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["job.exploded"]}, "kinds"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused(runner: JobRunner, change: dict[str, Any], field: str) -> None:
    body = {"name": "ops", "url": "https://ops.example/hook", **change}
    problem = assert_problem(runner.http.post("/api/v1/webhooks", json=body), 422)
    assert [fault["field"] for fault in problem["errors"]] == [field]


@pytest.mark.sqlite
def test_where_people_sign_in_no_webhook_reaches_our_own_network(
    tmp_path_factory: pytest.TempPathFactory, hooks: HookServer
) -> None:
    folder = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", POLL_SECONDS=0.1) as public:
        boss = {"Authorization": f"Bearer {public.token('boss', 'admin')}"}
        writer = {"Authorization": f"Bearer {public.token('writer', 'jobs:write')}"}
        body = {"name": "inside", "url": hooks.hook}
        assert_problem(public.http.post("/api/v1/webhooks", json=body, headers=writer), 403)
        hook = public.http.post("/api/v1/webhooks", json=body, headers=boss).json()["id"]
        public.http.post(f"/api/v1/webhooks/{hook}/test", headers=boss)

        def tried() -> httpx.Response | None:
            answer = public.http.get(f"/api/v1/webhooks/{hook}/deliveries", headers=boss)
            return answer if answer.json()["items"][0]["attempts"] else None

        until(tried, SECONDS, "it was tried")
        answer = tried()
        assert answer
        assert "an address of a private network" in answer.json()["items"][0]["error"]
        assert hooks.requests == []
