"""The jobs as a file over the wire: named by the day, whole or visibly not, and no longer than somebody listens."""

import csv
import io
import re
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from api.exports import export_routes
from engine.engine import Atlas
from engine.finding import Criteria
from engine.settings import Settings
from engine.views import JobView
from tests.api.test_jobs import assert_problem
from tests.api.test_listing import Family
from tests.support.engine import stored_job
from tests.support.other_program import ask
from tests.support.server import JobRunner

MANY = 800
LONG = 20_000  # characters of a payload: together far more than lies between server and client


@pytest.fixture
def family(runner: JobRunner) -> Family:
    return Family(runner)


def exported(runner: JobRunner, **query: Any) -> httpx.Response:
    answer = runner.http.get("/api/v1/jobs/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("csv", "text/csv; charset=utf-8"), ("json", "application/json"), ("jsonl", "application/x-ndjson")],
)
def test_a_file_is_named_by_the_day_and_has_what_matches(family: Family, form: str, media_type: str) -> None:
    ids = [family.add(name=f"Trailer {n}") for n in range(3)]
    family.add(name="Another")
    answer = exported(family.runner, form=form, created_by=family.name, q="trailer", type="video", status="queued")
    assert answer.headers["content-type"] == media_type
    named = re.fullmatch(r'attachment; filename="jobs-(.+)\.(\w+)"', answer.headers["content-disposition"])
    assert named
    assert named[2] == form
    assert (datetime.now(UTC).date() - datetime.fromisoformat(named[1]).date()).days in (0, 1)
    assert [str(job_id) for job_id in ids[::-1]] == _ids(answer, form)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_jobs_that_were_picked_by_hand_are_exported_and_no_others(family: Family, form: str) -> None:
    ids = [family.add() for _ in range(5)]
    picked = [ids[3], ids[0], ids[3]]
    gone = ids[-1] + 1_000_000
    assert _ids(exported(family.runner, form=form, id=[*picked, gone]), form) == [str(ids[3]), str(ids[0])]
    cancelled = family.runner.http.post(f"/api/v1/jobs/{ids[0]}/cancel")
    assert cancelled.status_code == 200
    assert _ids(exported(family.runner, form=form, id=picked, status="queued"), form) == [str(ids[3])]
    assert _ids(exported(family.runner, form=form, id=picked, q="!"), form) == []


@pytest.mark.either
def test_a_thousand_may_be_picked_and_no_more(family: Family) -> None:
    own, no_jobs = family.add(), range(2**40, 2**40 + 999)
    assert _ids(exported(family.runner, id=[own, *no_jobs]), "csv") == [str(own)]
    for ids in ([own, *no_jobs, 1], [0], [2**63], ["x"]):
        problem = assert_problem(family.runner.http.get("/api/v1/jobs/export", params={"id": ids}), 422)
        assert problem["errors"][0]["field"].partition(".")[0] == "id"


def _ids(answer: httpx.Response, form: str) -> list[str]:
    if form == "csv":
        return [row["id"] for row in csv.DictReader(io.StringIO(answer.text))]
    lines = answer.text.splitlines() if form == "jsonl" else [answer.text]
    found = [httpx.Response(200, text=line).json() for line in lines]
    return [str(job["id"]) for job in (found if form == "jsonl" else found[0])]


@pytest.mark.either
def test_what_a_program_wrote_is_no_formula_in_a_spreadsheet(family: Family) -> None:
    family.add(name="=HYPERLINK(1)")
    (row,) = csv.DictReader(io.StringIO(exported(family.runner, created_by=family.name).text))
    assert row["name"] == "'=HYPERLINK(1)"


@pytest.mark.either
@pytest.mark.parametrize(
    ("query", "field"), [({"form": "xml"}, "form"), ({"status": "done"}, "status"), ({"since": "soon"}, "since")]
)
def test_what_cannot_be_exported_is_refused_before_the_first_byte(
    runner: JobRunner, query: dict[str, str], field: str
) -> None:
    problem = assert_problem(runner.http.get("/api/v1/jobs/export", params=query), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_file_that_the_database_breaks_off_has_no_end_and_the_log_one_line(
    runner: JobRunner, own_database: str, tmp_path: Any
) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database) as own:
        payload = f"""{{"text": "needle {"x" * LONG}"}}"""
        columns = "type, category, name, summary, status, priority, progress, payload, pause_requested"
        values = f"'GONE', 'task', 'needle', '', 'paused', 2, 0, '{payload}', FALSE"
        ask(
            own.database_url,
            f"INSERT INTO job ({columns}, created_by, created_at, attempt, max_attempts, deaths) "
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "
            f"SELECT {values}, 'many', '2026-11-01 12:00:00+00:00', 0, 1, 0 FROM n",
        )
        whole = own.http.get("/api/v1/jobs/export", params={"q": "needle", "form": "jsonl"})
        assert len(whole.text.splitlines()) == MANY
        taken: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            take_until_it_breaks(own, taken)
        assert 0 < sum(map(len, taken)) < len(whole.content)
        own.until_it_said("job_text")
        (line,) = [line for line in own.output.splitlines() if " INFO " not in line]
    assert "WARNING api.streamed: jobs-" in line
    assert ".jsonl broke off: " in line
    assert "job_text" in line, "and so says why"


def take_until_it_breaks(runner: JobRunner, taken: list[bytes]) -> None:
    """After the first piece another program takes the index away that the rest is to be found by."""
    query = {"q": "needle", "form": "jsonl"}
    with runner.http.stream("GET", "/api/v1/jobs/export", params=query) as answer:
        for piece in answer.iter_bytes():
            if not taken:
                ask(runner.database_url, "DROP TABLE job_text")
            taken.append(piece)


@pytest.mark.either
async def test_whoever_hangs_up_ends_it(settings: Settings, database: None) -> None:
    job_id = (await stored_job()).id
    atlas, app, read = Atlas(settings), FastAPI(), []
    (job,) = await atlas.queries.jobs([job_id])

    async def every(criteria: Criteria, ids: Sequence[int] | None = None) -> AsyncIterator[list[JobView]]:
        while True:
            read.append(job)
            yield [job]

    atlas.queries.finder.every = every  # type: ignore[method-assign]
    app.include_router(export_routes(atlas))
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"} if sent else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if len(sent) > 10:
            raise OSError("nobody is there")
        sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": "/api/v1/jobs/export", "query_string": b"form=jsonl"}
    with suppress(ClientDisconnect):
        await app({**scope, "headers": [], "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)
    assert len(read) < 20
