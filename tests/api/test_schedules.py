"""Schedules by the programs' door: made, looked at, paused and run, by whoever has the right."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.test_jobs import assert_problem
from tests.api.test_mcp import agent, call, refused
from tests.chaos.watch import until
from tests.support.server import JobRunner

RENDER = {"job": {"type": "TEST_RENDER", "payload": {"title": "A film"}}}
SECONDS = 15


def make(runner: JobRunner, **more: Any) -> dict[str, Any]:
    """A new schedule."""
    body = {"name": f"Film {uuid4().hex[:8]}", "target": RENDER, **({} if "at" in more else {"cron": "0 9 1 1 *"})}
    answer = runner.http.post("/api/v1/schedules", json=body | more)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/v1/schedules/{document['id']}"
    return document


def got(runner: JobRunner, schedule: dict[str, Any]) -> dict[str, Any]:
    """The schedule as it is now."""
    document: dict[str, Any] = runner.http.get(f"/api/v1/schedules/{schedule['id']}").json()
    return document


def test_a_schedule_is_told_in_words_with_its_next_time_and_what_it_starts(runner: JobRunner) -> None:
    made = make(runner, cron="0 9 * * MON-FRI", time_zone="Europe/Berlin")
    assert (made["words"], made["starts"]) == ("Every weekday at 09:00, Europe/Berlin", "Render a test video")
    assert (made["missed"], made["overlap"], made["paused"], made["last_run"]) == ("once", "skip", False, None)
    assert datetime.fromisoformat(made["next_at"]) > datetime.now(UTC)
    assert got(runner, made) == made
    listed = runner.http.get("/api/v1/schedules", params={"q": made["name"].upper()}).json()
    assert listed == {"items": [made], "total": 1, "pages": 1}
    runner.http.delete(f"/api/v1/schedules/{made['id']}")


def test_a_moment_that_comes_starts_its_job_and_is_over(runner: JobRunner) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    made = make(runner, at=soon.isoformat())
    until(lambda: got(runner, made)["last_run"], SECONDS, "it has started")
    now = got(runner, made)
    assert now["next_at"] is None
    job = runner.until(now["last_run"]["job_id"], "completed")
    assert job["created_by"] == f"{made['name']} (schedule)"
    runs = runner.http.get(f"/api/v1/schedules/{made['id']}/runs").json()["items"]
    assert [(run["job_id"], run["outcome"], run["status"]) for run in runs] == [(job["id"], "started", "completed")]
    assert datetime.fromisoformat(runs[0]["due_at"]) == soon


@pytest.mark.either
def test_one_is_run_by_hand_paused_resumed_changed_and_removed(runner: JobRunner) -> None:
    made = make(runner)
    at = f"/api/v1/schedules/{made['id']}"
    answer = runner.http.post(f"{at}/run-now")
    assert answer.status_code == 201
    runner.until(answer.json()["job_id"], "completed")
    assert got(runner, made)["next_at"] == made["next_at"]
    assert runner.http.post(f"{at}/pause").json()["paused"]
    assert not runner.http.post(f"{at}/resume").json()["paused"]
    changed = {"name": made["name"], "target": RENDER, "cron": "@daily", "time_zone": "Asia/Kathmandu"}
    assert runner.http.put(at, json=changed).json()["words"] == "Every day at 00:00, Asia/Kathmandu"
    assert runner.http.delete(at).status_code == 204
    assert_problem(runner.http.get(at), 404)
    entries = runner.http.get("/api/v1/audit", params={"q": f"schedule {made['name']}"}).json()["items"]
    acts = [entry["action"] for entry in entries if entry["target"] == f"schedule {made['name']}"]
    assert acts[::-1] == [f"schedule.{act}" for act in ("create", "run_now", "pause", "resume", "change", "remove")]


@pytest.mark.either
@pytest.mark.parametrize(
    ("more", "faults"),
    [
        ({"cron": "99 * * * *"}, {"cron": "cron's minute must be made of 0 to 59"}),
        ({"cron": None}, {"cron": "cron or at must say when it starts, one of them and not both"}),
        ({"at": "2040-01-01T00:00:00Z"}, {"cron": "cron or at must say when it starts"}),
        ({"cron": None, "at": "2020-01-01T00:00:00Z"}, {"at": "at must be in the future, within five years from now"}),
        ({"cron": None, "at": "2027-01-01T00:00:00"}, {"at": "at must have a time zone, as in 2027-01-01T00:00:00Z"}),
        ({"time_zone": "Mars"}, {"time_zone": "time_zone must be a zone such as Europe/Berlin or UTC, not 'Mars'"}),
        ({"name": ""}, {"name": "name must have 1 to 64 letters"}),
        ({"missed": "never"}, {"missed": "missed must be one of skip, once, all, not 'never'"}),
        ({"missed": "all"}, {"missed": "missed must be skip or once where overlap is skip"}),
        ({"overlap": "x"}, {"overlap": "overlap must be one of skip, queue, not 'x'"}),
        ({"target": {}}, {"target": "target must say what to start, as job or workflow, not {}"}),
        ({"target": {"workflow": {"name": "x"}}}, {"target.workflow.name": "name must be one of article-to-post"}),
        ({"target": {"job": {"type": "X", "payload": {}}}}, {"target.job.type": "type must be one of "}),
        ({"target": {"job": {"payload": {}}}}, {"target.job.type": "type is required"}),
        (
            {"target": {"job": {"type": "TEST_RENDER", "payload": {"title": 5}}}, "cron": "x"},
            {"cron": "cron must have five fields", "target.job.payload.title": "Title must be text, not 5"},
        ),
    ],
)
def test_every_fault_is_told_at_its_field(runner: JobRunner, more: dict[str, Any], faults: dict[str, str]) -> None:
    body = {"name": "Film", "target": RENDER, "cron": "@daily"} | more
    problem = assert_problem(runner.http.post("/api/v1/schedules", json=body), 422)
    told = {error["field"]: error["message"] for error in problem["errors"]}
    assert told.keys() == faults.keys(), told
    for field, sentence in faults.items():
        assert told[field].startswith(sentence), told


@pytest.mark.either
def test_a_name_is_given_once(runner: JobRunner) -> None:
    first, second = make(runner), make(runner)
    body = {"name": first["name"], "target": RENDER, "cron": "@daily"}
    for answer in (
        runner.http.post("/api/v1/schedules", json=body),
        runner.http.put(f"/api/v1/schedules/{second['id']}", json=body),
    ):
        problem = assert_problem(answer, 422)
        assert problem["errors"][0]["message"] == (
            f"name must be new, and there is a schedule '{first['name']}' already"
        )


@pytest.mark.either
def test_an_expression_is_tried_before_anything_is_made_of_it(runner: JobRunner) -> None:
    asked = {"cron": "30 2 * * *", "time_zone": "America/New_York"}
    preview = runner.http.post("/api/v1/schedules:preview", json=asked).json()
    assert preview["words"] == "Every day at 02:30, America/New_York"
    assert len(preview["times"]) == 5
    problem = assert_problem(runner.http.post("/api/v1/schedules:preview", json={"cron": "30 2 * *"}), 422)
    assert [error["field"] for error in problem["errors"]] == ["cron"]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    """One that asks for sign-in."""
    folder: Path = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", POLL_SECONDS=60) as running:
        yield running


@pytest.mark.sqlite
async def test_who_looks_may_not_run_and_who_runs_may_not_make_one(public: JobRunner) -> None:
    def ask(scope: str, method: str, path: str, **more: Any) -> httpx.Response:
        own = {"Authorization": f"Bearer {tokens[scope]}"}
        return public.http.request(method, f"/api/v1/schedules{path}", headers=own, **more)

    tokens = {scope: public.token(scope.replace(":", "-"), scope) for scope in ("jobs:read", "jobs:write", "admin")}
    body = {"name": "Film", "target": RENDER, "cron": "@daily"}
    for scope in ("jobs:read", "jobs:write"):
        assert_problem(ask(scope, "POST", "", json=body), 403)
    made = ask("admin", "POST", "", json=body).json()["id"]
    assert ask("jobs:read", "GET", f"/{made}").status_code == 200
    for what in ("pause", "resume", "run-now"):
        assert_problem(ask("jobs:read", "POST", f"/{made}/{what}"), 403)
        assert ask("jobs:write", "POST", f"/{made}/{what}").status_code in (200, 201)
    assert_problem(ask("jobs:write", "DELETE", f"/{made}"), 403)
    assert_problem(ask("jobs:write", "PUT", f"/{made}", json=body), 403)
    async with agent(public, tokens["jobs:write"]) as client:
        listed = await call(client, "list_schedules", text="film")
        assert [each["name"] for each in listed["schedules"]] == ["Film"]
        assert (await call(client, "pause_schedule", schedule_id=made))["schedule"]["paused"]
        assert not (await call(client, "resume_schedule", schedule_id=made))["schedule"]["paused"]
        job_id = (await call(client, "run_schedule", schedule_id=made))["job_id"]
        runs = (await call(client, "get_schedule", schedule_id=made))["runs"]
        assert runs[0]["job_id"] == job_id
        assert "there is no schedule 999" in await refused(client, "run_schedule", schedule_id=999)
