"""Statements by hand: the same rows from both databases, whatever goes in."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.database import connection
from models.job import Job
from models.statement import Statement, records
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_values_take_the_places_of_the_question_marks_in_their_order() -> None:
    await stored_job(name="first", priority=1)
    await stored_job(name="second", priority=3)
    statement = Statement("SELECT name FROM job WHERE name <> ? AND priority > ? AND name LIKE ? ORDER BY id")
    assert await statement.run(connection(), ["first", 2, "s%"]) == [{"name": "second"}]


async def test_a_database_with_a_text_of_its_own_gets_that_text(kind: str) -> None:
    statement = Statement("SELECT 'sqlite' AS told WHERE 1 = ?", postgres="SELECT 'postgres' AS told WHERE 1 = ?")
    assert await statement.run(connection(), [1]) == [{"told": kind}]


@pytest.mark.parametrize("hours", [-11, 0, 14])
async def test_a_moment_is_found_whatever_zone_it_is_told_in(hours: int) -> None:
    job = await stored_job(created_at=NOON)
    told = NOON.astimezone(timezone(timedelta(hours=hours)))
    assert await Statement("SELECT id FROM job WHERE created_at = ?").run(connection(), [told]) == [{"id": job.id}]


async def test_a_moment_that_a_statement_stored_is_the_one_that_the_model_reads() -> None:
    job = await stored_job()
    moment = NOON + timedelta(microseconds=1)
    await Statement("UPDATE job SET finished_at = ? WHERE id = ?").run(connection(), [moment, job.id])
    assert (await Job.get(id=job.id)).finished_at == moment


async def test_nothing_is_a_value_too() -> None:
    job = await stored_job(error="Busy")
    await Statement("UPDATE job SET error = ? WHERE id = ?").run(connection(), [None, job.id])
    assert (await Job.get(id=job.id)).error is None


async def test_a_statement_that_changes_gives_back_what_it_was_asked_for() -> None:
    job = await stored_job()
    statement = Statement("UPDATE job SET name = ? WHERE id = ? RETURNING id, name")
    assert await statement.run(connection(), ["größe", job.id]) == [{"id": job.id, "name": "größe"}]
    assert await statement.run(connection(), ["none", job.id + 1]) == []


COLUMNS = {"id": "bigint", "name": "text", "done": "boolean", "at": "timestamptz"}


async def test_a_list_of_records_is_a_table_to_join_with() -> None:
    jobs = [await stored_job(), await stored_job(), await stored_job()]
    told = [
        {"id": jobs[2].id, "name": 'a "b" \\ ü\n🚀', "done": True, "at": str(NOON)},
        {"id": jobs[0].id, "name": None, "done": False},
        {"id": -1, "name": "nobody's"},
    ]
    sqlite, postgres = records("told", COLUMNS)
    question = "SELECT job.id AS id, told.name AS name FROM job JOIN {told} ON told.id = job.id ORDER BY job.id"
    statement = Statement(question.format(told=sqlite), postgres=question.format(told=postgres))
    assert await statement.run(connection(), [json.dumps(told)]) == [
        {"id": jobs[0].id, "name": None},
        {"id": jobs[2].id, "name": 'a "b" \\ ü\n🚀'},
    ]


async def test_an_empty_list_of_records_joins_with_nothing() -> None:
    await stored_job()
    sqlite, postgres = records("told", COLUMNS)
    statement = Statement(f"SELECT id FROM {sqlite}", postgres=f"SELECT id FROM {postgres}")
    assert await statement.run(connection(), ["[]"]) == []
