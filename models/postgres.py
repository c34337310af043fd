"""What PostgreSQL needs done its own way."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from tortoise.exceptions import BaseORMException, OperationalError, TransactionManagementError

from models.dump import note_origin
from models.errors import DatabaseError
from models.message import install
from models.migrations import KNOWN
from models.statement import POSTGRES

NAME = POSTGRES
SCHEMES = ("postgres://", "postgresql://")
CONNECT_ERRORS = (ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)
OLDEST_SERVER = 14
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
CONNECTIONS = 10
MIGRATING = 0x4A6F6252  # "JobR": the advisory lock that only one process migrating at a time can hold

# A client that is cut off, or stopped, in a transaction must not keep its rows from everybody else.
_SERVER_SETTINGS = {
    "application_name": "job-runner",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}

_ASK = "look at its address, and whether the server runs"
_TROUBLES = {  # SQLSTATE, whole or its class (postgresql.org/docs/current/errcodes-appendix.html)
    "08": f"the database server cannot be reached; {_ASK}",
    "25006": "the database may only be read; connect to the primary server",
    "25P03": "the database server ended a transaction that had stood still for too long",
    "28": "the database server refuses the user or password; set the right ones in JOB_RUNNER_DATABASE_URL",
    "3D000": "there is no such database on the server; create it, or name another in JOB_RUNNER_DATABASE_URL",
    "40": "another process held what this one needed, and it is tried again",
    "42501": "the database user may not do that; make it the database's owner",
    "53100": "the disk of the database server is full, so nothing can be stored; free some space",
    "53200": "there is not enough memory for the database server",
    "53300": "the database server has no connection left; raise its max_connections, or end other programs",
    "55P03": "another process keeps a row locked; it is tried again",
    "57": "the database server is stopping, starting or ended the query; it is tried again",
    "58": "the disk of the database server refuses to store or give back data",
    "XX": "the database is damaged; stop, and restore a backup of it",
}


class Unreachable(OperationalError):
    """The server did not answer, or the line to it broke."""


class _Client(AsyncpgDBClient):
    """Tortoise's client with a whole DSN, and with every error of the driver as one of the ORM's."""

    def __init__(self, dsn: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._dsn = dsn

    async def create_pool(self, **_: Any) -> Any:
        """As many connections as are needed, up to a few; none is kept for its own sake while the server is away."""
        connecting: Any = connect  # whose line is watched
        return await asyncpg.create_pool(
            self._dsn, min_size=0, max_size=CONNECTIONS, connect=connecting, command_timeout=COMMAND_SECONDS
        )

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with_orm = super()._translate_exceptions
        return await _translated(lambda: with_orm(func, *args, **kwargs))

    def _in_transaction(self) -> TransactionContext:
        return _Context(_Transaction(self), self._pool_init_lock)


class _Transaction(TransactionWrapper):
    """After a fault of a statement, the server takes a commit for a rollback, and says nothing."""

    _had_fault = False

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with_orm = super()._translate_exceptions
        try:
            return await _translated(lambda: with_orm(func, *args, **kwargs))
        except BaseException:
            self._had_fault = True
            raise

    async def commit(self) -> None:
        if self._had_fault:
            await self.execute_query("SELECT 1")  # which the server refuses, unless the fault was a part's
        await _translated(super().commit)


class _Context(TransactionContextPooled):
    """Gives its connection back however it is left.

    The ORM's own keeps the connection of an entry that fails or is cancelled, and stays the task's current one when
    giving back fails.
    """

    async def __aenter__(self) -> Any:
        await _translated(self.ensure_connection)
        self.client._connection = await _translated(self.client._parent._pool.acquire)
        try:
            await self.client.begin()
        except BaseException:
            with suppress(Exception):
                await self._give_back()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        get_connections().reset(self.token)
        try:
            if kind is None and not self.client._finalized:
                await self.client.commit()
            elif kind is not TransactionManagementError and not self.client._finalized:
                await self.client.rollback()
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        if pool := self.client._parent._pool:
            await pool.release(self.client._connection)


client_class = _Client  # what Tortoise looks for in the module of a connection's engine


async def _translated(call: Callable[[], Any]) -> Any:
    try:
        return await call()
    except BaseORMException:
        raise
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    except asyncpg.PostgresError as error:
        raise OperationalError(error) from error


def connection_settings(url: str) -> dict[str, Any]:
    """Tortoise's settings for a pool of connections."""
    return {"engine": "models.postgres", "credentials": {"dsn": url}}


async def connect(dsn: str | None, **settings: Any) -> Any:
    """A connection whose both ends notice within seconds that the line is cut."""
    server_settings = {**_SERVER_SETTINGS, **(settings.pop("server_settings", None) or {})}
    settings.setdefault("timeout", CONNECT_SECONDS)
    try:
        connection = await asyncpg.connect(dsn, server_settings=server_settings, **settings)
    except (OSError, TimeoutError) as error:
        raise Unreachable(str(error) or "no answer") from error
    _notice_cut(connection)
    return connection


def _notice_cut(connection: Any) -> None:
    line = connection._transport.get_extra_info("socket")  # asyncpg has no public way to it
    if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    options = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if hasattr(socket, name):  # some systems lack some
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[None]:
    """Nobody else brings the schema up to date meanwhile.

    Raises:
        DatabaseError: the server is too old, or the schema comes from a newer version.
    """
    guard = await connect(url)
    try:
        if guard.get_server_version().major < OLDEST_SERVER:
            told = ".".join(map(str, guard.get_server_version()[:2]))
            raise DatabaseError(f"PostgreSQL {OLDEST_SERVER} or newer is needed, and {shown(url)} is version {told}")
        await guard.execute("SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        await guard.execute("SELECT pg_advisory_lock($1)", MIGRATING)
        await _refuse_newer(guard, url)
        yield
        await install(guard)
        await note_origin(guard)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(CONNECT_SECONDS):
                await guard.close()


async def _refuse_newer(guard: Any, url: str) -> None:
    if not await guard.fetchval("SELECT to_regclass('tortoise_migrations')"):
        return
    applied = {row["name"] for row in await guard.fetch("SELECT name FROM tortoise_migrations")}
    if newer := sorted(applied - KNOWN):
        raise DatabaseError(
            f"the database {shown(url)} comes from a newer version of Job Runner (it has {newer[-1]}); "
            "start that version, or restore a dump made before the upgrade"
        )


def trouble(error: BaseException) -> str | None:
    """What keeps the database from its work, in words for a person; None if the error is not of that kind."""
    if isinstance(error, Unreachable):
        return _TROUBLES["08"]
    state = getattr(error, "sqlstate", None) or ""
    return _TROUBLES.get(state) or _TROUBLES.get(state[:2])


def shown(url: str) -> str:
    """The URL as a person may see it, without the password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.split('://')[0]}://…"
    if parts.password is None:
        return url.split("?")[0]
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@", 1), query="").geturl()
