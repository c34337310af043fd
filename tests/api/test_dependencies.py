"""Jobs that wait for jobs, as programs ask for them."""

from itertools import pairwise
from typing import Any

import pytest

from tests.support.server import JobRunner

NOTE: dict[str, Any] = {"type": "EMAIL_SEND", "payload": {"to": "ada@example.org", "subject": "Done", "body": "x"}}


def test_a_job_comes_after_others_and_has_what_they_made_in_its_payload(runner: JobRunner) -> None:
    parent = runner.submit("TEST_RENDER", {"title": "Trailer", "steps": 2})
    payload = {**NOTE["payload"], "body": "{{ jobs.film.result.message }} (job {{ jobs.film.id }})"}
    after = [{"id": parent, "name": "film"}]
    answer = runner.http.post("/api/v1/jobs", json={**NOTE, "payload": payload, "after": after})
    assert answer.status_code == 201, answer.text
    child = answer.json()["id"]
    done = runner.until(child, "completed", "failed")
    made = runner.job(parent)["result"]["message"]
    assert (done["error"], done["payload"]["body"]) == (None, f"{made} (job {parent})")
    assert not done["blocked"]
    family = runner.http.get(f"/api/v1/jobs/{child}/dependencies").json()
    known = {"id": parent, "name": "film", "status": "completed", "any_outcome": False, "met": True}
    assert family == {"after": [{**known, "title": runner.job(parent)["name"]}], "then": []}
    then = runner.http.get(f"/api/v1/jobs/{parent}/dependencies").json()["then"]
    assert then == [{"id": child, "title": done["name"], "status": "completed"}]


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"after": [{"id": 10**9}]}, "after.0", "after must name jobs that exist, not 1000000000"),
        (
            {"payload": {**NOTE["payload"], "body": "{{ jobs.b.id }}"}, "after": [{"id": 1, "name": "a"}]},
            "payload.body",
            "uses the job b, which is not among",
        ),
        (
            {
                "payload": {"to": "{{ jobs.a.id }}", "subject": "x", "body": "x", "colour": 1},
                "after": [{"id": 1, "name": "a"}],
            },
            "payload.colour",
            "colour is not a field here",
        ),
    ],
)
def test_what_cannot_be_waited_for_is_told_with_its_field(
    runner: JobRunner, more: dict[str, Any], field: str, said: str
) -> None:
    runner.submit("TEST_NOOP")
    answer = runner.http.post("/api/v1/jobs", json={**NOTE, **more})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["message"]


def test_the_same_key_and_body_give_the_first_job_and_other_parents_are_another_body(runner: JobRunner) -> None:
    parents = [runner.submit("TEST_NOOP") for _ in range(2)]
    answers = [
        runner.http.post(
            "/api/v1/jobs", json={**NOTE, "after": [{"id": parent}]}, headers={"Idempotency-Key": f"after-{parents[0]}"}
        )
        for parent in (parents[0], parents[0], parents[1])
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 409]


def test_a_batch_is_a_graph_whose_jobs_know_each_other_by_their_refs(runner: JobRunner) -> None:
    mail = {**NOTE["payload"], "body": "{{ jobs.film.result.message }}, {{ jobs.card.status }}"}
    batch = [
        {**NOTE, "ref": "mail", "payload": mail, "after": [{"ref": "film"}, {"ref": "poster", "name": "card"}]},
        {"type": "TEST_RENDER", "ref": "film", "payload": {"title": "Trailer", "steps": 2}},
        {
            "type": "TEST_RENDER",
            "ref": "poster",
            "payload": {"title": "Poster", "steps": 1},
            "after": [{"ref": "film"}],
        },
    ]
    answer = runner.http.post("/api/v1/jobs:batch", json={"jobs": batch})
    assert answer.status_code == 201, answer.text
    sent, film, poster = (item["id"] for item in answer.json()["items"])
    done = runner.until(sent, "completed", "failed")
    assert (done["error"], done["payload"]["body"]) == (None, f"{runner.job(film)['result']['message']}, completed")
    ends = [runner.job(job_id) for job_id in (film, poster, sent)]
    for before, after in pairwise(ends):
        assert before["finished_at"] <= after["started_at"]


@pytest.mark.parametrize(
    ("refs", "field", "said"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "jobs.", "after must not lead in a circle: "),
        ({"a": ["a"]}, "jobs.0.after", "after must not lead in a circle: a, which waits for a"),
        ({"a": ["b"]}, "jobs.0.after.0.ref", "ref must name a job of this batch, not 'b'"),
    ],
)
def test_a_graph_that_could_never_end_is_refused_whole(
    runner: JobRunner, refs: dict[str, list[str]], field: str, said: str
) -> None:
    before = runner.http.get("/api/v1/jobs").json()["total"]
    batch = [{**NOTE, "ref": ref, "after": [{"ref": each} for each in after]} for ref, after in refs.items()]
    answer = runner.http.post("/api/v1/jobs:batch", json={"jobs": batch})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"].startswith(field)
    assert error["message"].startswith(said)
    assert runner.http.get("/api/v1/jobs").json()["total"] == before


def test_a_batch_that_is_sent_again_whole_or_in_part_gives_the_first_jobs(runner: JobRunner) -> None:
    first = {**NOTE, "ref": "a", "idempotency_key": "graph-a"}
    second = {**NOTE, "after": [{"ref": "a"}], "idempotency_key": "graph-b"}
    answers = [
        runner.http.post("/api/v1/jobs:batch", json={"jobs": jobs})
        for jobs in ([first], [first, second], [first, second])
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201], answers[-1].text
    one, two, three = ([item["id"] for item in answer.json()["items"]] for answer in answers)
    assert two == three
    assert two[0] == one[0]
