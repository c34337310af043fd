"""Workflows as programs use them, by REST and by MCP."""

from typing import Any

from tests.api.test_mcp import agent, call, refused
from tests.support.server import JobRunner

SOURCE = """\
name: {name}
inputs:
  who: {{type: string}}
steps:
  film: {{type: TEST_RENDER, payload: {{title: "For {{{{ inputs.who }}}}", steps: 2}}}}
  mail:
    type: EMAIL_SEND
    payload: {{to: "{{{{ inputs.who }}}}@example.org", subject: Film, body: "{{{{ jobs.film.result.message }}}}"}}
"""


def until_over(runner: JobRunner, run_id: int) -> dict[str, Any]:
    """The run with its steps, once its last step is over."""
    run: dict[str, Any] = runner.http.get(f"/api/v1/runs/{run_id}").json()
    for step in run["steps"]:
        for job in step["jobs"]:
            runner.until(job["id"], "completed", "failed", "cancelled")
    return dict(runner.http.get(f"/api/v1/runs/{run_id}").json())


def test_a_workflow_is_saved_run_and_followed_to_its_end(runner: JobRunner) -> None:
    http, source = runner.http, SOURCE.format(name="rest-film")
    saved = http.post("/api/v1/workflows", json={"source": source})
    assert saved.status_code == 201, saved.text
    assert saved.json()["inputs"]["required"] == ["who"]
    assert saved.json() in http.get("/api/v1/workflows").json()
    key = {"Idempotency-Key": "rest-film-1"}
    asked = {"inputs": {"who": "ada"}}
    started = http.post("/api/v1/workflows/rest-film/runs", json=asked, headers=key)
    assert started.status_code == 201, started.text
    again = http.post("/api/v1/workflows/rest-film/runs", json=asked, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, started.json()["id"])
    assert started.headers["Location"] == f"/api/v1/runs/{started.json()['id']}"
    other = http.post("/api/v1/workflows/rest-film/runs", json={"inputs": {"who": "bob"}}, headers=key)
    assert other.status_code == 409
    run = until_over(runner, started.json()["id"])
    assert (run["status"], run["jobs"], run["created_by"]) == ("completed", {"completed": 2}, "api")
    film, mail = run["steps"]
    assert (film["name"], film["after"], mail["name"], mail["after"]) == ("film", [], "mail", ["film"])
    assert mail["jobs"][0]["payload"]["to"] == ["ada@example.org"]
    assert (mail["jobs"][0]["run_id"], mail["jobs"][0]["step"]) == (run["id"], "mail")
    listed = http.get("/api/v1/runs", params={"workflow": "rest-film", "limit": 1}).json()
    assert [each["id"] for each in listed["items"]] == [run["id"]]
    assert listed["next_cursor"] is None


def test_a_workflow_gets_a_next_version_and_goes(runner: JobRunner) -> None:
    http, source = runner.http, SOURCE.format(name="rest-versions")
    assert http.put("/api/v1/workflows/rest-versions", json={"source": source}).status_code == 404
    http.post("/api/v1/workflows", json={"source": source})
    changed = http.put("/api/v1/workflows/rest-versions", json={"source": source.replace("steps: 2", "steps: 3")})
    assert changed.json()["version"] == 2
    late = {"source": source.replace("steps: 2", "steps: 4"), "version": 1}
    refused = http.put("/api/v1/workflows/rest-versions", json=late)
    assert (refused.status_code, "version 2 was saved by" in refused.text) == (409, True)
    assert [each["version"] for each in http.get("/api/v1/workflows/rest-versions/versions").json()] == [2, 1]
    assert http.delete("/api/v1/workflows/rest-versions").status_code == 204
    assert http.get("/api/v1/workflows/rest-versions").status_code == 404
    assert http.post("/api/v1/workflows/rest-versions/runs", json={}).status_code == 404


def test_what_is_wrong_is_told_with_its_place(runner: JobRunner) -> None:
    http, source = runner.http, SOURCE.format(name="rest-wrong")
    answer = http.post("/api/v1/workflows", json={"source": source.replace("EMAIL_SEND", "PIGEON")})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["steps.mail.type"]
    http.post("/api/v1/workflows", json={"source": source})
    answer = http.post("/api/v1/workflows/rest-wrong/runs", json={"inputs": {"whom": "ada"}})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"inputs.who", "inputs.whom"}
    answer = http.post("/api/v1/workflows/rest-wrong/runs", json={"inputs": {"who": "a b"}})
    assert {error["field"] for error in answer.json()["errors"]} == {"steps.mail.payload.to.0"}


def test_a_run_is_cancelled_and_a_failed_step_corrected(runner: JobRunner) -> None:
    http, source = runner.http, SOURCE.format(name="rest-fails").replace("steps: 2", "fail: No footage")
    http.post("/api/v1/workflows", json={"source": source})
    run_id = http.post("/api/v1/workflows/rest-fails/runs", json={"inputs": {"who": "ada"}}).json()["id"]
    run = http.get(f"/api/v1/runs/{run_id}").json()
    film, mail = (step["jobs"][0]["id"] for step in run["steps"])
    runner.until(film, "failed")
    assert http.get(f"/api/v1/runs/{run_id}").json()["status"] == "stuck"
    corrected = http.post(
        f"/api/v1/jobs/{film}/correct", json={"payload": {"title": "Now"}, "comment": "footage is here"}
    )
    assert corrected.status_code == 200, corrected.text
    runner.until(mail, "completed")
    assert http.get(f"/api/v1/runs/{run_id}").json()["status"] == "completed"
    assert http.post(f"/api/v1/runs/{run_id}/cancel").status_code == 409
    run_id = http.post("/api/v1/workflows/rest-fails/runs", json={"inputs": {"who": "ada"}}).json()["id"]
    film = http.get(f"/api/v1/runs/{run_id}").json()["steps"][0]["jobs"][0]["id"]
    runner.until(film, "failed")
    cancelled = http.post(f"/api/v1/runs/{run_id}/cancel")
    assert (cancelled.json()["status"], cancelled.json()["jobs"]) == ("cancelled", {"cancelled": 1, "failed": 1})


async def test_an_agent_runs_a_workflow_and_sees_it_through(runner: JobRunner) -> None:
    runner.http.post("/api/v1/workflows", json={"source": SOURCE.format(name="mcp-film")})
    async with agent(runner) as client:
        listed = await call(client, "list_workflows")
        (film,) = [each for each in listed["workflows"] if each["name"] == "mcp-film"]
        assert set(film["inputs"]["properties"]) == {"who"}
        assert "inputs.who" in await refused(client, "run_workflow", name="mcp-film")
        started = await call(client, "run_workflow", name="mcp-film", inputs={"who": "ada"}, idempotency_key="m1")
        again = await call(client, "run_workflow", name="mcp-film", inputs={"who": "ada"}, idempotency_key="m1")
        assert (started["created"], again["created"], again["run"]["id"]) == (True, False, started["run"]["id"])
        run = (await call(client, "get_run", run_id=started["run"]["id"]))["run"]
        for step in run["steps"]:
            await call(client, "wait_for_job", job_id=step["jobs"][0]["id"], timeout_seconds=30)
        assert (await call(client, "get_run", run_id=run["id"]))["run"]["status"] == "completed"
        assert (await call(client, "list_runs", workflow="mcp-film"))["runs"][0]["id"] == run["id"]
        report = await call(client, "run_workflow", name="weekly-report", inputs={"to": ["ada@example.org"]})
        run = (await call(client, "get_run", run_id=report["run"]["id"]))["run"]
        for step in run["steps"]:
            await call(client, "wait_for_job", job_id=step["jobs"][0]["id"], timeout_seconds=30)
        told = (await call(client, "get_run", run_id=run["id"]))["run"]
        assert [step["jobs"][0]["status"] for step in told["steps"]] == ["completed", "completed"]
        assert "cannot be cancelled" in await refused(client, "cancel_run", run_id=run["id"])
