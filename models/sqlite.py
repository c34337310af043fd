"""What SQLite needs done its own way."""

import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiosqlite
from tortoise.backends.base.client import TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.exceptions import TransactionManagementError

from models.errors import DatabaseError
from models.migrations import KNOWN
from models.statement import SQLITE

NAME = SQLITE
SCHEME = "sqlite://"
CONNECT_ERRORS = (OSError,)

# A write-ahead log that is cut short after each checkpoint must grow again, which makes every flush slower.
# Whoever waits for another process's lock keeps everybody of this one waiting: the ledger tries again by itself.
_PRAGMAS = {
    "journal_size_limit": 64 * 1024 * 1024,
    "wal_autocheckpoint": 4000,
    "busy_timeout": 1000,
    "cache_size": -16000,
}

_DAMAGED = "the database file is damaged; stop, and restore a backup: python main.py restore FILE"
_TROUBLES = {  # SQLite's result codes (sqlite.org/rescode.html), and what they mean to a person
    sqlite3.SQLITE_BUSY: "another program keeps the database locked; end it",
    sqlite3.SQLITE_LOCKED: "another program keeps the database locked; end it",
    sqlite3.SQLITE_NOMEM: "there is not enough memory for the database",
    sqlite3.SQLITE_READONLY: "the database may only be read; make its file and folder writable",
    sqlite3.SQLITE_IOERR: "the disk refuses to store or give back data; look whether it is full or failing",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full, so nothing can be stored; free some space",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened; look whether its folder is there and writable",
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


_READS = re.compile(r"\s*(SELECT\b|WITH\b(?!.*\b(INSERT|UPDATE|DELETE|REPLACE)\b))", re.IGNORECASE | re.DOTALL)


class _Client(SqliteClient):
    """Reads by a connection of their own, so that nobody who reads waits for a transaction, or for another's lock.

    Inside a transaction everything is done by that of the transaction, which alone sees what it has written.
    """

    _reader: aiosqlite.Connection | None = None

    async def create_connection(self, with_db: bool) -> None:
        await super().create_connection(with_db)
        if not self._reader:
            reader = await aiosqlite.connect(self.filename, isolation_level=None)
            reader.row_factory = sqlite3.Row
            for name in ("busy_timeout", "cache_size"):
                await reader.execute(f"PRAGMA {name} = {_PRAGMAS[name]}")
            await reader.execute("PRAGMA query_only = ON")
            self._reader = reader

    async def close(self) -> None:
        if self._reader:
            await self._reader.close()
            self._reader = None
        await super().close()

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        if not _READS.match(query):
            written: tuple[int, Sequence[Any]] = await super().execute_query(query, values)
            return written
        rows = await self._read(query, values)
        return len(rows), rows

    @translate_exceptions
    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        if not _READS.match(query):
            written: list[dict[str, Any]] = await super().execute_query_dict(query, values)
            return written
        return [dict(row) for row in await self._read(query, values)]

    async def _read(self, query: str, values: list[Any] | None) -> list[Any]:
        if not self._reader:
            async with self.acquire_connection():  # which opens both
                pass
        reader: Any = self._reader
        return list(await reader.execute_fetchall(query.replace("\x00", "'||CHAR(0)||'"), values))

    def _in_transaction(self) -> TransactionContext:
        return _Context(_Transaction(self), self._lock)


class _Transaction(SqliteTransactionWrapper):
    """Some faults, as a full disk, have SQLite roll back by itself: there is nothing to commit then."""

    _had_script = False

    async def execute_script(self, query: str) -> None:
        self._had_script = True  # which commits first, as migrations have it
        await super().execute_script(query)

    async def commit(self) -> None:
        if not self._connection.in_transaction and not self._had_script:
            raise TransactionManagementError("the database has given the transaction up")
        await super().commit()


class _Context(SqliteTransactionContext):
    """Keeps no lock when it cannot begin, as the ORM's own does."""

    async def __aenter__(self) -> Any:
        try:
            return await super().__aenter__()
        except Exception as error:
            with suppress(Exception):
                await super().__aexit__(type(error), error, error.__traceback__)
            raise


client_class = _Client  # what Tortoise looks for in the module of a connection's engine


def connection_settings(url: str) -> dict[str, Any]:
    """Tortoise's settings for a connection; the path is taken as it is: `#`, `?` and `%` are letters."""
    return {"engine": "models.sqlite", "credentials": {"file_path": url.removeprefix(SCHEME)} | _PRAGMAS}


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[None]:
    """What has to hold before the schema is brought up to date.

    Raises:
        DatabaseError: the file comes from a newer version, or is a backup.
    """
    file = Path(url.removeprefix(SCHEME))
    refuse_newer(file)
    _refuse_backup(file)
    yield


def trouble(error: BaseException) -> str | None:
    """What keeps the database from its work, in words for a person; None if the error is not of that kind."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _TROUBLES.get(code & 0xFF)


def read_only(file: Path) -> closing[sqlite3.Connection]:
    """A connection that cannot write, to be used in `with`, which closes it."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None))


def refuse_newer(file: Path) -> None:
    """Refuse a database that migrations unknown here have touched: this version would damage it.

    Raises:
        DatabaseError: naming the newest of them, and what to do.
    """
    if not file.exists():
        sqlite3.connect(file).close()  # says at once when that cannot be; the ORM would wait for ever
        return
    with read_only(file) as reader:
        try:
            applied = {row[0] for row in reader.execute("SELECT name FROM tortoise_migrations")}
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return
    if newer := sorted(applied - KNOWN):
        raise DatabaseError(
            f"the database {file} comes from a newer version of Job Runner (it has {newer[-1]}); "
            "start that version, or restore a backup made before the upgrade"
        )


def _refuse_backup(file: Path) -> None:
    """A backup that is served instead of restored would send again what was sent since."""
    with read_only(file) as reader:
        if reader.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'backup'").fetchone():
            raise DatabaseError(f"{file} is a backup: put it in place by python main.py restore, not by copying it")


def shown(url: str) -> str:
    """The URL as a person may see it."""
    return url
