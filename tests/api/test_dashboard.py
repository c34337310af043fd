"""The numbers of the home screen over the wire agree with the lists."""

from typing import Any

import pytest

from engine.overview import Needs
from tests.api.test_jobs import assert_problem
from tests.support.server import JobRunner


def told(runner: JobRunner, span: str = "day") -> dict[str, Any]:
    answer = runner.http.get("/api/v1/dashboard", params={"span": span})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def total(runner: JobRunner, **query: str) -> int:
    return int(runner.http.get("/api/v1/jobs", params=query).json()["total"])


def test_the_numbers_are_those_of_the_lists(runner: JobRunner) -> None:
    before = told(runner)
    runner.until(runner.submit("TEST_NOOP"), "completed")
    error = "The oven refused tray 17"
    newest = [runner.submit("TEST_RENDER", {"fail": error}) for _ in range(2)][-1]
    runner.until(newest - 1, "failed")
    runner.until(newest, "failed")
    mail = {"to": "ada@example.org", "subject": "Numbers", "body": "Here."}
    waiting = runner.submit("EMAIL_SEND", mail, requires_approval=True)
    after = told(runner)
    assert after["statuses"] == {status: total(runner, status=status) for status in after["statuses"]}
    assert set(after["needs"]) == set(Needs.__dataclass_fields__)
    assert after["needs"]["approvals"] == before["needs"]["approvals"] + 1
    assert after["needs"]["failed_lately"] == before["needs"]["failed_lately"] + 2
    [cause] = [group for group in after["causes"] if group["cause"] == "The oven refused tray …"]
    assert (cause["type"], cause["jobs"], cause["retryable"], cause["newest_id"]) == ("TEST_RENDER", 2, 2, newest)
    assert cause["last_at"].endswith("Z")
    assert len(after["oldest_waiting"]) <= 5
    if waiting in (found := {job["id"]: job for job in after["oldest_waiting"]}):
        assert found[waiting]["waiting_for"] == "Waits for approval"
    runner.http.post(f"/api/v1/jobs/{waiting}/cancel")
    for job_id in (newest - 1, newest):
        runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    assert "The oven refused tray …" not in [group["cause"] for group in told(runner)["causes"]]


@pytest.mark.parametrize("span", ["hour", "day", "week"])
def test_the_throughput_adds_up(runner: JobRunner, span: str) -> None:
    throughput = told(runner, span)["throughput"]
    slots = throughput["slots"]
    assert throughput["span"] == span
    assert [sum(slot[kind] for slot in slots) for kind in ("completed", "failed")] == [
        throughput["completed"],
        throughput["failed"],
    ]
    ended = throughput["completed"] + throughput["failed"]
    assert throughput["failure_rate"] == (throughput["failed"] / ended if ended else None)
    assert [slot["start"] for slot in slots] == sorted(slot["start"] for slot in slots)


def test_the_engine_is_told_as_its_own_address_tells_it(runner: JobRunner) -> None:
    engine, own = told(runner)["engine"], runner.http.get("/api/v1/engine").json()
    assert {name: engine[name] for name in ("online", "concurrency", "engines", "workers", "poll_seconds")} == {
        name: own[name] for name in ("online", "concurrency", "engines", "workers", "poll_seconds")
    }
    assert engine["online_since"] <= engine["last_beat_at"]


@pytest.mark.either
def test_a_span_that_is_not_there_is_refused(runner: JobRunner) -> None:
    assert_problem(runner.http.get("/api/v1/dashboard?span=year"), 422)
