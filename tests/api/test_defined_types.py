"""Job types without Python: defined by an administrator, and at once everywhere."""

from typing import Any

import pytest

from tests.api.outside import SCHEMA, Worker, define, definition
from tests.api.test_jobs import assert_problem
from tests.support.server import JobRunner

RECURSIVE = {"type": "object", "properties": {"more": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}
TREE = {"type": "object", "properties": {"more": {"$ref": "#"}}}
DEEP: dict[str, Any] = {"type": "object"}
for _ in range(40):
    DEEP = {"type": "object", "properties": {"more": DEEP}}
DOUBLING: dict[str, Any] = {"type": "object", "$defs": {"l0": {"type": "string"}}}
for number in range(1, 20):
    below = {"$ref": f"#/$defs/l{number - 1}"}
    DOUBLING["$defs"][f"l{number}"] = {"anyOf": [below, below]}
DOUBLING["properties"] = {"x": {"$ref": "#/$defs/l19"}}


def test_a_defined_type_is_listed_with_its_schema_and_takes_jobs_at_once(runner: JobRunner) -> None:
    key = define(runner, category="document", irreversible=True, attempts=4, time_limit_seconds=90)
    told = runner.http.get(f"/api/v1/job-types/{key}").json()
    assert told["payload_schema"] == SCHEMA
    assert (told["label"], told["category"], told["icon"]) == ("Translate a text", "document", "translate")
    assert (told["effect"], told["attempts"], told["time_limit_seconds"]) == ("irreversible", 4, 90)
    assert (told["is_outside"], told["agents"]) == (True, 0)
    assert key in {each["type"] for each in runner.http.get("/api/v1/job-types").json()["items"]}
    job = runner.job(runner.submit(key, {"text": "Good morning", "words": 2}))
    assert (job["status"], job["category"], job["name"]) == ("queued", "document", "Translate a text")
    assert job["payload"] == {"text": "Good morning", "words": 2}
    assert job["summary"] == "Good morning"
    assert job["waiting_for"] == "Waits for an agent that does Translate a text: none is online"


@pytest.mark.either
@pytest.mark.parametrize(
    ("payload", "field", "message"),
    [
        ({}, "payload.text", "Text is required"),
        ({"text": ""}, "payload.text", "Text must have at least 1 characters, not ''"),
        ({"text": 7}, "payload.text", "Text must be of type string, not 7"),
        ({"text": "x", "to": "en"}, "payload.to", "Language must be one of 'de', 'fr', 'ja', not 'en'"),
        ({"text": "x", "words": 0}, "payload.words", "Words must be at least 1, not 0"),
        ({"text": "x", "color": 1}, "payload.color", "color is not a field here; the fields are text, to, words"),
        ({"text": "x" * 1_100_000}, "payload", "The payload must have at most 1,000,000 bytes"),
    ],
)
def test_a_payload_that_breaks_the_schema_is_refused_by_field(
    runner: JobRunner, payload: dict[str, Any], field: str, message: str
) -> None:
    key = define(runner)
    problem = assert_problem(runner.http.post("/api/v1/jobs", json={"type": key, "payload": payload}), 422)
    assert [(fault["field"], fault["message"][: len(message)]) for fault in problem["errors"]] == [(field, message)]


@pytest.mark.either
@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"type": "small"}, "key", "capital letters"),
        ({"type": "EMAIL_SEND"}, "key", "is built in"),
        ({"label": ""}, "label", "1 to 64 characters"),
        ({"category": "music"}, "category", "must be one of"),
        ({"icon": "<b>"}, "icon", "Material icon"),
        ({"attempts": 0}, "attempts", "1 to 100"),
        ({"time_limit_seconds": 0}, "time_limit_seconds", "1 to 604,800"),
        ({"payload_schema": {"type": "string"}}, "payload_schema", "JSON Schema of an object"),
        ({"payload_schema": {"type": "object", "properties": 7}}, "payload_schema", "is no JSON Schema"),
        ({"payload_schema": RECURSIVE}, "payload_schema", "must not refer to itself"),
        ({"payload_schema": TREE}, "payload_schema", "own parts only"),
        ({"payload_schema": DEEP}, "payload_schema", "levels deep"),
        ({"payload_schema": DOUBLING}, "payload_schema", "parts large"),
        ({"payload_schema": {"type": "object", "$ref": "https://example.org/s"}}, "payload_schema", "own parts only"),
        ({"payload_schema": {"type": "object", "$id": "https://x"}}, "payload_schema", "not use $id"),
        (
            {"payload_schema": {"type": "object", "properties": {"a": {"pattern": "("}}}},
            "payload_schema",
            "no regular expression",
        ),
        ({"payload_schema": {"type": "object", "description": "x" * 70_000}}, "payload_schema", "at most 65,536 bytes"),
    ],
)
def test_a_definition_that_breaks_a_rule_is_refused(
    runner: JobRunner, change: dict[str, Any], field: str, rule: str
) -> None:
    problem = assert_problem(runner.http.post("/api/v1/job-types", json=definition(**change)), 422)
    assert [fault["field"] for fault in problem["errors"]] == [field]
    assert rule in problem["errors"][0]["message"]


@pytest.mark.either
def test_a_pattern_that_never_ends_is_given_up(runner: JobRunner) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a|aa|a?)+$"}}}
    key = define(runner, payload_schema=schema)
    body = {"type": key, "payload": {"a": "a" * 60 + "!"}}
    problem = assert_problem(runner.http.post("/api/v1/jobs", json=body), 422)
    assert any(words in problem["detail"] for words in ("takes too long", "must match"))


@pytest.mark.either
@pytest.mark.parametrize(
    ("schema", "payload", "told"),
    [
        ({"uniqueItems": True}, [{"n": n} for n in range(9000)] + [{"n": 1}], "must not have an entry twice"),
        ({"items": {"type": "integer"}}, ["x"] * 9000, "must be of type integer"),
        ({}, [[0]] * 10_001, "at most 20,000 values"),
    ],
    ids=["twice", "all wrong", "too many"],
)
def test_no_payload_keeps_the_others_waiting(
    runner: JobRunner, schema: dict[str, Any], payload: list[Any], told: str
) -> None:
    parts = {"type": "object", "properties": {"a": {"type": "array", **schema}}}
    key = define(runner, payload_schema=parts)
    problem = assert_problem(runner.http.post("/api/v1/jobs", json={"type": key, "payload": {"a": payload}}), 422)
    assert told in problem["detail"]
    assert len(problem["errors"]) <= 20


def test_whether_it_can_be_taken_back_changes_only_while_no_job_is_under_way(runner: JobRunner) -> None:
    key = define(runner, irreversible=True)
    job_id = runner.submit(key, {"text": "Hello"})
    wording = {name: value for name, value in definition().items() if name != "type"}
    assert_problem(runner.http.put(f"/api/v1/job-types/{key}", json=wording), 422)  # it has to be said
    problem = assert_problem(runner.http.put(f"/api/v1/job-types/{key}", json={**wording, "irreversible": False}), 409)
    assert "then change whether it can be taken back" in problem["detail"]
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    assert runner.http.put(f"/api/v1/job-types/{key}", json={**wording, "irreversible": False}).status_code == 200


def test_a_person_can_settle_a_job_whose_type_was_worded_anew(runner: JobRunner) -> None:
    key = define(runner, irreversible=True)
    worker = Worker(runner, key)
    job_id = runner.submit(key, {"text": "Hello"})
    worker.report(worker.one(), status="unknown", error="The line broke")
    wording = {name: value for name, value in definition().items() if name != "type"}
    wording |= {"irreversible": True, "payload_schema": {"type": "object", "required": ["speech"]}}
    assert runner.http.put(f"/api/v1/job-types/{key}", json=wording).status_code == 200
    runner.http.post(f"/api/v1/jobs/{job_id}/resolve", json={"went_out": True})
    assert runner.job(job_id)["status"] == "completed"


def test_a_key_is_defined_once(runner: JobRunner) -> None:
    key = define(runner)
    problem = assert_problem(runner.http.post("/api/v1/job-types", json=definition(type=key)), 422)
    assert "there is a type" in problem["detail"]


def test_a_type_worded_anew_holds_for_new_jobs_and_leaves_the_others(runner: JobRunner) -> None:
    key = define(runner)
    old = runner.submit(key, {"text": "Hello"})
    wording = {name: value for name, value in definition().items() if name != "type"}
    wording |= {
        "irreversible": False,
        "label": "Interpret",
        "payload_schema": {"type": "object", "required": ["speech"]},
    }
    assert runner.http.put(f"/api/v1/job-types/{key}", json=wording).json()["label"] == "Interpret"
    assert_problem(runner.http.post("/api/v1/jobs", json={"type": key, "payload": {"text": "Hello"}}), 422)
    assert runner.submit(key, {"speech": "Hello"})
    assert runner.job(old)["payload"] == {"text": "Hello"}


def test_a_type_goes_only_when_its_jobs_are_over(runner: JobRunner) -> None:
    key = define(runner)
    job_id = runner.submit(key, {"text": "Hello"})
    problem = assert_problem(runner.http.delete(f"/api/v1/job-types/{key}"), 409)
    assert "has 1 jobs that are not over" in problem["detail"]
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    assert runner.http.delete(f"/api/v1/job-types/{key}").status_code == 204
    assert_problem(runner.http.get(f"/api/v1/job-types/{key}"), 404)
    assert_problem(runner.http.post("/api/v1/jobs", json={"type": key, "payload": {"text": "x"}}), 422)
    assert runner.job(job_id)["status"] == "cancelled"


@pytest.mark.parametrize("key", ["EMAIL_SEND", "NOBODYS"])
def test_what_nobody_defined_is_neither_changed_nor_removed(runner: JobRunner, key: str) -> None:
    wording = {name: value for name, value in definition().items() if name != "type"}
    answer = runner.http.put(f"/api/v1/job-types/{key}", json={**wording, "irreversible": False})
    assert answer.status_code in (404, 422)
    assert_problem(runner.http.delete(f"/api/v1/job-types/{key}"), 404)


def test_an_agent_that_is_online_is_what_the_queued_job_waits_for(runner: JobRunner) -> None:
    key = define(runner)
    Worker(runner, key)
    assert runner.http.get(f"/api/v1/job-types/{key}").json()["agents"] == 1
    assert runner.job(runner.submit(key, {"text": "x"}))["waiting_for"] == "Waits for an agent with a free place"
