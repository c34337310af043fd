"""Moving a SQLite database into PostgreSQL: in one transaction, so the target has everything, compared, or nothing."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg

from models import postgres
from models.approval import ApprovalRule
from models.backup import refuse_foreign, why
from models.columns import Table, tables
from models.database import close_database, open_database
from models.engine_record import EngineRecord
from models.errors import DatabaseError
from models.job_event import JobEvent
from models.restore import Engine

log = logging.getLogger(__name__)

BATCH_ROWS = 1000
BATCH_CHARACTERS = 4_000_000
PROGRESS_ROWS = 50_000
BUSY_SECONDS = 1.0

# Engines are processes of where the database was; the jobs that a dead one left are rescued by their leases. What
# happened there is nobody's news here.
_LEFT_BEHIND = {EngineRecord._meta.db_table, JobEvent._meta.db_table}
_SHIPPED = {ApprovalRule._meta.db_table}  # a new database has some; those of the source take their place


class Difference(DatabaseError):
    """A row is not the same in both databases."""


class Transfer:
    """Both databases, locked: nobody else writes to either until this is over."""

    def __init__(self, source: sqlite3.Connection, target: Any) -> None:
        self._source = source
        self._target = target
        self.tables = [table for table in tables() if table.name not in _LEFT_BEHIND]

    async def engines_of_target(self) -> list[Engine]:
        """The engines and workers that have not stopped there, the latest beat first."""
        beats = "SELECT host, pid, last_beat_at FROM engine WHERE stopped_at IS NULL ORDER BY last_beat_at DESC"
        return [Engine(*row) for row in await self._target.fetch(beats)]

    async def filled(self) -> str | None:
        """The first table of the target that holds rows, and None if it is empty."""
        for table in self.tables:
            if table.name in _SHIPPED:
                continue
            if await self._target.fetchval(f"SELECT EXISTS (SELECT FROM {table.name})"):  # noqa: S608 (a model's name)
                return table.name
        return None

    async def copy(self) -> None:
        """Copy every row with its id, and let the ids go on after the highest that was ever given.

        Raises:
            DatabaseError: PostgreSQL refuses a row.
        """
        for shipped in sorted(_SHIPPED):
            await self._target.execute(f"DELETE FROM {shipped}")  # noqa: S608 (a model's name)
        for table in self.tables:
            done = 0
            for batch in self._batches(table):
                await self._store(table, batch)
                _tell_progress("copied", table, done, done := done + len(batch))
            await self._target.execute(f"ANALYZE {table.name}")
            if table.counts:
                await self._continue_ids(table)
        await self._target.execute("DELETE FROM job_event")  # of jobs that were copied, not created

    async def compare(self) -> dict[str, int]:
        """Read every row of both; returns how many each table has.

        Raises:
            Difference: naming table, id and column.
        """
        return {table.name: await self._compare(table) for table in self.tables}

    def credentials(self) -> dict[str, str]:
        """The encrypted credentials of channels, by the channel's name."""
        stored = "SELECT name, credentials FROM channel WHERE credentials IS NOT NULL ORDER BY name"
        return dict(self._source.execute(stored).fetchall())

    def running(self) -> int:
        """How many jobs a dead engine has left."""
        return int(self._source.execute("SELECT COUNT(*) FROM job WHERE status = 'running'").fetchone()[0])

    def _batches(self, table: Table) -> Iterator[list[tuple[Any, ...]]]:
        """Converted rows in the order of their keys, few enough at a time for any memory."""
        batch, characters = [], 0
        for row in self._source.execute(f"SELECT {_list(table)} FROM {table.name} ORDER BY {table.key}"):  # noqa: S608
            batch.append(_converted(table, row))
            characters += sum(len(value) for value in row if isinstance(value, str))
            if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
        if batch:
            yield batch

    async def _store(self, table: Table, batch: list[tuple[Any, ...]]) -> None:
        try:
            await self._target.copy_records_to_table(table.name, records=batch, columns=table.columns)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, OverflowError) as error:
            where = f"of {table.name}, between {table.key} {batch[0][0]} and {batch[-1][0]},"
            raise DatabaseError(f"a row {where} does not fit into PostgreSQL: {_one_line(error)}") from error

    async def _continue_ids(self, table: Table) -> None:
        given = self._source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table.name]).fetchone()
        highest = self._source.execute(f"SELECT MAX({table.key}) FROM {table.name}").fetchone()  # noqa: S608
        last = max(given[0] if given else 0, highest[0] or 0)
        if last > 0:
            sequence = await self._target.fetchval("SELECT pg_get_serial_sequence($1, $2)", table.name, table.key)
            await self._target.execute("SELECT setval($1, $2)", sequence, last)

    async def _compare(self, table: Table) -> int:
        cursor = await self._target.cursor(f"SELECT {_list(table)} FROM {table.name} ORDER BY {table.order}")  # noqa: S608
        done = 0
        for batch in self._batches(table):
            for wanted, found in zip(batch, _filled_up(await cursor.fetch(len(batch)), len(batch)), strict=True):
                _refuse_difference(table, wanted, found)
            _tell_progress("compared", table, done, done := done + len(batch))
        if more := await cursor.fetch(1):
            raise Difference(f"{table.name} {more[0][0]} is only in the target")
        return done


@asynccontextmanager
async def both_locked(file: Path, url: str) -> AsyncIterator[Transfer]:
    """Both databases in the present version, for one transaction, which is committed at the end.

    Whoever starts on the source meanwhile is refused, and whoever starts on the target waits.

    Raises:
        DatabaseError: one of them cannot be used, or somebody else is at work on it.
    """
    await _prepare(file, url)
    try:
        with closing(_source(file)) as source:
            source.execute("BEGIN IMMEDIATE")
            target = await postgres.connect(url)
            try:
                async with target.transaction():
                    await _lock(target, url)
                    yield Transfer(source, target)
            finally:
                target.terminate()  # committed or broken off by now; a goodbye could only wait
    except sqlite3.Error as error:
        raise DatabaseError(f"the database {file} cannot be read: {why(error)}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, postgres.Unreachable, OSError) as error:
        raise _refusal(error, url) from error


def refuse_unfit(file: Path) -> None:
    """Refuse a source that is not there, or not ours, before anything is done to it.

    Raises:
        DatabaseError: naming the file.
    """
    if not file.is_file():
        raise DatabaseError(f"there is no database {file} to migrate")
    try:
        refuse_foreign(file)
    except sqlite3.Error as error:
        raise DatabaseError(f"the database {file} cannot be read: {why(error)}") from error


async def _prepare(file: Path, url: str) -> None:
    for each in (f"sqlite://{file}", url):
        await open_database(each)
        await close_database()


def _source(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)


async def _lock(target: Any, url: str) -> None:
    await target.execute("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0")
    try:
        await target.execute("SELECT pg_advisory_xact_lock($1)", postgres.MIGRATING)
        await target.execute(f"LOCK TABLE {', '.join(table.name for table in tables())} IN EXCLUSIVE MODE")
    except asyncpg.LockNotAvailableError as error:
        raise DatabaseError(f"another process is at work on {postgres.shown(url)}; stop it, then migrate") from error


def _refusal(error: Exception, url: str) -> DatabaseError:
    told = f" ({meaning})" if (meaning := postgres.trouble(error)) else ""
    return DatabaseError(
        f"the migration to {postgres.shown(url)} was broken off: {_one_line(error)}{told}; run it again"
    )


def _converted(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    try:
        return table.converted(row)
    except (ValueError, TypeError) as error:
        raise DatabaseError(f"{table.name} {row[0]} holds what cannot be read: {_one_line(error)}") from error


def _refuse_difference(table: Table, wanted: Sequence[Any], found: Sequence[Any] | None) -> None:
    if found is None or wanted[0] != found[0]:
        raise Difference(f"{table.name} {wanted[0]} is not where it should be in the target")
    if column := table.difference(wanted, found):
        raise Difference(f"{table.name} {wanted[0]} differs in {column}")


def _filled_up(rows: list[Any], length: int) -> list[Any]:
    return rows + [None] * (length - len(rows))


def _tell_progress(what: str, table: Table, before: int, now: int) -> None:
    if now // PROGRESS_ROWS > before // PROGRESS_ROWS:
        log.info("%s %s rows of %s", what, f"{now:,}", table.name)


def _list(table: Table) -> str:
    return ", ".join(f'"{column}"' for column in table.columns)


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())
