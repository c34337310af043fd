"""Jobs as files: what a spreadsheet and a program read is what the jobs are."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.engine import Atlas
from engine.exports import COLUMNS, Form, csv_line, exported
from engine.finding import Criteria
from engine.settings import Settings
from engine.views import JobView
from models.states import Status
from tests.support.engine import stored_job

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ODD = {"to": ["ada@example.org"], "body": 'naïve 日本 🎬 "quoted", \\ \n', "number": 1.5, "more": [None, True]}


async def file_of(atlas: Atlas, form: Form) -> str:
    """Everything, as a file."""
    return "".join([piece async for piece in exported(atlas.queries.finder.every(Criteria()), form)])


@pytest.fixture
async def atlas(settings: Settings, database: None) -> Atlas:
    """Nothing runs its two jobs."""
    await stored_job(name="First, of all", payload=ODD, created_at=NOON)
    await stored_job(name="Second", status=Status.COMPLETED, result=ODD, created_at=NOON, finished_at=NOON)
    return Atlas(settings)


async def test_a_spreadsheet_has_a_row_a_job_the_newest_first(atlas: Atlas) -> None:
    second, first = csv.DictReader(io.StringIO(await file_of(atlas, Form.CSV)))
    assert tuple(first) == COLUMNS
    assert (first["id"], first["name"], first["status"], first["priority"]) == (
        "1",
        "First, of all",
        "queued",
        "medium",
    )
    assert json.loads(first["payload"]) == ODD
    assert (first["result"], first["finished_at"]) == ("", "")
    assert json.loads(second["result"]) == ODD
    assert datetime.fromisoformat(second["finished_at"]) == NOON


async def test_programs_read_the_same_from_json_and_from_lines(atlas: Atlas) -> None:
    whole = json.loads(await file_of(atlas, Form.JSON))
    lines = [json.loads(line) for line in (await file_of(atlas, Form.JSONL)).splitlines()]
    assert whole == lines
    assert [job["name"] for job in whole] == ["Second", "First, of all"]
    assert whole[0]["result"] == whole[1]["payload"] == ODD
    assert whole[0]["created_at"] == "2026-11-01T12:00:00+00:00"
    assert set(whole[0]) == set(COLUMNS)


async def nothing() -> AsyncIterator[list[JobView]]:
    """No batch at all."""
    batches: list[list[JobView]] = []
    for batch in batches:
        yield batch


async def test_of_nothing_there_is_a_head_an_empty_list_or_no_line() -> None:
    files = ["".join([piece async for piece in exported(nothing(), form)]) for form in Form]
    assert files[0] == ",".join(COLUMNS) + "\r\n"
    assert json.loads(files[1]) == []
    assert files[2] == ""


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(begin: str) -> None:
    line = csv_line([f"{begin}HYPERLINK(1)", "plain", f"in {begin} it"])
    assert next(csv.reader(io.StringIO(line, newline=""))) == [f"'{begin}HYPERLINK(1)", "plain", f"in {begin} it"]


@pytest.mark.either
async def test_a_file_is_read_no_faster_than_it_is_taken(atlas: Atlas) -> None:
    """So its size does not matter to the memory."""
    (job, _) = await atlas.queries.jobs([1, 2])
    read: list[int] = []

    async def batches() -> AsyncIterator[list[JobView]]:
        for number in range(1000):
            read.append(number)
            yield [job]

    pieces = exported(batches(), Form.JSONL)
    for _ in range(3):
        await anext(pieces)
    assert read == [0, 1, 2]


@pytest.mark.either
@pytest.mark.parametrize("form", Form)
async def test_a_fault_in_the_middle_is_no_end(atlas: Atlas, form: Form) -> None:
    (job, _) = await atlas.queries.jobs([1, 2])

    async def broken() -> AsyncIterator[list[JobView]]:
        yield [job]
        raise OSError("the database is gone")

    taken: list[Any] = []

    async def take_all() -> None:
        async for piece in exported(broken(), form):
            taken.append(piece)

    with pytest.raises(OSError, match="the database is gone"):
        await take_all()
    assert not "".join(taken).rstrip().endswith("]")
