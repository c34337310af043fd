"""Listing jobs: every one once, newest first, however many arrive meanwhile."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.finding import NEEDS
from tests.api.test_jobs import assert_problem
from tests.support.other_program import ask
from tests.support.server import JobRunner

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


class Family:
    """Jobs of one creator, so that a test sees nobody else's."""

    def __init__(self, runner: JobRunner) -> None:
        self.runner = runner
        self.name = uuid.uuid4().hex

    def add(self, **more: Any) -> int:
        return self.runner.submit("TEST_RENDER", **{"run_at": LATER, "created_by": self.name, **more})

    def listed(self, **query: Any) -> dict[str, Any]:
        answer = self.runner.http.get("/api/v1/jobs", params={"created_by": self.name, **query})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def ids(self, **query: Any) -> list[int]:
        return [job["id"] for job in self.listed(**query)["items"]]


@pytest.fixture
def family(runner: JobRunner) -> Family:
    return Family(runner)


@pytest.mark.either
def test_every_need_that_finds_jobs_is_told_and_every_one_that_is_told_finds_its_own(family: Family) -> None:
    runner, failed = family.runner, "UPDATE job SET status = 'failed', outcome"
    own = {"approval": family.add(requires_approval=True), "answer": family.add(), "set-aside": family.add()}
    ask(runner.database_url, f"{failed} = 'unknown' WHERE id = {own['answer']}")
    ask(runner.database_url, f"{failed} = 'poisonous' WHERE id = {own['set-aside']}")
    assert {need: family.ids(needs=need) for need in NEEDS} == {need: [job_id] for need, job_id in own.items()}
    document = runner.http.get("/api/openapi.json").json()
    parameters = [document["paths"][path]["get"]["parameters"] for path in ("/api/v1/jobs", "/api/v1/jobs/export")]
    told = [parameter["description"] for one in parameters for parameter in one if parameter["name"] == "needs"]
    told.append(document["components"]["schemas"]["CriteriaRequest"]["properties"]["needs"]["description"])
    for description in told:
        assert [words.partition(":")[0] for words in description.split("; ")] == list(NEEDS)
    assert len(told) == 3


def test_the_newest_job_comes_first(family: Family) -> None:
    ids = [family.add() for _ in range(3)]
    assert family.ids() == ids[::-1]


def test_following_the_cursor_gives_every_job_once_even_while_new_ones_arrive(family: Family) -> None:
    ids = [family.add() for _ in range(7)]
    page = family.listed(limit=2)
    seen = [job["id"] for job in page["items"]]
    while page["next_cursor"]:
        family.add()
        page = family.listed(limit=2, cursor=page["next_cursor"])
        seen += [job["id"] for job in page["items"]]
    assert seen == ids[::-1]


@pytest.mark.parametrize(("count", "limit", "more"), [(0, 2, False), (1, 2, False), (2, 2, False), (3, 2, True)])
def test_there_is_a_cursor_only_when_there_is_more(family: Family, count: int, limit: int, more: bool) -> None:
    for _ in range(count):
        family.add()
    page = family.listed(limit=limit)
    assert (len(page["items"]), page["total"]) == (min(count, limit), count)
    assert (page["next_cursor"] is not None) is more


def test_the_total_counts_all_that_match_not_just_this_page(family: Family) -> None:
    for _ in range(5):
        family.add()
    page = family.listed(limit=2)
    assert family.listed(limit=2, cursor=page["next_cursor"])["total"] == 5


def test_filters_by_type_category_status_and_text(family: Family, runner: JobRunner) -> None:
    video = family.add(name="Trailer")
    mail = runner.submit(
        "EMAIL_SEND", {"to": "ada@example.org", "subject": "100% done", "body": "x"}, created_by=family.name
    )
    runner.until(mail, "completed")
    assert family.ids(type="TEST_RENDER") == [video]
    assert family.ids(type="video") == [video]
    assert family.ids(type="task") == [mail]
    assert family.ids(type="document") == []
    assert family.ids(type="video,task") == [mail, video]
    assert family.ids(type=["video", "task"]) == [mail, video]
    assert family.ids(status="queued") == [video]
    assert family.ids(status="completed") == [mail]
    assert family.ids(status="queued,completed") == [mail, video]
    assert family.ids(status="failed") == []
    assert family.ids(q="trailer") == [video]
    assert family.ids(q="ada@example") == [mail]


@pytest.mark.parametrize(("text", "found"), [("100%", 1), ("1%", 0), ("a_b", 1), ("a_c", 0), ("\\", 0), ("ab'", 1)])
def test_a_search_means_its_letters_and_no_pattern(family: Family, text: str, found: int) -> None:
    family.add(name="100% a_b abc \\ '")
    assert len(family.ids(q=text)) == found


def test_a_creator_who_has_none_gets_an_empty_list(family: Family) -> None:
    assert family.listed() == {"items": [], "next_cursor": None, "total": 0}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"cursor": "abc"}, "cursor"),
        ({"cursor": "-1"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "9" * 20}, "cursor"),
        ({"cursor": "9" * 21}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
        ({"status": "queued,done"}, "status"),
        ({"type": "fax"}, "type"),
        ({"q": "x" * 201}, "q"),
    ],
    ids=str,
)
def test_a_bad_query_is_answered_with_422(runner: JobRunner, query: dict[str, str], field: str) -> None:
    problem = assert_problem(runner.http.get("/api/v1/jobs", params=query), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
