"""Outside agents: jobs in their hands are under the same leases and fences as those of the engine."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api.outside import Worker, define, definition
from tests.api.test_jobs import assert_problem
from tests.chaos.watch import until
from tests.support.server import JobRunner


def test_an_agent_claims_reports_uploads_and_completes(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Good morning", "to": "de"})
    job = worker.one()
    assert (job["job_id"], job["type"], job["payload"]) == (job_id, key, {"text": "Good morning", "to": "de"})
    assert (job["attempt"], job["idempotency_key"]) == (1, None)
    assert runner.job(job_id)["status"] == "running"
    heard = worker.report(job, progress=40, log=["Looking words up", "Nearly there"]).json()
    assert heard["lease_expires_at"] > job["lease_expires_at"]
    assert runner.job(job_id)["progress"] == 40
    assert worker.upload(job, "text.txt", b"Guten Morgen").status_code == 204
    assert worker.report(job, status="completed", result={"message": "Guten Morgen"}).status_code == 200
    done = runner.job(job_id)
    assert (done["status"], done["result"], done["progress"]) == ("completed", {"message": "Guten Morgen"}, 100)
    (attempt,) = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert (attempt["outcome"], attempt["engine"]) == ("succeeded", f"agent-{worker.id}")
    assert [line["text"] for line in attempt["log"]] == ["Looking words up", "Nearly there"]
    assert runner.http.get(f"/api/v1/jobs/{job_id}/artifacts/text.txt").content == b"Guten Morgen"


def test_a_claim_waits_for_work_and_gets_it_when_it_comes(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    assert worker.claim() == []
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(worker.one)
        job_id = runner.submit(key, {"text": "Hello"})
        assert waiting.result()["job_id"] == job_id


def test_an_agent_has_no_more_in_hand_than_it_takes_at_once(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key, concurrency=2)
    for _ in range(3):
        runner.submit(key, {"text": "Hello"})
    first, _ = worker.claim(5)
    assert worker.claim(5) == []
    worker.report(first, status="completed")
    assert len(worker.claim(5)) == 1


def test_what_an_agent_has_in_hand_takes_no_slot_of_the_engine(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    before = runner.http.get("/api/v1/engine").json()["running"]
    runner.submit(key, {"text": "Hello"})
    job = worker.one()
    assert runner.http.get("/api/v1/engine").json()["running"] == before
    worker.report(job, status="completed")


def test_many_agents_get_each_job_once(runner: JobRunner) -> None:
    key = define(runner)
    jobs = {runner.submit(key, {"text": f"Text {number}"}) for number in range(30)}
    workers = [Worker(runner, key) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        taken = [job["job_id"] for got in threads.map(lambda worker: worker.claim(10), workers) for job in got]
    assert sorted(taken) == sorted(jobs)


def test_what_certainly_failed_is_tried_again_and_what_helps_nobody_is_not(runner: JobRunner) -> None:
    key = define(runner, attempts=2)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    worker.report(worker.one(), status="failed", error="The dictionary is away")
    waiting = runner.job(job_id)
    assert (waiting["status"], waiting["error"]) == ("queued", "The dictionary is away")
    assert waiting["waiting_for"].startswith("Next try at ")
    runner.http.post(f"/api/v1/jobs/{job_id}/run-now")
    worker.report(worker.one(), status="failed", error="No such language", retry=False)
    failed = runner.job(job_id)
    assert (failed["status"], failed["error"], failed["attempt"]) == ("failed", "No such language", 2)


def test_an_irreversible_job_comes_with_a_key_that_stays_and_is_never_repeated_by_itself(runner: JobRunner) -> None:
    key = define(runner, irreversible=True)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    job = worker.one()
    assert job["idempotency_key"] == f"job-{job_id}"
    worker.report(job, status="failed", error="Refused at the door")
    runner.http.post(f"/api/v1/jobs/{job_id}/run-now")
    again = worker.one()
    assert again["idempotency_key"] == f"job-{job_id}"
    worker.report(again, status="unknown", error="The line broke")
    asked = runner.job(job_id)
    assert (asked["status"], asked["outcome"], asked["error"]) == ("failed", "unknown", "The line broke")
    runner.http.post(f"/api/v1/jobs/{job_id}/resolve", json={"went_out": True})
    assert runner.job(job_id)["status"] == "completed"


class Vanished(NamedTuple):
    """An agent that says nothing more, and the job in its hands."""

    worker: Worker
    key: str
    job: dict[str, Any]


@pytest.fixture(scope="module")
def vanished(runner: JobRunner) -> dict[str, Vanished]:
    """One with a job that may be repeated, one with an irreversible job; their leases run out in the same time."""
    made = {}
    for kind in ("repeatable", "irreversible"):
        key = define(runner, irreversible=kind == "irreversible")
        worker = Worker(runner, key)
        runner.submit(key, {"text": "Hello"})
        made[kind] = Vanished(worker, key, worker.one(lease_seconds=5))
    return made


def test_a_lease_that_ran_out_is_rescued_and_tells_so_at_the_next_call(
    runner: JobRunner, vanished: dict[str, Vanished]
) -> None:
    silent, key, lost = vanished["repeatable"]
    other, job_id = Worker(runner, key), lost["job_id"]
    taken = None
    while not taken:
        taken = other.claim(wait_seconds=20)
    (again,) = taken
    assert (again["job_id"], again["attempt"]) == (job_id, 2)
    problem = assert_problem(silent.report(lost, status="completed", result={"message": "Late"}), 409)
    assert "this lease no longer holds" in problem["detail"]
    assert_problem(silent.upload(lost, "late.txt", b"late"), 409)
    other.report(again, status="completed", result={"message": "In time"})
    assert runner.job(job_id)["result"] == {"message": "In time"}
    first, second = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert (first["outcome"], first["error"]) == ("lost", "The agent went silent")
    assert second["outcome"] == "succeeded"


def test_an_irreversible_job_whose_agent_vanished_is_a_question_for_a_person(
    runner: JobRunner, vanished: dict[str, Vanished]
) -> None:
    worker, _, held = vanished["irreversible"]
    job_id = held["job_id"]
    for _ in range(4):
        if (job := runner.until(job_id, "failed", "running"))["status"] == "failed":
            break
        worker.claim(wait_seconds=8)
    assert (job["status"], job["outcome"]) == ("failed", "unknown")
    assert job["error"] == "The agent went silent while the world was being spoken to"
    assert worker.claim() == []


def test_a_cancelled_job_is_told_to_its_agent_and_nobody_waits_for_that(runner: JobRunner) -> None:
    key = define(runner, irreversible=True)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    job = worker.one()
    answer = runner.http.post(f"/api/v1/jobs/{job_id}/cancel", timeout=5)
    assert answer.json()["status"] == "cancelled"
    problem = assert_problem(worker.report(job, status="completed", result={"url": "https://example.org"}), 409)
    assert "it is cancelled" in problem["detail"]
    assert runner.job(job_id)["error"] == f"Cancelled while running. Already done, and not taken back: {key}."
    (attempt,) = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert attempt["outcome"] == "cancelled"


def test_what_was_done_before_an_agent_learned_of_the_cancel_is_told(runner: JobRunner) -> None:
    key = define(runner, irreversible=True)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    job = worker.one()
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    assert_problem(worker.report(job), 409)  # a renewal, by which it learns
    assert_problem(worker.report(job, status="completed"), 409)
    assert runner.job(job_id)["error"] == f"Cancelled while running. Already done, and not taken back: {key}."


def test_a_job_that_runs_longer_than_people_allow_is_lost(runner: JobRunner) -> None:
    key = define(runner)
    runner.http.patch(f"/api/v1/job-types/{key}", json={"time_limit_seconds": 1})
    worker = Worker(runner, key)
    runner.submit(key, {"text": "Hello"})
    job = worker.one()
    assert job["time_limit_seconds"] == 1

    def over() -> bool:
        return worker.report(job).status_code == 409

    until(over, 10, "its time is over")


def test_a_pause_reaches_the_agent_and_the_job_goes_on_later(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    job = worker.one()
    runner.http.post(f"/api/v1/jobs/{job_id}/pause")
    assert worker.report(job).json()["pause_requested"] is True
    worker.report(job, status="released")
    assert runner.job(job_id)["status"] == "paused"
    assert worker.claim() == []
    runner.http.post(f"/api/v1/jobs/{job_id}/resume")
    assert worker.one()["attempt"] == 2


def test_another_agents_job_cannot_be_finished(runner: JobRunner) -> None:
    key = define(runner)
    owner, thief = Worker(runner, key), Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    job = owner.one()
    assert_problem(thief.report(job, status="completed"), 409)
    assert_problem(owner.report({**job, "lease_token": "guessed"}, status="completed"), 409)
    assert runner.job(job_id)["status"] == "running"
    assert owner.report(job, status="completed").status_code == 200


@pytest.mark.either
@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"progress": 101}, "progress must be 0 to 100"),
        ({"progress": 10}, "progress must not go back: it was 50, not 10"),
        ({"status": "done"}, "status must be one of completed, failed, unknown, released"),
        ({"status": "failed"}, "error must say why"),
        ({"log": ["x"] * 101}, "log must have at most 100 lines"),
        ({"status": "completed", "result": {"text": "x" * 300_000}}, "result must have at most 262,144 characters"),
    ],
)
def test_a_report_that_breaks_a_rule_changes_nothing_and_loses_nothing(
    runner: JobRunner, report: dict[str, object], told: str
) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    runner.submit(key, {"text": "Hello"})
    job = worker.one()
    worker.report(job, progress=50)
    heard = worker.report(job, **report).json()
    assert told in heard["problem"]
    assert not heard["is_lost"]
    assert runner.job(job["job_id"])["status"] == "running"
    assert worker.report(job, status="completed").json()["problem"] is None


def test_reports_of_many_jobs_are_heard_each_by_itself(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    for number in range(3):
        runner.submit(key, {"text": f"Text {number}"})
    jobs = worker.claim(3)
    reports = [{"job_id": job["job_id"], "lease_token": job["lease_token"], "status": "completed"} for job in jobs]
    reports[1]["lease_token"] = "guessed"
    heard = runner.http.post(f"/api/v1/agents/{worker.id}/reports", json={"reports": reports}).json()["items"]
    assert [each["is_lost"] for each in heard] == [False, True, False]
    assert [runner.job(job["job_id"])["status"] for job in jobs] == ["completed", "running", "completed"]


@pytest.mark.either
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"types": []}, "types"),
        ({"types": ["EMAIL_SEND"]}, "types"),
        ({"types": ["NOBODYS"]}, "types"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_an_agent_that_cannot_be_is_refused(runner: JobRunner, change: dict[str, object], field: str) -> None:
    body = {"name": "somebody", "types": [define(runner)], "concurrency": 1, **change}
    problem = assert_problem(runner.http.post("/api/v1/agents", json=body), 422)
    assert [fault["field"] for fault in problem["errors"]] == [field]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", POLL_SECONDS=0.1) as running:
        yield running


@pytest.fixture(scope="module")
def programs(public: JobRunner) -> Iterator[dict[str, httpx.Client]]:
    """A client with a token of each scope, and a second agent."""
    with ExitStack() as stack:
        clients = {}
        for name, scope in (("reader", "jobs:read"), ("writer", "jobs:write"), ("agent", "agent"), ("boss", "admin")):
            headers = {"Authorization": f"Bearer {public.token(name, scope)}"}
            client = httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers=headers)
            clients[name] = stack.enter_context(client)
        headers = {"Authorization": f"Bearer {public.token('second', 'agent')}"}
        clients["second"] = stack.enter_context(
            httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers=headers)
        )
        yield clients


@pytest.mark.sqlite
def test_only_a_token_of_an_agent_works_and_only_an_administrator_defines(
    public: JobRunner, programs: dict[str, httpx.Client]
) -> None:
    for name in ("reader", "writer", "agent"):
        assert_problem(programs[name].post("/api/v1/job-types", json=definition()), 403)
    key = programs["boss"].post("/api/v1/job-types", json=definition()).json()["type"]
    for name in ("reader", "writer", "boss"):
        body = {"name": name, "types": [key]}
        problem = assert_problem(programs[name].post("/api/v1/agents", json=body), 403)
        assert "takes a token with the scope agent" in problem["detail"]
    worker = Worker(public, key, http=programs["agent"])
    job = {"type": key, "payload": {"text": "Hello"}}
    job_id = programs["writer"].post("/api/v1/jobs", json=job).json()["id"]
    taken = worker.one()
    second = programs["second"]
    assert_problem(second.post(f"/api/v1/agents/{worker.id}/claim", json={}), 404)
    path = f"/api/v1/agents/{worker.id}/jobs/{job_id}/report"
    assert_problem(second.post(path, json={"lease_token": taken["lease_token"], "status": "completed"}), 404)
    assert_problem(second.post("/api/v1/agents", json={"name": worker.name, "types": [key]}), 422)
    assert_problem(programs["agent"].post(f"/api/v1/jobs/{job_id}/approve"), 403)
    assert worker.report(taken, status="completed").status_code == 200


def workforce(runner: JobRunner) -> dict[str, dict[str, Any]]:
    return {agent["key"]: agent for agent in runner.http.get("/api/v1/workforce").json()["items"]}


def test_the_workforce_tells_what_each_agent_takes_has_in_hand_and_did(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    agent = f"agent-{worker.id}"
    before = workforce(runner)
    assert before["mailer"]["built_in"]
    assert before["mailer"]["types"] == ["EMAIL_SEND"]
    assert (before[agent]["name"], before[agent]["state"], before[agent]["types"]) == (worker.name, "idle", [key])
    assert before[agent]["day"]["success_rate"] is None
    job_ids = [runner.submit(key, {"text": "Hello"}) for _ in range(3)]
    jobs = worker.claim(3)
    busy = workforce(runner)[agent]
    assert (busy["state"], busy["running"], sorted(busy["job_ids"])) == ("working", 3, job_ids)
    for job, status in zip(jobs, ("completed", "completed", "failed"), strict=True):
        worker.report(job, status=status, error="No such word", retry=False)
    until(lambda: workforce(runner)[agent]["day"]["attempts"] == 3, 20, "three attempts are counted")
    stats = workforce(runner)[agent]["week"]
    assert (stats["succeeded"], round(stats["success_rate"], 2)) == (2, 0.67)
    assert 0 < stats["median_seconds"] <= stats["p95_seconds"] < 60


def test_a_paused_agent_is_told_so_and_gets_its_jobs_when_it_is_resumed(runner: JobRunner) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    path = f"/api/v1/workforce/agent-{worker.id}"
    paused = runner.http.post(f"{path}/pause").json()
    assert (paused["state"], paused["paused"]) == ("paused", "everything")
    job_id = runner.submit(key, {"text": "Hello"})
    answer = runner.http.post(f"/api/v1/agents/{worker.id}/claim", json={"limit": 1}).json()
    assert answer == {"items": [], "paused": True}
    assert "paused" in runner.job(job_id)["waiting_for"]
    listed = {agent["id"]: agent for agent in runner.http.get("/api/v1/agents").json()["items"]}
    assert listed[worker.id]["paused"]
    assert runner.http.post(f"{path}/resume").json()["paused"] == "nothing"
    assert worker.one()["job_id"] == job_id


def test_a_built_in_agent_is_paused_with_its_types(runner: JobRunner) -> None:
    assert runner.http.post("/api/v1/workforce/mailer/pause").json()["state"] == "paused"
    types = {item["type"]: item for item in runner.http.get("/api/v1/job-types").json()["items"]}
    assert types["EMAIL_SEND"]["paused"]
    assert not types["SOCIAL_POST"]["paused"]
    assert runner.http.post("/api/v1/workforce/mailer/resume").json()["paused"] == "nothing"


@pytest.mark.parametrize("key", ["nobody", "agent-9999"])
def test_an_agent_that_is_not_there_cannot_be_paused(runner: JobRunner, key: str) -> None:
    problem = assert_problem(runner.http.post(f"/api/v1/workforce/{key}/pause"), 404)
    assert "agent" in problem["detail"]
