"""Budgets, rate limits and usage over HTTP and MCP."""

from datetime import UTC, datetime

import pytest

from tests.api.test_jobs import assert_problem
from tests.api.test_mcp import agent, call
from tests.chaos.watch import until
from tests.support.server import JobRunner


async def test_a_spent_budget_holds_new_jobs_until_it_is_removed_and_usage_tells_what_was_used(
    runner: JobRunner,
) -> None:
    runner.until(runner.submit("TEST_NOOP"), "completed")
    today = datetime.now(UTC).date().isoformat()
    usage = runner.http.get("/api/v1/usage", params={"since": today}).json()["items"]
    used = next(item for item in usage if item["key"] == "TEST_NOOP")
    assert used["attempts"] >= 1
    assert set(used) == {"key", "label", "attempts", "seconds", "bytes", "tokens", "money"}
    by_agent = runner.http.get("/api/v1/usage", params={"by": "agent"}).json()["items"]
    assert sum(item["attempts"] for item in by_agent) >= used["attempts"]
    assert [item["key"] for item in runner.http.get("/api/v1/usage", params={"by": "day"}).json()["items"]] == [today]
    asked = {"scope": "type", "key": "TEST_NOOP", "measure": "attempts", "limit": used["attempts"]}
    budget = runner.http.put("/api/v1/budgets", json=asked).json()
    assert (budget["spent"], budget["used"]) == (True, used["attempts"])
    job = runner.http.get(f"/api/v1/jobs/{runner.submit('TEST_NOOP')}").json()
    assert job["waiting_for"].startswith("Waits for tomorrow: today's budget of ")
    async with agent(runner) as client:
        assert (await call(client, "list_budgets"))["budgets"] == [budget]
        assert (await call(client, "get_usage", by="day"))["usage"][0]["key"] == today
    assert runner.http.delete(f"/api/v1/budgets/{budget['id']}").status_code == 204
    assert runner.http.get("/api/v1/budgets").json() == {"items": []}
    runner.until(job["id"], "completed")


def test_a_rate_limit_spreads_what_is_over_it(runner: JobRunner) -> None:
    limit = runner.http.put("/api/v1/rate-limits/host:hooks.example.org", json={"count": 1}).json()
    assert (limit["key"], limit["per_seconds"], limit["burst"]) == ("host:hooks.example.org", 3600, 1)
    call = {"method": "GET", "url": "https://hooks.example.org/x"}
    jobs = [runner.submit("WEBHOOK_CALL", call) for _ in range(3)]
    told = "at most 1 call an hour of hooks.example.org"
    until(lambda: all(told in str(runner.job(job)["waiting_for"]) for job in jobs[1:]), 20, "both wait for their turn")
    assert runner.http.delete("/api/v1/rate-limits/host:hooks.example.org").status_code == 204
    assert runner.http.get("/api/v1/rate-limits").json() == {"items": []}
    for job in jobs:  # whatever becomes of them would be told to other tests
        runner.http.post(f"/api/v1/jobs/{job}/cancel")
        runner.until(job, "cancelled")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        (
            "PUT",
            "/budgets",
            {"scope": "all", "measure": "tokens", "limit": -1},
            422,
            "limit must be more than 0, not -1",
        ),
        ("PUT", "/rate-limits/mail", {"count": 0}, 422, "count must be 1 to 1,000,000, not 0"),
        ("DELETE", "/rate-limits/mail", None, 404, "there is no rate limit mail"),
        ("DELETE", "/budgets/99", None, 404, "there is no budget 99"),
        ("GET", "/usage?since=2999-01-01", None, 422, "since must be 0 to 399 days before until"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    runner: JobRunner, method: str, path: str, body: dict[str, object] | None, status: int, told: str
) -> None:
    answer = runner.http.request(method, f"/api/v1{path}", json=body)
    assert_problem(answer, status)
    assert told in answer.text
