"""Open, migrate and close the database; what SQLite needs done its own way is here and in `claim.py`."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException
from tortoise.migrations.api.migrate import migrate
from tortoise.transactions import in_transaction

MODELS = (
    "models.job",
    "models.attempt",
    "models.effect",
    "models.channel",
    "models.engine_record",
    "models.person",
    "models.type_policy",
)


# A write-ahead log that is cut short after each checkpoint must grow again, which makes every flush slower.
# Whoever waits for another process's lock keeps everybody of this one waiting: the ledger tries again by itself.
_PRAGMAS = {"journal_size_limit": 64 * 1024 * 1024, "wal_autocheckpoint": 4000, "busy_timeout": 1000}

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


DRIVER_ERRORS = (sqlite3.Error, BaseORMException)
"""What a query may raise; `trouble` tells which of them are the database's own fault."""


class DatabaseError(Exception):
    """The database cannot be used as was asked; the message says why and what to do."""


def configuration(url: str) -> dict[str, Any]:
    """Tortoise's configuration for a database URL, whose path is taken as it is: `#`, `?` and `%` are letters."""
    path = {"file_path": url.removeprefix("sqlite://")}
    file = {"engine": "tortoise.backends.sqlite", "credentials": path | _PRAGMAS}
    return {
        "connections": {"default": file},
        "apps": {
            "models": {
                "models": list(MODELS),
                "default_connection": "default",
                "migrations": "models.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


# what `tortoise -c models.database.TORTOISE makemigrations` reads
TORTOISE = configuration("sqlite://:memory:")


async def open_database(url: str) -> None:
    """Bring the schema up to date and connect.

    Raises:
        DatabaseError: the file cannot be read or written, is no database, or comes from a newer version.
    """
    config = configuration(url)
    try:
        if not url.startswith("sqlite://"):
            raise DatabaseError(f"the database URL must begin with sqlite://, not {url.split('://')[0]}://")
        refuse_newer(Path(url.removeprefix("sqlite://")))
        _refuse_backup(Path(url.removeprefix("sqlite://")))
        await migrate(config=config)
        await Tortoise.close_connections()
        await Tortoise.init(config=config, _enable_global_fallback=True)
        await connection().execute_query("UPDATE job SET id = id WHERE id < 0")  # it may be written
    except (sqlite3.Error, OSError, BaseORMException) as error:
        await Tortoise.close_connections()
        raise DatabaseError(f"the database {url} cannot be opened: {error}{_meaning(error)}") from error


async def close_database() -> None:
    """Close every connection; without it the process never ends (aiosqlite's thread)."""
    await Tortoise.close_connections()


def connection() -> BaseDBAsyncClient:
    """The connection for statements that have no form in the ORM."""
    return get_connection("default")


@asynccontextmanager
async def transaction() -> AsyncIterator[BaseDBAsyncClient]:
    """Everything inside is committed, or nothing; a commit that fails is rolled back before anybody else's turn.

    NOTE: never enter it in a task that somebody may cancel: cancelling the ORM's entry loses the connection's lock.
    """
    context = in_transaction("default")
    try:
        writer = await context.__aenter__()
    except Exception as error:  # the ORM has the connection's lock by now, and would keep it
        with suppress(Exception):
            await context.__aexit__(type(error), error, error.__traceback__)
        raise
    try:
        yield writer
        await writer.commit()
    except BaseException as error:
        with suppress(Exception):  # SQLite may have rolled back by itself
            await writer.rollback()
        await context.__aexit__(type(error), error, error.__traceback__)
        raise
    await context.__aexit__(None, None, None)


def trouble(error: BaseException | None) -> str | None:
    """What keeps the database from its work, in words for a person; None if the error is not of that kind."""
    while error is not None:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            return _TROUBLES.get(code & 0xFF)
        error = error.__cause__ or error.__context__
    return None


def _meaning(error: Exception) -> str:
    return f" ({told})" if (told := trouble(error)) else ""


def stored_time(moment: datetime) -> str:
    """A time as Tortoise writes it on SQLite, for statements that bind it by hand."""
    return str(moment.astimezone(UTC))


def storable(text: str) -> str:
    """The text without what a database cannot store or give back: NUL and lone surrogates, as of odd file names."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "")


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
    known = {path.stem for path in (Path(__file__).parent / "migrations").glob("[0-9]*.py")}
    with read_only(file) as reader:
        try:
            applied = {row[0] for row in reader.execute("SELECT name FROM tortoise_migrations")}
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return
    if newer := sorted(applied - known):
        raise DatabaseError(
            f"the database {file} comes from a newer version of Job Runner (it has {newer[-1]}); "
            "start that version, or restore a backup made before the upgrade"
        )


def _refuse_backup(file: Path) -> None:
    """A backup that is served instead of restored would send again what was sent since."""
    with read_only(file) as reader:
        if reader.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'backup'").fetchone():
            raise DatabaseError(f"{file} is a backup: put it in place by python main.py restore, not by copying it")
