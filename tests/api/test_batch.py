"""Many jobs in one request: all of them, or none."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.test_jobs import MAIL, assert_problem, create
from tests.support.moments import LATER
from tests.support.server import JobRunner

NOOP: dict[str, Any] = {"type": "TEST_NOOP", "payload": {}, "run_at": LATER}


def batch(runner: JobRunner, *jobs: dict[str, Any]) -> httpx.Response:
    return runner.http.post("/api/v1/jobs:batch", json={"jobs": jobs})


def total(runner: JobRunner, created_by: str) -> int:
    return int(runner.http.get("/api/v1/jobs", params={"created_by": created_by, "limit": 1}).json()["total"])


def test_a_thousand_jobs_are_created_together_in_their_order(runner: JobRunner) -> None:
    jobs = [{**NOOP, "name": f"Job {number}", "created_by": "crowd"} for number in range(1000)]
    answer = batch(runner, *jobs)
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert [item["created"] for item in items] == [True] * 1000
    for index in (0, 499, 999):
        job = runner.job(items[index]["id"])
        assert (job["name"], job["status"], job["created_by"]) == (f"Job {index}", "queued", "crowd")
        assert job["run_at"] == LATER
    assert total(runner, "crowd") == 1000


def test_a_job_of_a_batch_is_as_one_that_was_created_alone(runner: JobRunner) -> None:
    asked = {"type": "EMAIL_SEND", "payload": MAIL, "run_at": LATER, "requires_approval": True}
    alone = create(runner, requires_approval=True).json()
    together = runner.job(batch(runner, asked).json()["items"][0]["id"])
    own = ("id", "created_at")
    assert {name: value for name, value in together.items() if name not in own} == {
        name: value for name, value in alone.items() if name not in own
    }


def test_one_fault_and_nothing_is_created_and_every_fault_names_its_job(runner: JobRunner) -> None:
    by = {"created_by": "clumsy"}
    bad_mail = {"type": "EMAIL_SEND", "payload": {"to": "nobody", "subject": "", "body": ""}, **by}
    answer = batch(runner, {**NOOP, **by}, bad_mail, {**NOOP, **by, "type": "NOTHING"}, {**NOOP, **by, "priority": "x"})
    problem = assert_problem(answer, 422)
    fields = [fault["field"] for fault in problem["errors"]]
    assert {"jobs.1.payload.to.0", "jobs.2.type", "jobs.3.priority"} <= set(fields)
    assert not any(field.startswith("jobs.0") for field in fields)
    assert total(runner, "clumsy") == 0


def test_keys_that_were_used_give_the_first_jobs_and_the_rest_is_new(runner: JobRunner) -> None:
    key = uuid4().hex
    first = batch(runner, {**NOOP, "idempotency_key": key}).json()["items"][0]["id"]
    answer = batch(runner, NOOP, {**NOOP, "idempotency_key": key})
    new, known = answer.json()["items"]
    assert new["created"]
    assert known == {"id": first, "created": False}
    assert new["id"] > first


def test_a_key_of_another_job_or_given_twice_is_refused(runner: JobRunner) -> None:
    key, by = uuid4().hex, {"created_by": f"twice-{uuid4().hex}"}
    batch(runner, {**NOOP, "idempotency_key": key})
    assert_problem(batch(runner, {**NOOP, **by}, {**NOOP, "priority": "high", "idempotency_key": key}), 409)
    again = {**NOOP, **by, "idempotency_key": uuid4().hex}
    problem = assert_problem(batch(runner, again, again), 422)
    assert problem["errors"][0]["field"] == "jobs.1.idempotency_key"
    assert total(runner, by["created_by"]) == 0


@pytest.mark.parametrize("jobs", [[], [NOOP] * 1001])
def test_a_batch_has_one_to_a_thousand_jobs(runner: JobRunner, jobs: list[dict[str, Any]]) -> None:
    assert_problem(batch(runner, *jobs), 422)


def test_of_many_requests_with_one_key_one_creates_the_job_and_none_creates_another(runner: JobRunner) -> None:
    key = uuid4().hex
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(lambda _: create(runner, key=key), range(24)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    assert len(ids) == 1
    assert all("is being carried out" in answer.json()["detail"] for answer in answers if answer.status_code == 409)
