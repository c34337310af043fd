"""Open, migrate and close the database; what each kind needs done its own way is in a module of its own."""

import importlib
import json
import math
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from types import ModuleType
from typing import Any

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import BaseORMException, TransactionManagementError
from tortoise.migrations.api.migrate import migrate
from tortoise.transactions import in_transaction

from models import sqlite
from models.errors import DatabaseError
from models.statement import stored_time

MODELS = (
    "models.job",
    "models.attempt",
    "models.effect",
    "models.channel",
    "models.engine_record",
    "models.person",
    "models.token",
    "models.audit",
    "models.type_policy",
    "models.job_event",
    "models.webhook",
    "models.defined_type",
    "models.agent",
    "models.stored_secret",
    "models.artifact",
    "models.approval",
    "models.article",
    "models.workflow",
    "models.operation",
    "models.saved_view",
    "models.dependency",
    "models.schedule",
    "models.usage",
    "models.budget",
    "models.rate_limit",
    "models.trace",
)

DRIVER_ERRORS = (sqlite3.Error, BaseORMException)
"""What a query may raise; `trouble` tells which of them are the database's own fault."""

_kind: ModuleType = sqlite


def configuration(url: str) -> dict[str, Any]:
    """Tortoise's configuration for a database URL; the ORM keeps SQL by connection name, so each kind has its own."""
    kind = _kind_of(url)
    return {
        "connections": {kind.NAME: kind.connection_settings(url)},
        "apps": {
            "models": {
                "models": list(MODELS),
                "default_connection": kind.NAME,
                "migrations": "models.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def _kind_of(url: str) -> ModuleType:
    if url.startswith(sqlite.SCHEME):
        return sqlite
    if url.startswith(("postgres://", "postgresql://")):
        return importlib.import_module("models.postgres")  # its driver is loaded only where it is used
    scheme = url.split("://")[0]
    raise DatabaseError(f"the database URL must begin with sqlite:// or postgres://, not {scheme}://")


# what `tortoise -c models.database.TORTOISE makemigrations` reads
TORTOISE = configuration("sqlite://:memory:")


async def open_database(url: str) -> None:
    """Bring the schema up to date and connect.

    Raises:
        DatabaseError: it cannot be reached, read or written, is no database, or comes from a newer version.
    """
    global _kind
    _kind = _kind_of(url)
    config = configuration(url)
    try:
        async with _kind.migrating(url):
            await migrate(config=config)
        await Tortoise.close_connections()
        await Tortoise.init(config=config, _enable_global_fallback=True)
        await connection().execute_query("UPDATE job SET id = id WHERE id < 0")  # it may be written
    except DatabaseError:
        await Tortoise.close_connections()
        raise
    except (*DRIVER_ERRORS, *_kind.CONNECT_ERRORS) as error:
        await Tortoise.close_connections()
        raise DatabaseError(f"the database {_kind.shown(url)} cannot be opened: {error}{_meaning(error)}") from error


async def close_database() -> None:
    """Close every connection; without it the process never ends (aiosqlite's thread)."""
    await Tortoise.close_connections()


def connection() -> BaseDBAsyncClient:
    """The connection for statements that have no form in the ORM."""
    return get_connection(_kind.NAME)


@asynccontextmanager
async def transaction() -> AsyncIterator[BaseDBAsyncClient]:
    """Everything inside is committed, or nothing; a commit that fails is rolled back before anybody else's turn.

    Inside another one it is a part of that: nothing is committed before its end, and what it raises takes back its
    own writes alone. So it is in a task that was begun inside, until the end: from then on that stands for itself.

    NOTE: never enter it in a task that somebody may cancel: on SQLite a cancelled entry keeps the connection's lock.
    Parts of one transaction come one after the other, never side by side.
    """
    outer = connection()
    if isinstance(outer, TransactionalDBClient):
        async with in_transaction(_kind.NAME) as part:
            yield part
        return
    context = in_transaction(_kind.NAME)
    writer = await context.__aenter__()
    inherited = get_connections()._get_storage()  # by every task that is begun inside
    try:
        try:
            yield writer
        finally:
            inherited[_kind.NAME] = outer
        await writer.commit()
    except BaseException:
        with suppress(Exception):  # the database may have rolled back by itself, or be gone
            await writer.rollback()
        with suppress(Exception):  # a broken connection cannot be given back, and is closed
            await context.__aexit__(TransactionManagementError, None, None)  # which rolls back no second time
        raise
    await context.__aexit__(None, None, None)


def trouble(error: BaseException | None) -> str | None:
    """What keeps the database from its work, in words for a person; None if the error is not of that kind."""
    while error is not None:
        if told := _kind.trouble(error):
            return str(told)
        error = error.__cause__ or error.__context__
    return None


def _meaning(error: Exception) -> str:
    return f" ({told})" if (told := trouble(error)) else ""


def storable(text: str) -> str:
    """The text without what a database cannot store or give back: NUL and lone surrogates, as of odd file names."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "")


def stored_json(value: Any) -> str:
    """The value as text that both databases take for JSON: times as they are stored, texts made storable.

    Raises:
        ValueError: it contains itself.
    """
    text = _dumped(value)
    if "\\u0000" in text or "\\ud" in text or "NaN" in text or "Infinity" in text:
        return _dumped(_storable(value))
    return text


def loaded_json(value: Any) -> Any:
    """A JSON column's value as it came from a statement by hand."""
    return json.loads(value) if isinstance(value, str | bytes) else value


def _dumped(value: Any) -> str:
    return json.dumps(value, default=lambda odd: stored_time(odd) if isinstance(odd, datetime) else str(odd))


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {storable(str(key)): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value
