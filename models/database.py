"""Open, migrate and close the database; what SQLite needs done its own way is here and in `claim.py`."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException
from tortoise.migrations.api.migrate import migrate

MODELS = (
    "models.job",
    "models.attempt",
    "models.effect",
    "models.channel",
    "models.engine_record",
    "models.person",
)


class DatabaseError(Exception):
    """The database cannot be opened; the message says why and what to do."""


def configuration(url: str) -> dict[str, Any]:
    """Tortoise's configuration for a database URL, whose path is taken as it is: `#`, `?` and `%` are letters."""
    file = {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": url.removeprefix("sqlite://")}}
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
        _refuse_newer(Path(url.removeprefix("sqlite://")))
        await migrate(config=config)
        await Tortoise.close_connections()
        await Tortoise.init(config=config, _enable_global_fallback=True)
        await connection().execute_query("UPDATE job SET id = id WHERE id < 0")  # it may be written
    except (sqlite3.Error, OSError, BaseORMException) as error:
        await Tortoise.close_connections()
        raise DatabaseError(f"the database {url} cannot be opened: {error}") from error


async def close_database() -> None:
    """Close every connection; without it the process never ends (aiosqlite's thread)."""
    await Tortoise.close_connections()


def connection() -> BaseDBAsyncClient:
    """The connection for statements that have no form in the ORM."""
    return get_connection("default")


def stored_time(moment: datetime) -> str:
    """A time as Tortoise writes it on SQLite, for statements that bind it by hand."""
    return str(moment.astimezone(UTC))


def _refuse_newer(file: Path) -> None:
    """Refuse a database that migrations unknown here have touched: this version would damage it."""
    if not file.exists():
        sqlite3.connect(file).close()  # says at once when that cannot be; the ORM would wait for ever
        return
    known = {path.stem for path in (Path(__file__).parent / "migrations").glob("[0-9]*.py")}
    with sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True) as reader:
        try:
            applied = {row[0] for row in reader.execute("SELECT name FROM tortoise_migrations")}
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return
    reader.close()
    if newer := sorted(applied - known):
        raise DatabaseError(
            f"the database {file} comes from a newer version of Job Runner (it has {newer[-1]}); "
            "start that version, or restore a backup made before the upgrade"
        )
