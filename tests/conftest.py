"""What many tests need: settings for a folder of their own, and its database."""

import asyncio
import math
import os
import shutil
import uuid
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engine import audit
from engine.settings import PREFIX, Settings
from models import postgres as postgres_kind
from models import sqlite
from models.database import close_database, open_database
from models.statement import POSTGRES, SQLITE
from tests.servers.s3 import S3Server
from tests.support.engine import changed, opened, settings_in
from tests.support.other_program import OtherProgram
from tests.support.passwords import hash_cheaply
from tests.support.postgres import SETTING, Postgres, PostgresServer
from tests.support.server import JobRunner, WorkerProcess, free_port

KINDS = [SQLITE, POSTGRES]
SHORT_ONES = 1000.0  # the place after which only short files come

T = TypeVar("T")


@pytest.fixture(scope="session", autouse=True)
def _audit_is_awaited() -> None:
    """What is told to the audit log is stored before it is looked for, however busy the machine is."""
    audit.PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """Whoever runs the tests may have set something; no test shall see it."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def pytest_configure() -> None:
    """Here, who is started inherits what it would import; benchmarks start everything anew."""
    JobRunner.by_fork = WorkerProcess.by_fork = True
    hash_cheaply()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, and what mostly waits beside what keeps the cores busy: none is left over at the end."""
    places: dict[Path, float] = {}
    for folder, first, step in (("browser", 0, 1), ("chaos", 0.5, 2)):
        files = dict.fromkeys(item.path for item in items if folder in item.path.parts)
        places |= {file: first + number * step for number, file in enumerate(files)}
    own = dict.fromkeys(item.path for item in items if item.path.parent == Path(__file__).parent)
    places |= {file: SHORT_ONES + number for number, file in enumerate(own)}
    items.sort(key=lambda item: places.get(item.path, math.inf))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever touches a database is run on each of the kinds that are meant for it."""
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", _kinds_of(metafunc.definition), indirect=True, scope="session")


def _kinds_of(test: pytest.Function) -> list[str]:
    """What is about SQL is run on each kind, the rest on one: now this, now that, and always the same for a test."""
    if own := [kind for kind in KINDS if test.get_closest_marker(kind)]:
        return own
    folder = test.path.relative_to(Path(__file__).parent).parts[0]
    is_long = folder == "chaos" and os.environ.get("CHAOS") == "long"
    if is_long or folder == "models" or test.get_closest_marker("each") or "EVERY_KIND" in os.environ:
        return KINDS
    if test.get_closest_marker("either"):
        return [SQLITE]
    return [KINDS[zlib.crc32(test.nodeid.encode()) % len(KINDS)]]


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database, `sqlite` or `postgres`."""
    return str(request.param)


class Shelf:
    """What is made once, and kept though the kind of database changes from test to test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[tuple[str, ...], Any] = {}

    def get(self, make: Callable[..., AbstractContextManager[T]], *arguments: Any) -> T:
        """What this makes of these arguments, of which the first tells one from another."""
        key = (make.__name__, str(arguments[:1]))
        if key not in self._made:
            self._made[key] = self._stack.enter_context(make(*arguments))
        made: T = self._made[key]
        return made


@pytest.fixture(scope="session")
def shelf() -> Iterator[Shelf]:
    """Emptied at the end, the last thing first."""
    with ExitStack() as stack:
        yield Shelf(stack)


@pytest.fixture(scope="session")
def postgres(shelf: Shelf) -> Postgres:
    """The PostgreSQL server on which tests make their databases."""
    return shelf.get(_a_server)


@contextmanager
def _a_server() -> Iterator[Postgres]:
    if url := os.environ.get(SETTING):
        yield Postgres(url)
        return
    with PostgresServer(port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def empty_database(kind: str, shelf: Shelf, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database with every table: a copy takes a tenth of the time that making one takes."""
    return shelf.get(_an_empty_database, kind, request)


@contextmanager
def _an_empty_database(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    folder = request.getfixturevalue("tmp_path_factory").mktemp("empty")
    with new_database(kind, request) as url:
        url = url or f"sqlite://{folder / 'empty.db'}"
        with ThreadPoolExecutor(1) as aside:  # in a browser test, this thread has a running event loop
            aside.submit(asyncio.run, _make(url)).result()
        yield url


@pytest.fixture
def new_copy(
    kind: str, empty_database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[], AbstractContextManager[str]]:
    """Makes a database for this test, empty, with every table; another one takes the place of the one before."""

    @contextmanager
    def copied() -> Iterator[str]:
        if kind == SQLITE:
            file = tmp_path / "data" / "job-runner.db"
            shutil.rmtree(file.parent, ignore_errors=True)
            file.parent.mkdir()
            shutil.copy(empty_database.removeprefix("sqlite://"), file)
            yield f"sqlite://{file}"
            return
        server, name = request.getfixturevalue("postgres"), f"test_{uuid.uuid4().hex}"
        yield server.create(name, template=empty_database.rpartition("/")[2])
        server.drop(name)

    return copied


@pytest.fixture
def database_url(new_copy: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The test's own database, empty, with every table."""
    with new_copy() as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Quick ones, with the data in the test's own folder."""
    return settings_in(tmp_path / "data", database_url=database_url)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[None]:
    """The database of `settings`, open and empty, with no engine at work on it."""
    async with opened(settings):
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is opened from now on waits 20 ms for a lock."""
    monkeypatch.setitem(sqlite._PRAGMAS, "busy_timeout", 20)
    monkeypatch.setitem(postgres_kind._SERVER_SETTINGS, "lock_timeout", "20ms")


@pytest.fixture
def other_program(settings: Settings) -> OtherProgram:
    """Another program at the database of `settings`."""
    return OtherProgram(settings.database)


async def _make(url: str) -> None:
    await open_database(url)
    await close_database()


@pytest.fixture(scope="session")
def runner(kind: str, shelf: Shelf, request: pytest.FixtureRequest) -> JobRunner:
    """One real Job Runner on loopback for all tests that ask it and leave it as it is."""
    return shelf.get(_a_runner, kind, request)


@contextmanager
def _a_runner(kind: str, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    folder = request.getfixturevalue("tmp_path_factory").mktemp("runner") / "data"
    with new_database(kind, request, folder) as url, JobRunner(folder, POLL_SECONDS=0.1, DATABASE_URL=url) as running:
        yield running


@pytest.fixture
def own_database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """What DATABASE_URL says for the test's own Job Runner, whose data folder is `data`; every table is there."""
    with new_database(kind, request, tmp_path / "data") as url:
        yield url


@pytest.fixture
def bare_database(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """As `own_database`, but Job Runner is the first to come: there is no file, or no table."""
    with new_database(kind, request) as url:
        yield url


@contextmanager
def new_database(kind: str, request: pytest.FixtureRequest, folder: Path | None = None) -> Iterator[str]:
    """What DATABASE_URL may say for a Job Runner: nothing for SQLite, a new database for PostgreSQL.

    Whoever starts with this data folder finds every table, and no row; without a folder, Job Runner is the first
    to come: there is no file, or no table.
    """
    template = None
    if folder:
        empty = request.getfixturevalue("empty_database")
        template = empty.rpartition("/")[2]
        if kind == SQLITE:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(empty.removeprefix("sqlite://"), folder / "job-runner.db")
    if kind == SQLITE:
        yield ""
        return
    server, name = request.getfixturevalue("postgres"), f"test_{uuid.uuid4().hex}"
    try:
        yield server.create(name, template=template)
    finally:
        server.drop(name)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One real S3 server on loopback; each test has a prefix of its own there."""
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["data folder", "shared folder", "S3"])
def stored(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    """The settings, with files kept in each kind of place in turn."""
    more: dict[str, Any] = {}
    if request.param == "shared folder":
        (tmp_path / "shared").mkdir()
        more = {"storage_url": (tmp_path / "shared").as_uri()}
    if request.param == "S3":
        more = request.getfixturevalue("s3").settings(f"a/team/{uuid.uuid4().hex}")
    return changed(settings, **more)
