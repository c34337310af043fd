"""PostgreSQL: refused in one sentence when it cannot be used, and outages that heal by themselves."""

import asyncio
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from tortoise.exceptions import OperationalError

from models import postgres
from models.database import close_database, connection, open_database, transaction, trouble
from models.errors import DatabaseError
from models.job import Job
from models.postgres import shown
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram
from tests.support.postgres import KEPT_WHEN_KILLED, PostgresServer
from tests.support.server import free_port

pytestmark = pytest.mark.postgres

PASSWORD = "geh/eim#?@:1"  # all of what means something in a URL
GUEST_PASSWORD = "geheim2"
UNREACHABLE = "the database server cannot be reached; look at its address, and whether the server runs"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of this module's own, to be killed, that asks for a password."""
    with PostgresServer(port=free_port(), password=PASSWORD, options=KEPT_WHEN_KILLED) as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    """An empty database on it."""
    yield server.create("jobs")
    server.drop("jobs")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """Open, and closed again whatever happens."""
    try:
        await open_database(url)
        yield
    finally:
        await close_database()


# -- refused -------------------------------------------------------------------------------------------------


async def refusal(url: str) -> str:
    """The one line that says why this database cannot be opened."""
    with pytest.raises(DatabaseError) as caught:
        async with asyncio.timeout(20), opened(url):
            pass
    told = str(caught.value)
    assert "\n" not in told
    for secret in (PASSWORD, quote(PASSWORD, safe=""), GUEST_PASSWORD):
        assert secret not in told
    return told


async def test_a_server_that_does_not_run_is_named_with_what_to_look_at() -> None:
    port = free_port()
    told = await refusal(f"postgres://ada:{GUEST_PASSWORD}@127.0.0.1:{port}/jobs")
    assert told.startswith(f"the database postgres://ada:…@127.0.0.1:{port}/jobs cannot be opened: ")
    assert told.endswith(f"({UNREACHABLE})")


async def test_a_host_that_nobody_knows_is_named_with_what_to_look_at() -> None:
    told = await refusal(f"postgres://ada:{GUEST_PASSWORD}@nowhere.invalid/jobs")
    assert "postgres://ada:…@nowhere.invalid/jobs" in told
    assert UNREACHABLE in told


async def test_a_server_that_never_answers_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = await refusal(f"postgres://ada:{GUEST_PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/jobs")
    assert UNREACHABLE in told


@pytest.mark.parametrize("user", ["postgres", "nobody"])
async def test_a_wrong_password_or_user_is_refused(server: PostgresServer, user: str) -> None:
    told = await refusal(f"postgres://{user}:{GUEST_PASSWORD}@{server.host}:{server.port}/postgres")
    assert "the database server refuses the user or password" in told
    assert "JOB_RUNNER_DATABASE_URL" in told


async def test_a_database_that_is_not_there_is_refused_by_name(server: PostgresServer) -> None:
    told = await refusal(server.url("missing"))
    assert f"postgres://postgres:…@{server.host}:{server.port}/missing cannot be opened" in told
    assert "there is no such database on the server; create it" in told


async def test_a_user_who_may_not_make_tables_is_told_to_own_the_database(server: PostgresServer, url: str) -> None:
    server.execute(f"CREATE ROLE guest LOGIN PASSWORD '{GUEST_PASSWORD}'")
    try:
        told = await refusal(f"postgres://guest:{GUEST_PASSWORD}@{server.host}:{server.port}/jobs")
    finally:
        server.execute("DROP ROLE guest")
    assert "the database user may not do that; make it the database's owner" in told


async def test_a_server_without_a_connection_left_is_told(server: PostgresServer, url: str) -> None:
    server.execute(f"CREATE ROLE crowd LOGIN CONNECTION LIMIT 0 PASSWORD '{GUEST_PASSWORD}'")
    try:
        told = await refusal(f"postgres://crowd:{GUEST_PASSWORD}@{server.host}:{server.port}/jobs")
    finally:
        server.execute("DROP ROLE crowd")
    assert "the database server has no connection left" in told


async def test_a_newer_database_is_refused_untouched_with_what_to_do(server: PostgresServer, url: str) -> None:
    async with opened(url):
        pass
    server.execute(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '0999_later', now())",
        database="jobs",
    )
    question = "SELECT table_name, column_name FROM information_schema.columns ORDER BY 1, 2"
    before = server.execute(question, database="jobs")
    told = await refusal(url)
    assert told == (
        f"the database postgres://postgres:…@{server.host}:{server.port}/jobs comes from a newer version of Job Runner "
        "(it has 0999_later); start that version, or restore a dump made before the upgrade"
    )
    assert server.execute(question, database="jobs") == before


async def test_a_server_that_is_too_old_is_refused_with_both_versions(
    url: str, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OLDEST_SERVER", 99)
    told = await refusal(url)
    assert told.startswith(f"PostgreSQL 99 or newer is needed, and {shown(url)} is version ")
    assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database="jobs") == "0"


@pytest.mark.parametrize(
    "malformed",
    [
        f"postgres://ada:{GUEST_PASSWORD}@localhost:port/jobs",
        f"postgres://ada:{GUEST_PASSWORD}@localhost:99999/jobs",
        f"postgres://ada:{GUEST_PASSWORD}@[::1/jobs",
        f"postgres://ada:{GUEST_PASSWORD}@localhost/jobs?sslmode=perhaps",
        f"postgres://localhost:1/jobs?user=ada&password={GUEST_PASSWORD}&port=x",
    ],
)
async def test_a_url_that_makes_no_sense_is_refused(malformed: str) -> None:
    assert "cannot be opened: " in await refusal(malformed)


async def test_a_server_that_speaks_in_clear_is_refused_where_encryption_is_asked_for(url: str) -> None:
    assert "SSL" in await refusal(f"{url}?sslmode=require")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgres://ada:geheim@db.example:5432/jobs", "postgres://ada:…@db.example:5432/jobs"),
        ("postgresql://ada:geheim@db/jobs?sslmode=require", "postgresql://ada:…@db/jobs"),
        ("postgres://ada:ada@ada/ada", "postgres://ada:…@ada/ada"),
        ("postgres://ada@db/jobs?password=geheim", "postgres://ada@db/jobs"),
        ("postgres://ada:a%40b%2Fc@db/jobs", "postgres://ada:…@db/jobs"),
        ("postgres://ada:a:b@db/jobs", "postgres://ada:…@db/jobs"),
        ("postgres:///jobs?host=/run/postgresql", "postgres:///jobs"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, told: str) -> None:
    assert shown(url) == told


# -- at the start --------------------------------------------------------------------------------------------

OPEN = """
import asyncio, sys
from models.database import close_database, open_database

async def main():
    await open_database(sys.argv[1])
    await close_database()

asyncio.run(main())
"""


async def test_processes_that_start_at_the_same_time_on_an_empty_database_all_succeed(
    server: PostgresServer, url: str
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN, url, stderr=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    said = [(await process.communicate())[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert server.execute("SELECT count(*) - count(DISTINCT name) FROM tortoise_migrations", database="jobs") == "0"


async def test_opening_again_keeps_the_jobs(url: str) -> None:
    async with opened(url):
        job = await stored_job(name="Kept")
    async with opened(url):
        assert (await Job.get(id=job.id)).name == "Kept"


# -- outages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["killed", "stopped"])
async def test_a_server_that_was_away_is_used_again_without_anybody_doing_anything(
    server: PostgresServer, url: str, how: signal.Signals
) -> None:
    async with opened(url):
        job = await stored_job(name="Before")
        await asyncio.gather(*(Job.all().count() for _ in range(20)))  # every connection has been used
        await asyncio.to_thread(server.stop, how)
        try:
            for _ in range(3):
                assert await told_in_time(Job.all().count) is not None
                assert await told_in_time(_store_in_a_transaction) is not None
        finally:
            await asyncio.to_thread(server.start)
        assert (await Job.get(id=job.id)).name == "Before"
        await _store_in_a_transaction()
        assert await Job.all().count() == 2
        assert await asyncio.gather(*(Job.all().count() for _ in range(20))) == [2] * 20


async def told_in_time(query: Callable[[], Any]) -> str | None:
    """What a person reads of a query that fails, within seconds, because of the outage."""
    async with asyncio.timeout(5):
        return trouble(await failure(query))


async def failure(work: Callable[[], Any]) -> Exception:
    """What the work raises."""
    try:
        await work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


async def _store_in_a_transaction() -> None:
    async with transaction():
        await stored_job(name="After")


async def test_connections_that_the_server_ended_are_replaced(database: None, other_program: OtherProgram) -> None:
    await asyncio.gather(*(Job.all().count() for _ in range(20)))
    await other_program.run(END_THE_OTHERS)
    assert await asyncio.gather(*(Job.all().count() for _ in range(20))) == [0] * 20


ENDING_MS = 30_000  # a backend that is told to end does so a moment later
END_THE_OTHERS = (
    f"SELECT pg_terminate_backend(pid, {ENDING_MS}) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND application_name = 'job-runner'"
)

# -- transactions --------------------------------------------------------------------------------------------


async def test_a_transaction_that_cannot_be_committed_stores_nothing_and_keeps_no_lock(
    database: None, other_program: OtherProgram
) -> None:
    later = "INT REFERENCES pair DEFERRABLE INITIALLY DEFERRED"  # looked at by the commit
    await other_program.run(f"CREATE TABLE pair (id INT PRIMARY KEY, of_id {later})")
    job = await stored_job(name="Before")

    async def refused() -> None:
        async with transaction() as writer:
            await Job.filter(id=job.id).update(name="Never")
            await writer.execute_query("INSERT INTO pair (id, of_id) VALUES (1, 2)")

    assert "violates foreign key constraint" in str(await failure(refused))
    await nothing_is_held(job, other_program)


@pytest.mark.parametrize("goes_on", [True, False], ids=["in the middle", "before its commit"])
async def test_a_transaction_whose_connection_ends_is_in_trouble_stores_nothing_and_keeps_no_lock(
    database: None, other_program: OtherProgram, goes_on: bool
) -> None:
    job = await stored_job(name="Before")

    async def cut() -> None:
        async with transaction():
            await Job.filter(id=job.id).update(name="Never")
            await other_program.run(END_THE_OTHERS)
            if goes_on:
                await Job.filter(id=job.id).update(name="Never, too")

    error = await failure(cut)
    assert trouble(error), repr(error)
    await nothing_is_held(job, other_program)


async def test_a_transaction_that_stands_still_is_ended_by_the_server(
    monkeypatch: pytest.MonkeyPatch, database_url: str, other_program: OtherProgram
) -> None:
    """A machine that is cut off, or a process that is stopped, keeps its rows from nobody for long."""
    with monkeypatch.context() as patch:
        patch.setitem(postgres._SERVER_SETTINGS, "idle_in_transaction_session_timeout", "50ms")
        async with opened(database_url):
            job = await stored_job(name="Before")

            async def still() -> None:
                async with transaction():
                    await Job.filter(id=job.id).update(name="Never")
                    while await other_program.run(IN_A_TRANSACTION):
                        pass
                    await Job.filter(id=job.id).update(name="Never, too")

            error = await failure(still)
            assert trouble(error), repr(error)
    async with opened(database_url):
        await nothing_is_held(job, other_program)


IN_A_TRANSACTION = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
)


async def nothing_is_held(job: Job, other_program: OtherProgram) -> None:
    """The job is as it was, another program and this one can change it at once."""
    async with asyncio.timeout(10):
        assert (await Job.get(id=job.id)).name == "Before"
        await other_program.run(f"UPDATE job SET name = 'By another' WHERE id = {job.id}")
        async with transaction():
            await Job.filter(id=job.id).update(name="After")
        assert (await Job.get(id=job.id)).name == "After"
        assert await other_program.run(IN_A_TRANSACTION) == []


# -- cancelled tasks -----------------------------------------------------------------------------------------


async def _read() -> None:
    await Job.filter(name="A job").order_by("id").limit(5)


async def _read_much() -> None:
    await connection().execute_query("SELECT pg_sleep(0.01), n FROM generate_series(1, 1000) AS n LIMIT 1")


async def _write() -> None:
    await stored_job()


@pytest.mark.parametrize("work", [_read, _read_much, _write, _store_in_a_transaction])
async def test_tasks_that_are_cancelled_at_any_moment_leave_every_connection_in_order(
    database: None, other_program: OtherProgram, work: Callable[[], Any]
) -> None:
    chance = random.Random(1)
    for _ in range(10):
        tasks = [asyncio.create_task(work()) for _ in range(20)]
        for task in chance.sample(tasks, len(tasks)):
            await asyncio.wait({task}, timeout=chance.random() * 0.004)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(9):  # what is held is waited for ten seconds, or for ever
        await asyncio.gather(*(Job.all().count() for _ in range(20)))
        async with transaction():
            await stored_job()
        while await other_program.run(IN_A_TRANSACTION):
            pass


# -- what a person reads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (asyncpg.DiskFullError, "disk of the database server is full"),
        (asyncpg.OutOfMemoryError, "not enough memory"),
        (asyncpg.TooManyConnectionsError, "no connection left"),
        (asyncpg.LockNotAvailableError, "keeps a row locked"),
        (asyncpg.DeadlockDetectedError, "tried again"),
        (asyncpg.ReadOnlySQLTransactionError, "only be read"),
        (asyncpg.InsufficientPrivilegeError, "may not do that"),
        (asyncpg.InvalidPasswordError, "refuses the user or password"),
        (asyncpg.AdminShutdownError, "stopping, starting"),
        (asyncpg.CannotConnectNowError, "stopping, starting"),
        (asyncpg.PostgresIOError, "refuses to store or give back"),
        (asyncpg.DataCorruptedError, "damaged"),
        (asyncpg.ConnectionDoesNotExistError, "cannot be reached"),
        (asyncpg.UniqueViolationError, None),
        (asyncpg.UndefinedTableError, None),
        (asyncpg.PostgresSyntaxError, None),
    ],
)
def test_trouble_of_the_database_is_told_in_words_and_a_fault_of_the_statement_is_not(
    monkeypatch: pytest.MonkeyPatch, cause: type[Exception], words: str | None
) -> None:
    monkeypatch.setattr("models.database._kind", postgres)
    error = OperationalError("as PostgreSQL says it")
    error.__cause__ = cause("as PostgreSQL says it")
    told = trouble(error)
    assert (told is None) if words is None else (told is not None and words in told)
