"""Everything that SQLite holds is in PostgreSQL afterwards, and whatever is not the same is told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models import transfer
from models.database import close_database, open_database
from models.errors import DatabaseError
from models.transfer import Difference, both_locked
from tests.models.test_migrations import insert_former_job, make_former
from tests.support.migration import LONG_AGO, add_jobs, change, contents, copy_of, make_source, new_target
from tests.support.other_program import OtherProgram, ask
from tests.support.postgres import Postgres

pytestmark = pytest.mark.postgres

NOT_MOVED = {"engine", "job_event", "tortoise_migrations", "sqlite_sequence", "job_count"}


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    """A test that fails leaves no database open: the process would never end."""
    yield
    await close_database()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with rows in every table, which is copied."""
    file = tmp_path_factory.mktemp("filled") / "source.db"
    asyncio.run(make_source(file))
    return file


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    """A database with rows in every table."""
    return copy_of(filled, tmp_path / "source.db")


@pytest.fixture
def bare_target(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    with new_target(postgres) as url:
        yield url


@pytest.fixture
def target(postgres: Postgres, empty_database: str) -> Iterator[str]:
    """A PostgreSQL database with every table, and no row."""
    with new_target(postgres, empty_database) as url:
        yield url


async def moved(source: Path, target: str, damage: str = "SELECT 1") -> dict[str, int]:
    """How many rows of each table were copied; what the target runs before they are compared may do damage."""
    async with both_locked(source, target) as both:
        await both.copy()
        await both._target.execute(damage)
        return await both.compare()


async def test_every_table_is_moved_but_those_of_engines_and_events(source: Path, bare_target: str) -> None:
    """The index of the jobs' words with its tables, and the numbers of jobs, are made anew of the jobs."""
    with closing(sqlite3.connect(source)) as reader:
        kinds = {row[1]: row[2] for row in reader.execute("PRAGMA table_list") if row[0] == "main"}
    there = {name for name, kind in kinds.items() if kind == "table" and name != "sqlite_schema"}
    rows = await moved(source, bare_target)
    assert set(rows) == there - NOT_MOVED
    assert all(rows.values())
    [(counted,)] = ask(bare_target, "SELECT SUM(jobs) FROM job_count")
    assert counted == rows["job"]


async def test_the_program_reads_the_same_in_every_row(source: Path, bare_target: str) -> None:
    await moved(source, bare_target)
    assert await contents(bare_target) == await contents(f"sqlite://{source}")


async def test_a_source_of_a_former_version_is_brought_up_to_date_first(tmp_path: Path, target: str) -> None:
    file = tmp_path / "former.db"
    await make_former(file)
    insert_former_job(file, name="Later")
    assert (await moved(file, target))["job"] == 1
    (job,) = (await contents(target))["Job"]
    assert (job["name"], job["due_at"].isoformat()) == ("Later", "2035-01-01T08:00:00+00:00")


async def test_small_batches_move_as_much_as_large_ones(
    source: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_jobs(source, 25)
    monkeypatch.setattr(transfer, "BATCH_ROWS", 10)
    monkeypatch.setattr(transfer, "BATCH_CHARACTERS", 2000)
    assert (await moved(source, target))["job"] == 27
    assert await contents(target) == await contents(f"sqlite://{source}")


async def test_a_former_versions_way_to_write_a_time_is_read_as_that_time(source: Path, target: str) -> None:
    change(
        source,
        "UPDATE job SET created_at = '2024-03-01T01:59:59.123456+02:00' WHERE id = 1",
        "UPDATE job SET created_at = '2024-02-29 23:59:59.123456' WHERE id = 2",
    )
    await moved(source, target)
    assert {row["created_at"] for row in (await contents(target))["Job"]} == {LONG_AGO}


async def test_what_postgresql_cannot_store_is_left_out_of_a_text(source: Path, target: str) -> None:
    change(
        source,
        "UPDATE job SET name = 'a' || char(0) || 'b' WHERE id = 1",
        """UPDATE job SET payload = '{"a": "x\\u0000y \\ud800 \\ud83d\\ude00", "b": [NaN, -Infinity]}' WHERE id = 1""",
    )
    await moved(source, target)
    job = (await contents(target))["Job"][0]
    assert job["name"] == "ab"
    assert job["payload"] == {"a": "xy \\ud800 \N{GRINNING FACE}", "b": [None, None]}


async def test_ids_go_on_after_the_highest_that_was_ever_given(source: Path, target: str) -> None:
    change(source, "UPDATE sqlite_sequence SET seq = 4711 WHERE name = 'job'")
    await moved(source, target)
    program = OtherProgram(target)
    assert await program.run("SELECT nextval(pg_get_serial_sequence('job', 'id'))") == [(4712,)]
    assert await program.run("SELECT nextval(pg_get_serial_sequence('log_line', 'id'))") == [(3,)]
    assert await program.run("SELECT nextval(pg_get_serial_sequence('person', 'id'))") == [(2,)]


async def test_an_empty_database_is_moved_too_and_its_ids_begin_at_one(tmp_path: Path, bare_target: str) -> None:
    await open_database(f"sqlite://{tmp_path / 'empty.db'}")
    await close_database()
    rows = await moved(tmp_path / "empty.db", bare_target)
    assert {table: count for table, count in rows.items() if count} == {"approval_rule": 2}, "those of a new database"
    assert await OtherProgram(bare_target).run("SELECT nextval(pg_get_serial_sequence('job', 'id'))") == [(1,)]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE job SET name = 'Other' WHERE id = 2", "job 2 differs in name"),
        ("UPDATE job SET payload = jsonb_set(payload, '{more,no}', '0') WHERE id = 1", "job 1 differs in payload"),
        ("UPDATE job SET result = NULL WHERE id = 2", "job 2 differs in result"),
        ("UPDATE job SET pause_requested = FALSE", "job 2 differs in pause_requested"),
        ("UPDATE attempt SET started_at = started_at + interval '1 microsecond'", "attempt 1 differs in started_at"),
        ("UPDATE type_policy SET time_limit_seconds = 0.25 WHERE type = 'b'", "type_policy b differs in time_limit_"),
        ("DELETE FROM log_line WHERE id = 1", "log_line 1 is not where it should be in the target"),
        ("DELETE FROM feed_entry WHERE id = 'ä'", "feed_entry ä is not where it should be in the target"),
        ("INSERT INTO type_policy (type, paused) VALUES ('later', TRUE)", "type_policy later is only in the target"),
    ],
)
async def test_any_difference_is_told_by_table_id_and_column_and_nothing_stays(
    source: Path, target: str, damage: str, told: str
) -> None:
    with pytest.raises(Difference, match=f"^{told}"):
        await moved(source, target, damage)
    assert not any((await contents(target)).values())


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            "UPDATE job SET name = printf('%0201d', 1) WHERE id = 2",
            "a row of job, between id 1 and 2, does not fit into",
        ),
        ("UPDATE job SET max_attempts = 3000000000", "a row of job, between id 1 and 2, does not fit into"),
        ("UPDATE job SET payload = '{' WHERE id = 1", "a row of job, between id 1 and 2, does not fit into"),
        ("UPDATE job SET created_at = 'soon' WHERE id = 2", "job 2 holds what cannot be read: Invalid isoformat"),
        ("UPDATE job SET name = CAST(x'ff41' AS TEXT) WHERE id = 2", "source.db cannot be read: Could not decode"),
    ],
)
async def test_a_row_that_postgresql_does_not_take_is_one_line_and_nothing_stays(
    source: Path, target: str, damage: str, told: str
) -> None:
    change(source, damage)
    with pytest.raises(DatabaseError) as refused:
        await moved(source, target)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not any((await contents(target)).values())


@pytest.mark.usefixtures("impatient")
async def test_an_engine_that_starts_on_the_source_meanwhile_is_refused(source: Path, target: str) -> None:
    async with both_locked(source, target):
        with pytest.raises(DatabaseError, match="another program keeps the database locked"):
            await open_database(f"sqlite://{source}")


async def test_an_engine_that_starts_on_the_target_meanwhile_waits_until_everything_is_there(
    source: Path, target: str
) -> None:
    async with both_locked(source, target) as both:
        await both.copy()
        starting = asyncio.create_task(open_database(target))
        await until_somebody_waits(target)
        assert not starting.done()
    await starting
    rows = await OtherProgram(target).run("SELECT COUNT(*) FROM job")
    await close_database()
    assert rows == [(2,)]


@pytest.mark.usefixtures("impatient")
async def test_somebody_who_is_writing_to_the_target_is_told_about(source: Path, target: str) -> None:
    await open_database(target)
    await close_database()
    async with OtherProgram(target).keeping_it_locked():
        with pytest.raises(DatabaseError, match=r"cannot be opened|another process is at work on postgres://"):
            await moved(source, target)


async def test_rows_of_other_tables_there_are_left_alone(source: Path, target: str) -> None:
    program = OtherProgram(target)
    await program.run("CREATE TABLE theirs AS SELECT 1 AS one")
    await moved(source, target)
    assert await program.run("SELECT one FROM theirs") == [(1,)]


async def until_somebody_waits(target: str) -> None:
    waiting = """SELECT COUNT(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
        WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()"""
    async with asyncio.timeout(10):
        while await OtherProgram(target).run(waiting) != [(1,)]:
            pass


async def test_nothing_is_news_of_jobs_that_were_moved(source: Path, target: str) -> None:
    await moved(source, target)
    assert (await OtherProgram(target).run("SELECT COUNT(*) FROM job_event"))[0][0] == 0
