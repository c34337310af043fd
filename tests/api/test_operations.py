"""Operations over the wire, and through a crash: a process that dies in the middle loses nothing."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_jobs import assert_problem
from tests.api.test_listing import Family
from tests.chaos.watch import until
from tests.support.other_program import ask
from tests.support.server import JobRunner

SECONDS = 20.0
MANY = 300


@pytest.fixture
def family(runner: JobRunner) -> Family:
    return Family(runner)


def ended(runner: JobRunner, path: str) -> dict[str, Any]:
    """The operation, once it has ended."""

    def report() -> dict[str, Any]:
        told: dict[str, Any] = runner.http.get(path).json()
        return told

    until(lambda: report()["finished_at"], SECONDS, f"{path} has ended")
    return report()


def begun(runner: JobRunner, move: str, **more: Any) -> str:
    """Where the new operation is told of."""
    answer = runner.http.post("/api/v1/operations", json={"move": move, **more})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/operations/{answer.json()['id']}"
    return str(answer.headers["location"])


def test_many_jobs_are_moved_and_the_report_says_why_some_were_not(family: Family) -> None:
    ids = [family.add() for _ in range(4)]
    family.runner.http.post(f"/api/v1/jobs/{ids[0]}/pause")
    report = ended(family.runner, begun(family.runner, "pause", criteria={"created_by": family.name}))
    assert (report["move"], report["total"], report["done"], report["refused"]) == ("pause", 4, 3, 1)
    assert report["refusals"] == [{"reason": "a job that is paused cannot be paused", "jobs": 1, "job_ids": [ids[0]]}]
    assert report["criteria"] == {"created_by": family.name}
    assert family.ids(status="paused") == ids[::-1]
    assert report["undoable"]


def test_what_was_done_is_undone(family: Family) -> None:
    ids = [family.add(priority=priority) for priority in ("low", "high")]
    first = begun(family.runner, "prioritize", ids=ids, arguments={"priority": "medium"})
    ended(family.runner, first)
    assert [job["priority"] for job in family.listed()["items"]] == ["medium", "medium"]
    answer = family.runner.http.post(f"{first}/undo")
    assert answer.status_code == 202, answer.text
    undoing = ended(family.runner, answer.headers["location"])
    assert (undoing["done"], undoing["undo_of"]) == (2, answer.json()["undo_of"])
    assert [job["priority"] for job in family.listed()["items"]] == ["high", "low"]
    assert family.runner.http.get(first).json()["undone_by"] == undoing["id"]
    assert_problem(family.runner.http.post(f"{first}/undo"), 409)


@pytest.mark.either
def test_operations_are_listed_and_stopped(family: Family) -> None:
    path = begun(family.runner, "pause", ids=[family.add()])
    report = ended(family.runner, path)
    assert family.runner.http.post(f"{path}/stop").json() == report
    listed = family.runner.http.get("/api/v1/operations", params={"actor": "local", "limit": 200}).json()["items"]
    assert {"refusals": report["refusals"], **next(item for item in listed if item["id"] == report["id"])} == report
    assert family.runner.http.get("/api/v1/operations", params={"actor": "nobody"}).json() == {"items": []}
    for call in ("/api/v1/operations/999999", "/api/v1/operations/0"):
        assert family.runner.http.get(call).status_code in (404, 422)


@pytest.mark.either
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"move": "explode", "ids": [1]}, "move"),
        ({"ids": [1]}, "move"),
        ({"move": "retry"}, "ids"),
        ({"move": "retry", "ids": []}, "ids"),
        ({"move": "retry", "ids": ["x"]}, "ids.0"),
        ({"move": "retry", "criteria": {"q": uuid.uuid4().hex}}, "criteria"),
        ({"move": "retry", "criteria": {"statuses": ["done"]}}, "status"),
        ({"move": "retry", "criteria": {"by": "ada"}}, "criteria.by"),
        ({"move": "prioritize", "ids": [1], "arguments": {"priority": "top"}}, "priority"),
        ({"move": "prioritize", "ids": [1], "arguments": {"priority": 1}}, "priority"),
        ({"move": "pause", "ids": [1], "arguments": {"priority": "low"}}, "arguments"),
    ],
)
def test_what_cannot_be_asked_is_refused(runner: JobRunner, body: dict[str, Any], field: str) -> None:
    problem = assert_problem(runner.http.post("/api/v1/operations", json=body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.either
def test_the_priority_of_one_job_is_changed_until_it_runs(family: Family) -> None:
    job_id = family.add()
    answer = family.runner.http.post(f"/api/v1/jobs/{job_id}/prioritize", json={"priority": "high"})
    assert (answer.status_code, answer.json()["priority"]) == (200, "high")
    assert_problem(family.runner.http.post(f"/api/v1/jobs/{job_id}/prioritize", json={"priority": "top"}), 422)
    family.runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    refused = family.runner.http.post(f"/api/v1/jobs/{job_id}/prioritize", json={"priority": "low"})
    assert assert_problem(refused, 409)["allowed"] == []
    entries = family.runner.http.get("/api/v1/audit", params={"action": "job.prioritize", "q": f"job {job_id}"})
    (entry,) = entries.json()["items"]
    assert (entry["before"], entry["after"]) == ({"priority": "medium"}, {"priority": "high"})


@pytest.mark.either
@pytest.mark.parametrize(
    ("query", "count"), [({"sort": "oldest"}, 3), ({"sort": "priority"}, 3), ({"sort": "ended"}, 3)]
)
def test_a_list_in_any_order_has_every_job_once(family: Family, query: dict[str, str], count: int) -> None:
    ids = [family.add(priority=priority) for priority in ("low", "high", "low")]
    seen: list[int] = []
    page = family.listed(limit=1, **query)
    seen += [job["id"] for job in page["items"]]
    while page["next_cursor"]:
        page = family.listed(limit=1, cursor=page["next_cursor"], **query)
        seen += [job["id"] for job in page["items"]]
    assert len(seen) == count
    orders = {"oldest": ids, "priority": [ids[1], ids[2], ids[0]], "ended": ids[::-1]}
    assert seen == orders[query["sort"]]


def test_a_list_is_narrowed_by_agent_time_and_need(family: Family) -> None:
    render = family.add()
    runner = family.runner
    mail = runner.submit(
        "EMAIL_SEND",
        {"to": "ada@example.org", "subject": "Hello", "body": "Find the needle"},
        created_by=family.name,
        requires_approval=True,
    )
    assert family.ids(agent="mailer") == [mail]
    assert family.ids(needs="approval") == [mail]
    assert family.ids(q="needle") == [mail]
    assert family.ids(q=str(render)) == [render]
    assert family.ids(since="hour") == [mail, render]
    assert family.ids(until="2020-01-01") == family.ids(ended="day") == family.ids(cause="nothing") == []


def test_after_a_kill_in_the_middle_every_job_is_moved_once_and_the_report_is_whole(
    tmp_path: Path, own_database: str
) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database, POLL_SECONDS=60, LEASE_SECONDS=1) as victim:
        first = victim.submit("TEST_NOOP", requires_approval=True)
        copy = "type, category, name, summary, priority, progress, payload, pause_requested, created_by, created_at"
        ask(
            victim.database_url,
            f"INSERT INTO job ({copy}, status, attempt, max_attempts, deaths) "
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "
            f"SELECT {copy}, 'failed', 1, 1, 0 FROM n, job WHERE job.id = {first}",
        )
        path = begun(victim, "retry", criteria={"statuses": ["failed"]})
        until(lambda: victim.http.get(path).json()["done"], SECONDS, "some are done")
        victim.kill()
        ((done, finished),) = ask(victim.database_url, "SELECT done, finished_at FROM operation")
        assert 0 < done < MANY, "the kill came in the middle"
        assert finished is None
        ((moved,),) = ask(victim.database_url, "SELECT COUNT(*) FROM job WHERE max_attempts = 2")
        assert moved == done, "what is done and that it was done are stored together"
        victim.start()
        report = ended(victim, path)
        assert (report["total"], report["done"], report["refused"], report["refusals"]) == (MANY, MANY, 0, [])
        granted = ask(victim.database_url, f"SELECT DISTINCT max_attempts FROM job WHERE id != {first}")
        assert granted == [(2,)], "each was retried once"
        actions = [entry["action"] for entry in victim.http.get("/api/v1/audit").json()["items"]]
        assert actions[:2] == ["operation.end", "operation.begin"]
