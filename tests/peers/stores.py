"""Empty stores of their own, each with its URL and what asks it, from outside of the worker, how many jobs are left."""

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg

from tests.support.postgres import PostgresServer
from tests.support.server import LOOPBACK, free_port

START_SECONDS = 10
AS_IT_COMES: tuple[str, ...] = ()
EVERY_WRITE_ON_DISK = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")

Ask = Callable[[str], int]


@dataclass(frozen=True)
class Ground:
    """Where it all takes place: an empty folder on disk, a PostgreSQL, and a program that is a Redis."""

    folder: Path
    postgres: PostgresServer
    redis: str


Store = Callable[[Ground], AbstractContextManager[tuple[str, Ask]]]
"""A context manager around a new store: its URL, and what asks it for a number."""


@contextmanager
def in_file(ground: Ground) -> Iterator[tuple[str, Ask]]:
    """A file, which SQLite makes; asked by SQL."""
    file = ground.folder / "queue.db"
    with asking_file(file) as ask:
        yield str(file), ask


@contextmanager
def asking_file(file: Path) -> Iterator[Ask]:
    """Ask a SQLite file, or change it, over one connection."""
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:

        def ask(sql: str) -> int:
            found = connection.execute(sql).fetchone()
            return int(found[0]) if found else 0

        yield ask


@contextmanager
def on_postgres(ground: Ground) -> Iterator[tuple[str, Ask]]:
    """A database on PostgreSQL, which has each commit on disk; asked by SQL over one connection."""
    name = ground.folder.name
    url = ground.postgres.create(name)
    try:
        with psycopg.connect(url, autocommit=True) as connection:

            def ask(sql: str) -> int:
                cursor = connection.execute(sql.encode())
                return int(cursor.fetchall()[0][0]) if cursor.description else 0

            yield url, ask
    finally:
        ground.postgres.drop(name)


def on_redis(options: tuple[str, ...]) -> Store:
    """A Redis with these options; asked by a command."""

    @contextmanager
    def store(ground: Ground) -> Iterator[tuple[str, Ask]]:
        with RedisServer(ground.redis, ground.folder / "redis", options) as server:
            yield server.url, server.number

    return store


class RedisServer:
    """A real Redis in a folder of its own, without a configuration file."""

    def __init__(self, program: str, folder: Path, options: Sequence[str]) -> None:
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}"
        self._folder = folder
        listening = ["--bind", LOOPBACK, "--port", str(self.port), "--dir", str(folder)]
        self._command = [program, *listening, *options]

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        for _ in range(START_SECONDS * 20):
            if self._answers():
                return self
            signal.sigtimedwait([], 0.05)
        self.__exit__()
        raise RuntimeError(f"Redis did not start:\n{(self._folder / 'log').read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def number(self, command: str) -> int:
        """What a command that answers with a whole number gives."""
        answer = self._ask(command)
        assert answer.startswith(":"), answer
        return int(answer[1:])

    def _answers(self) -> bool:
        try:
            return self._ask("PING") == "+PONG"
        except OSError:
            return False

    def _ask(self, command: str) -> str:
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.makefile().readline().strip()
