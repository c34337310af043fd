"""Another program at the same database, with which Job Runner has to get on."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg

from models.statement import POSTGRES, SQLITE

LOCKED = {
    SQLITE: "another program keeps the database locked; end it",
    POSTGRES: "another process keeps a row locked; it is tried again",
}
"""What a person reads while it does not let go."""


class OtherProgram:
    """It speaks to the database itself, past Job Runner."""

    def __init__(self, url: str) -> None:
        self.kind = SQLITE if url.startswith("sqlite://") else POSTGRES
        self._url = url

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that a statement gives."""
        if self.kind == SQLITE:
            with closing(self._on_file()) as other:
                return [tuple(row) for row in other.execute(statement).fetchall()]
        server = await asyncpg.connect(self._url)
        try:
            return [tuple(row) for row in await server.fetch(statement)]
        finally:
            await server.close()

    @asynccontextmanager
    async def keeping_it_locked(self) -> AsyncIterator[None]:
        """Nobody else can read or write jobs meanwhile; on SQLite, nobody can write anything."""
        if self.kind == SQLITE:
            with closing(self._on_file()) as other:
                other.execute("BEGIN EXCLUSIVE")
                yield
                other.execute("ROLLBACK")
            return
        server = await asyncpg.connect(self._url)
        try:
            async with server.transaction():
                await server.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await server.close()

    def no_table(self, name: str) -> str:
        """What the database says to a statement about a table that is not there."""
        return f"no such table: {name}" if self.kind == SQLITE else f'relation "{name}" does not exist'

    def _on_file(self) -> sqlite3.Connection:
        return sqlite3.connect(self._url.removeprefix("sqlite://"), isolation_level=None)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives to another program, while Job Runner is at work in a process of its own."""
    with connected(url) as other:
        cursor = other.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def everything_stored(url: str) -> str:
    """What is in SQLite's files, or every row of every table as text."""
    if url.startswith("sqlite://"):
        file = Path(url.removeprefix("sqlite://"))
        return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*")).decode("latin-1")
    tables = ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return str([ask(url, f'SELECT t::text FROM "{name}" AS t') for (name,) in tables])


@contextmanager
def keeping_all_from_writing(url: str) -> Iterator[None]:
    """Nobody can change a job or say that an engine is alive; reading goes on."""
    with connected(url) as other:
        if url.startswith("sqlite://"):
            other.execute("BEGIN IMMEDIATE")
        else:
            other.execute("BEGIN")
            other.execute("LOCK TABLE job, engine IN EXCLUSIVE MODE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection on which every statement is committed by itself; both drivers' `execute` gives a cursor."""
    if url.startswith("sqlite://"):
        file = url.removeprefix("sqlite://")
        other: Any = sqlite3.connect(file, timeout=10, isolation_level=None)
    else:
        other = psycopg.connect(url, autocommit=True)
    with closing(other):
        yield other
