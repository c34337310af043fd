"""Saved views over the wire."""

import uuid
from collections.abc import Iterator

import pytest

from tests.api.test_jobs import assert_problem
from tests.support.server import JobRunner

pytestmark = pytest.mark.either


@pytest.fixture
def name(runner: JobRunner) -> Iterator[str]:
    """A view's name; no view of that name is left."""
    name = uuid.uuid4().hex
    yield name
    for view in runner.http.get("/api/v1/views").json()["items"]:
        runner.http.delete(f"/api/v1/views/{view['id']}")


def test_a_view_is_saved_listed_replaced_and_removed(runner: JobRunner, name: str) -> None:
    answer = runner.http.post("/api/v1/views", json={"name": name, "query": "?status=failed&page=2"})
    assert answer.status_code == 201, answer.text
    view = answer.json()
    assert (view["name"], view["query"], view["shared"], view["owner"]) == (name, "status=failed", False, "local")
    again = runner.http.post("/api/v1/views", json={"name": name, "query": "q=ada", "shared": True})
    assert (again.status_code, again.json()["id"], again.json()["query"]) == (200, view["id"], "q=ada")
    assert runner.http.get("/api/v1/views").json()["items"] == [again.json()]
    assert runner.http.delete(f"/api/v1/views/{view['id']}").status_code == 204
    assert runner.http.get("/api/v1/views").json()["items"] == []
    assert_problem(runner.http.delete(f"/api/v1/views/{view['id']}"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "query": ""}, "name"),
        ({"name": "View", "query": "next=/app"}, "query"),
        ({"name": "View", "query": "", "more": 1}, "more"),
    ],
)
def test_what_cannot_be_saved_is_refused(runner: JobRunner, body: dict[str, object], field: str) -> None:
    problem = assert_problem(runner.http.post("/api/v1/views", json=body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
