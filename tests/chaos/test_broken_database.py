"""A database that cannot be written, is locked or is damaged: no acknowledged job is lost, and people are told why.

Each fault comes to a real process at work, and is the real thing: a full disk, a file that may not grow, another
process's write lock, a page of garbage. Meanwhile everything that only reads goes on, whatever writes is refused in
words that say what to do, and nothing that was refused is done all the same. When the fault is over, the engine goes
on by itself: also what ended meanwhile is stored, once.
"""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.database import connection, trouble
from models.states import Status
from tests.chaos.small_disk import READ_ONLY, SMALL_DISK, OnSmallDisk, can_mount, inside
from tests.chaos.watch import database, read, until
from tests.support import engine as in_process
from tests.support.server import ROOT, JobRunner, environment, free_port

pytestmark = pytest.mark.sqlite

PACE: dict[str, Any] = {"POLL_SECONDS": 0.2, "LEASE_SECONDS": 2, "DRAIN_SECONDS": 1}
TOLD_SECONDS = 15.0  # until pages say that the engine is offline, and why
BACK_SECONDS = 10.0  # until it works again
ANSWER_SECONDS = 10.0
PAGES = ("/", "/app", "/login", "/healthz", "/metrics", "/api/v1/jobs", "/api/v1/job-types")
DAMAGED = "the database file is damaged; stop, and restore a backup"

Break = Callable[[JobRunner], AbstractContextManager[None]]


@contextmanager
def file_that_may_not_grow(runner: JobRunner) -> Iterator[None]:
    """As on a disk quota: the write-ahead log is as long as it may ever be."""
    log = database(runner).with_name(f"{database(runner).name}-wal")
    process, unlimited = psutil.Process(runner.pid), resource.RLIM_INFINITY
    process.rlimit(psutil.RLIMIT_FSIZE, (log.stat().st_size, unlimited))
    yield
    process.rlimit(psutil.RLIMIT_FSIZE, (unlimited, unlimited))


@contextmanager
def lock_of_another(runner: JobRunner) -> Iterator[None]:
    """Somebody opened the file with a tool, and went to lunch in the middle of a transaction."""
    with closing(sqlite3.connect(database(runner), timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (file_that_may_not_grow, "the disk refuses to store or give back data; look whether it is full or failing"),
        (lock_of_another, "another program keeps the database locked; end it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_while_nothing_can_be_written_that_is_told_and_afterwards_nothing_is_missing(
    tmp_path: Path, fault: Break, words: str
) -> None:
    with Witness(tmp_path, JobRunner(tmp_path / "data", **PACE)) as witness:
        with witness.held_up(), fault(witness.runner):
            witness.is_told(words)
        witness.goes_on()


def test_while_the_disk_is_full_that_is_told_and_afterwards_nothing_is_missing(tmp_path: Path) -> None:
    if not can_mount(tmp_path, SMALL_DISK):
        pytest.skip("this system lets nobody mount a disk of their own")
    runner = OnSmallDisk(tmp_path / "data", **PACE)
    with Witness(tmp_path, runner) as witness:
        with witness.held_up():
            runner.fill()
            witness.is_told("the disk is full, so nothing can be stored; free some space")
            runner.make_room()
        witness.goes_on(runner.disk)


def test_a_page_that_is_damaged_under_a_running_engine_is_told_and_the_undamaged_file_has_every_job(
    tmp_path: Path,
) -> None:
    with Witness(tmp_path, JobRunner(tmp_path / "data", **PACE)) as witness:
        witness.fill_pages()
        with witness.held_up():
            witness.fill_pages()
            original = damage(witness.runner)
            witness.is_told(DAMAGED)
        assert witness.runner.stop() == 0
        restore(witness.runner, original)
        witness.runner.start()
        witness.goes_on()


def test_a_start_on_a_damaged_page_is_one_line_or_a_page_that_tells_it(tmp_path: Path) -> None:
    with Witness(tmp_path, JobRunner(tmp_path / "data", **PACE)) as witness:
        witness.fill_pages()
        with witness.held_up():
            witness.fill_pages()
            witness.runner.kill()
            original = damage(witness.runner)
            before = witness.runner.output
            try:
                witness.runner.start()
            except RuntimeError:
                told = witness.runner.output.removeprefix(before).splitlines()
                faults = [line for line in told if " INFO " not in line]
                assert [line.split(":")[0] for line in faults] == ["job-runner"], "\n".join(told)
                assert "damaged" in faults[0] or "malformed" in faults[0]
            else:
                witness.is_told(DAMAGED)
                witness.runner.stop()
            restore(witness.runner, original)
            witness.runner.start()
        witness.goes_on()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_start_on_a_database_that_may_only_be_read_is_one_line(
    tmp_path: Path, empty_database: str, what: str
) -> None:
    folder = tmp_path / "database"
    folder.mkdir()
    file = Path(shutil.copy(empty_database.removeprefix("sqlite://"), folder))
    place = file if what == "file" else folder
    if not can_mount(place, READ_ONLY):
        pytest.skip("this system lets nobody mount a file or folder of their own")
    env = environment({"DATA_DIR": tmp_path / "data", "DATABASE_URL": f"sqlite://{file}", "PORT": free_port()})
    command = inside(place, READ_ONLY, sys.executable, "main.py")
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"job-runner: the database sqlite://{file} cannot be opened: ")


async def test_while_the_database_may_only_be_read_nothing_goes_out_and_then_everything_once(
    settings: Settings,
) -> None:
    said: list[dict[str, Any]] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        said.append(identity)
        return {"said": identity}

    async def work(context: Context) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        return await context.effect("world", {"key": str(context.job_id)}, speak)

    async with in_process.running(settings, in_process.scripted(work)) as atlas:
        job_id = await in_process.submitted(atlas)
        await in_process.until_set(begun)
        await connection().execute_query("PRAGMA query_only = ON")
        with pytest.raises(Exception, match="readonly") as refused:
            await in_process.submitted(atlas)
        assert trouble(refused.value) == "the database may only be read; make its file and folder writable"
        go_on.set()

        async def told() -> bool:
            state = await atlas.queries.engine()
            return not state.online and state.fault == trouble(refused.value)

        await in_process.until(atlas, told, "the engine is offline, and says why")
        assert said == []
        assert (await atlas.queries.job(job_id)).status is Status.RUNNING
        await connection().execute_query("PRAGMA query_only = OFF")
        await in_process.until_status(atlas, job_id, Status.COMPLETED)

        async def online() -> bool:
            return (await atlas.queries.engine()).online

        await in_process.until(atlas, online, "the engine is online")
        assert said == [{"key": str(job_id)}]
        assert await Attempt.filter(job_id=job_id).count() == 1
        await in_process.until_status(atlas, await in_process.submitted(atlas), Status.COMPLETED)


class Witness:
    """Gives a Job Runner work, remembers what it acknowledged, and looks at every answer."""

    def __init__(self, folder: Path, runner: JobRunner) -> None:
        self.runner = runner
        self._folder = folder
        self._during, self._after = folder / "during", folder / "after"
        self._acknowledged: list[int] = []
        self._hold: list[int] = []

    def __enter__(self) -> "Witness":
        self.runner.start()
        self.runner.http.timeout = httpx.Timeout(ANSWER_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.__exit__(None, None, None)

    def fill_pages(self) -> None:
        """So many jobs that the table has pages that nobody needs to read just now."""
        self._acknowledged += [self.runner.submit("TEST_RENDER", {"title": "x" * 500}) for _ in range(20)]
        self.runner.until(self._acknowledged[-1], "completed")

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Two jobs are at work from before the fault: one ends while it lasts, the other afterwards."""
        title = f"MARKED {'x' * 480}"
        for go_on in (self._during, self._after):
            job_id = self.runner.submit("TEST_RENDER", {"title": title, "hold": str(go_on)})
            self._hold.append(job_id)
            self._acknowledged.append(job_id)
        for job_id in self._hold:
            self.runner.until(job_id, "running")
        yield
        self._after.touch()

    def is_told(self, words: str) -> None:
        """While the fault lasts: the engine is offline with these words, reading goes on, and no write is taken."""
        self._during.touch()
        self._is_refused(words)
        until(lambda: self._fault(words), TOLD_SECONDS, f"the engine is offline: {words}")
        self._is_refused(words)
        assert self._get("/readyz").status_code == 503
        for path in PAGES:
            answer = self._get(path)
            if answer.status_code == 503 and words.startswith(DAMAGED):  # what the page held cannot be told
                self._is_problem(answer, words)
            else:
                assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        state = self._get("/api/v1/engine").json()
        assert state["online"] is False
        assert words in state["fault"]

    def goes_on(self, disk: Path | None = None) -> None:
        """After the fault: online by itself, all that was acknowledged is done, once, and nothing else is there."""
        until(self._is_online, BACK_SECONDS, "the engine is online again")
        for job_id in self._hold:
            job = self.runner.until(job_id, "completed", "failed")
            if job["status"] == "failed":  # its own files had no room either
                assert "No space left on device" in job["error"], job
                assert self.runner.http.post(f"/api/v1/jobs/{job_id}/retry").status_code == 200
                self.runner.until(job_id, "completed")
        self._acknowledged.append(self.runner.submit("TEST_NOOP"))
        self.runner.until(self._acknowledged[-1], "completed")
        assert self._get("/readyz").status_code == 200
        with closing(sqlite3.connect(self._copy(disk or self.runner.data_dir))) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            stored = copy.execute("SELECT id, status FROM job ORDER BY id").fetchall()
            assert stored == [(id, "completed") for id in self._acknowledged]
            unfinished = "SELECT job_id, number FROM attempt WHERE outcome IS NULL"
            assert copy.execute(unfinished).fetchall() == []

    def _is_refused(self, words: str) -> None:
        body = {"type": "TEST_NOOP", "payload": {}}
        answer = self.runner.http.post("/api/v1/jobs", json=body, timeout=30)
        if answer.status_code == 201:  # what is not damaged may still be written: then it counts
            assert words.startswith(DAMAGED), answer.text
            self._acknowledged.append(answer.json()["id"])
            return
        self._is_problem(answer, words)

    def _is_problem(self, answer: httpx.Response, words: str) -> None:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert words in answer.json()["detail"]
        assert "Traceback" not in answer.text

    def _get(self, path: str) -> httpx.Response:
        answer = self.runner.http.get(path, follow_redirects=True)
        assert "Traceback" not in answer.text
        return answer

    def _fault(self, words: str) -> bool:
        return words in (self._get("/api/v1/engine").json()["fault"] or "")

    def _is_online(self) -> bool:
        return bool(self._get("/api/v1/engine").json()["online"])

    def _copy(self, disk: Path) -> Path:
        """The database of a running process; its log only grows meanwhile, so the copy is as of some moment."""
        copy = self._folder / "copy"
        copy.mkdir()
        for name in (database(self.runner).name, f"{database(self.runner).name}-wal"):
            shutil.copy(disk / name, copy)
        return copy / database(self.runner).name


def damage(runner: JobRunner) -> tuple[int, bytes]:
    """Garbage over the page that holds the marked jobs; returns where it lies, and what was there."""
    file = database(runner)
    with closing(sqlite3.connect(file, timeout=10)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        (size,) = other.execute("PRAGMA page_size").fetchone()
        start = file.read_bytes().index(b"MARKED") // size * size
        with file.open("r+b") as pages:
            pages.seek(start)
            original = pages.read(size)
            pages.seek(start)
            pages.write(os.urandom(size // 2) + bytes(size // 2))
        with other:  # a commit by somebody else: the process's own copies of pages are out of date
            other.execute("UPDATE engine SET pid = pid")
    return start, original


def restore(runner: JobRunner, original: tuple[int, bytes]) -> None:
    """The page as it was."""
    start, page = original
    with database(runner).open("r+b") as file:
        file.seek(start)
        file.write(page)
    assert read(runner, "PRAGMA integrity_check") == [("ok",)]
