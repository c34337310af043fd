"""Opening the database: migrated, durable, and refused in one sentence when it cannot be used."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tortoise import Tortoise
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.migrations.autodetector import MigrationAutodetector

from engine.settings import Settings
from models import sqlite
from models.database import (
    close_database,
    configuration,
    connection,
    open_database,
    transaction,
    trouble,
)
from models.errors import DatabaseError
from models.job import Job
from tests.support.engine import opened, settings_in, stored_job

MIGRATIONS = {path.stem for path in Path("models/migrations").glob("0*.py")}


@asynccontextmanager
async def database_at(file: Path) -> AsyncIterator[None]:
    """Open, and closed again whatever happens: an open connection would keep the tests from ending."""
    try:
        await open_database(f"sqlite://{file}")
        yield
    finally:
        await close_database()


def schema(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as reader:
        return reader.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name").fetchall()


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        for statement in statements:
            writer.execute(statement)


async def test_a_new_file_gets_every_table_and_migration(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    async with database_at(file):
        applied = await connection().execute_query_dict("SELECT name FROM tortoise_migrations")
    assert {row["name"] for row in applied} == MIGRATIONS
    tables = {"job", "attempt", "log_line", "effect", "channel", "feed_entry", "engine", "person"}
    assert tables <= {name for name, _ in schema(file)}


async def test_opening_again_changes_nothing_and_keeps_the_jobs(tmp_path: Path) -> None:
    file = tmp_path / "again.db"
    async with database_at(file):
        job = await stored_job(name="Kept")
    before = schema(file)
    async with database_at(file):
        assert (await Job.get(id=job.id)).name == "Kept"
    assert schema(file) == before


async def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "first.db"
    async with database_at(file):
        job = await stored_job()
    change(file, "DELETE FROM tortoise_migrations WHERE name = '0002_claim_index'", "DROP INDEX idx_job_claim")
    async with database_at(file):
        assert await Job.exists(id=job.id)
    assert "idx_job_claim" in {name for name, _ in schema(file)}


async def test_models_and_migrations_agree(tmp_path: Path) -> None:
    config = configuration(f"sqlite://{tmp_path / 'unused.db'}")
    await Tortoise.init(config=config, init_connections=False)
    assert Tortoise.apps is not None
    found = await MigrationAutodetector(Tortoise.apps, config["apps"]).changes()
    assert [operation for migration in found for operation in migration.operations] == []


@pytest.mark.sqlite
async def test_a_commit_survives_a_power_cut(settings: Settings, database: None) -> None:
    rows = [await connection().execute_query_dict(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
    assert rows == [[{"journal_mode": "wal"}], [{"synchronous": 2}]]


async def test_a_newer_database_is_refused_untouched_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "newer.db"
    async with database_at(file):
        pass
    change(file, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '0999_later', '')")
    before = schema(file)
    with pytest.raises(DatabaseError) as caught:
        async with database_at(file):
            pass
    assert str(caught.value) == (
        f"the database {file} comes from a newer version of Job Runner (it has 0999_later); "
        "start that version, or restore a backup made before the upgrade"
    )
    assert schema(file) == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Ada,\n" * 100)
    with pytest.raises(DatabaseError, match=r"letter\.txt cannot be opened: file is not a database"):
        async with database_at(file):
            pass
    assert file.read_text() == "Dear Ada,\n" * 100


async def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere/job-runner\.db cannot be opened: unable to open database file"):
        async with database_at(tmp_path / "nowhere" / "job-runner.db"):
            pass


async def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(DatabaseError, match=r"must begin with sqlite:// or postgres://, not mysql://"):
        await open_database("mysql://ada:geheim@somewhere/jobs")


@pytest.mark.parametrize("name", ["with space", "100%25", "größe", "a#b", "what?", "a%b"])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = settings_in(tmp_path / name)
    for _ in range(2):  # the second time there is a file to look at first
        async with opened(settings):
            await stored_job()
    assert (tmp_path / name / "job-runner.db").stat().st_size > 0
    assert os.listdir(tmp_path) == [name]


@pytest.mark.sqlite
@pytest.mark.parametrize("refused", ["BEGIN", "COMMIT"])
async def test_a_transaction_that_cannot_begin_or_be_committed_stores_nothing_and_keeps_no_lock(
    database: None, refused: str
) -> None:
    raw: Any = connection()

    def authorize(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION and what == refused else sqlite3.SQLITE_OK

    await raw._connection.set_authorizer(authorize)
    with pytest.raises(Exception, match="not authorized"):
        async with transaction():
            await stored_job(name="Refused")
    await raw._connection.set_authorizer(None)
    async with asyncio.timeout(10):
        assert await Job.all().count() == 0
        async with transaction():
            await stored_job(name="Stored")
    assert [job.name for job in await Job.all()] == ["Stored"]
    assert not raw._connection.in_transaction


async def test_what_fails_inside_a_transaction_undoes_all_of_it(database: None) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with transaction():
            await stored_job()
            raise ZeroDivisionError
    assert not await Job.exists()


async def _renamed(job: Job, name: str, *, in_transaction: bool) -> None:
    if in_transaction:
        async with transaction():
            await Job.filter(id=job.id).update(name=name)
    else:
        await Job.filter(id=job.id).update(name=name)


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_a_task_that_outlives_the_transaction_it_began_in_stores_by_itself(
    database: None, in_transaction: bool
) -> None:
    """Neither in the one that is over, nor in somebody else's that is open by then."""
    job, go_on, asks = await stored_job(name="former"), asyncio.Event(), asyncio.Event()

    async def late() -> None:
        await go_on.wait()
        asks.set()
        await _renamed(job, "late", in_transaction=in_transaction)

    async with transaction():
        task = asyncio.create_task(late())
        await stored_job()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with transaction():
            await stored_job()
            go_on.set()
            await asks.wait()
            await stored_job()
            raise ZeroDivisionError
    async with asyncio.timeout(5):
        await task
    assert (await Job.get(id=job.id)).name == "late"
    assert await Job.all().count() == 2


async def test_a_task_within_a_transaction_is_a_part_of_it(database: None) -> None:
    job = await stored_job(name="former")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with transaction():
            await asyncio.create_task(_renamed(job, "latter", in_transaction=True))
            raise ZeroDivisionError
    assert (await Job.get(id=job.id)).name == "former"


async def test_a_part_that_is_cancelled_is_taken_back_alone(database: None) -> None:
    first, second, begun = await stored_job(name="one"), await stored_job(name="two"), asyncio.Event()

    async def part() -> None:
        async with transaction():
            await Job.filter(id=second.id).update(name="second")
            begun.set()
            await asyncio.Event().wait()

    async with transaction():
        task = asyncio.create_task(part())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await Job.filter(id=first.id).update(name="first")
    assert [job.name for job in await Job.all().order_by("id")] == ["first", "two"]


@pytest.mark.parametrize("steps", range(0, 24, 3))
async def test_a_part_that_is_cancelled_at_any_moment_leaves_no_half_of_it_and_no_lock(
    database: None, steps: int
) -> None:
    """The whole may go on without the part, or fail; what it tells is what is stored."""
    first, second = await stored_job(name="one"), await stored_job(name="two")

    async def part() -> None:
        async with transaction():
            await Job.filter(id=first.id).update(priority=3)
            await Job.filter(id=second.id).update(priority=3)

    is_stored = False
    with suppress(OperationalError, TransactionManagementError):
        async with transaction():
            await Job.filter(id=first.id).update(name="first")
            task = asyncio.create_task(part())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            await Job.filter(id=second.id).update(name="second")
        is_stored = True
    async with asyncio.timeout(5), transaction():
        rows = await Job.all().order_by("id")
    assert [job.name for job in rows] == (["first", "second"] if is_stored else ["one", "two"])
    assert len({job.priority for job in rows}) == 1, "all of the part, or nothing"


async def test_a_fault_of_a_part_that_is_put_up_with_leaves_the_rest_as_it_is(database: None) -> None:
    await stored_job(name="first", idempotency_key="taken")
    async with transaction():
        await stored_job(name="second")
        with pytest.raises(IntegrityError):  # noqa: PT012
            async with transaction():
                await stored_job(name="lost")
                await stored_job(name="refused", idempotency_key="taken")
        await stored_job(name="third")
    assert [job.name for job in await Job.all().order_by("id")] == ["first", "second", "third"]


async def test_a_fault_that_is_put_up_with_does_not_pass_for_a_commit(database: None) -> None:
    """PostgreSQL gives such a transaction up and says nothing; SQLite takes back the one statement."""
    await stored_job(name="first", idempotency_key="taken")
    is_stored = False
    with suppress(TransactionManagementError):
        async with transaction():
            await stored_job(name="second")
            with suppress(IntegrityError):
                await stored_job(name="refused", idempotency_key="taken")
        is_stored = True
    assert [job.name for job in await Job.all().order_by("id")] == (["first", "second"] if is_stored else ["first"])


@pytest.mark.sqlite
async def test_what_sqlite_has_given_up_by_itself_does_not_pass_for_a_commit(database: None) -> None:
    """As it does when a disk is full."""
    await stored_job(name="first")
    with pytest.raises(TransactionManagementError, match="the database has given the transaction up"):  # noqa: PT012
        async with transaction() as writer:
            await stored_job(name="second")
            with suppress(IntegrityError):
                await writer.execute_query("INSERT OR ROLLBACK INTO job SELECT * FROM job")
    assert [job.name for job in await Job.all()] == ["first"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "locked"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the disk refuses"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "only be read"),
        (sqlite3.SQLITE_ERROR, None),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
    ],
)
def test_trouble_of_the_database_is_told_in_words_and_a_fault_of_the_statement_is_not(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str | None
) -> None:
    monkeypatch.setattr("models.database._kind", sqlite)
    cause = sqlite3.OperationalError("as SQLite says it")
    cause.sqlite_errorcode = code
    error = OperationalError(cause)
    error.__cause__ = cause
    told = trouble(error)
    assert (told is None) if words is None else (told is not None and words in told)
