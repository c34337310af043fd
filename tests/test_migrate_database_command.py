"""Moving from SQLite to PostgreSQL with real processes: to the end, killed on the way, and refused."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import main
from engine import clock
from engine.jobs.base import Context, EffectKind
from engine.vault import Vault
from models.sqlite import read_only
from models.states import Status
from tests.support.command import command
from tests.support.engine import running, scripted, settings_in, until_status
from tests.support.migration import (
    LONG_AGO,
    add_jobs,
    change,
    contents,
    copy_of,
    jobs_in,
    leave_engine,
    leave_running,
    make_source,
    new_target,
)
from tests.support.other_program import OtherProgram, connected
from tests.support.postgres import Postgres
from tests.support.server import ROOT, JobRunner, environment, free_port
from tests.test_backup_command import run
from tests.test_main import assert_one_line

pytestmark = pytest.mark.postgres

BROKEN_OFF = 3_000
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with rows in every table, which is copied."""
    file = tmp_path_factory.mktemp("filled") / "job-runner.db"
    asyncio.run(make_source(file))
    return file


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    """A data folder's database, with rows in every table."""
    return copy_of(filled, tmp_path / "data" / "job-runner.db")


@pytest.fixture
def bare_target(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    with new_target(postgres) as url:
        yield url


@pytest.fixture
def target(postgres: Postgres, empty_database: str) -> Iterator[str]:
    """A PostgreSQL database with every table, and no row."""
    with new_target(postgres, empty_database) as url:
        yield url


def migrate(source: Path, target: str) -> subprocess.CompletedProcess[str]:
    """`python main.py migrate-database` until it ends."""
    return command("migrate-database", f"sqlite://{source}", target, DATA_DIR=source.parent)


def migrated(source: Path, target: str) -> str:
    """The line that a migration which succeeds prints."""
    return line_of(migrate(source, target))


def migrated_by_a_process(source: Path, target: str) -> str:
    """As `migrated`, by a process of its own."""
    return line_of(run("migrate-database", f"sqlite://{source}", target, DATA_DIR=source.parent))


def line_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


def started(source: Path, target: str) -> subprocess.Popen[bytes]:
    """A migration under way; whoever starts it waits for it."""
    words = [sys.executable, "main.py", "migrate-database", f"sqlite://{source}", target]
    env = environment({"DATA_DIR": source.parent})
    return subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def refused(source: Path, target: str, *words: str) -> None:
    """It ends with one line, after what it logged."""
    done = migrate(source, target)
    done.stderr = done.stderr.splitlines(keepends=True)[-1]
    assert_one_line(done, *words)


# -- to the end ----------------------------------------------------------------------------------------------


def test_jobs_are_there_with_their_ids_after_the_move_and_work_goes_on(tmp_path: Path, bare_target: str) -> None:
    folder = tmp_path / "data"
    with JobRunner(folder, POLL_SECONDS=0.1) as runner:
        runner.until(done := runner.submit("TEST_NOOP"), "completed")
        paused = runner.submit("TEST_NOOP", run_at=(clock.now() + timedelta(days=1)).isoformat())
        runner.http.post(f"/api/v1/jobs/{paused}/pause").raise_for_status()
        before = [runner.job(done), runner.job(paused)]
    told = migrated_by_a_process(folder / "job-runner.db", bare_target)
    assert "(job 2, attempt 1" in told
    assert f"Next: set JOB_RUNNER_DATABASE_URL to {bare_target}" in told
    with JobRunner(folder, POLL_SECONDS=0.1, DATABASE_URL=bare_target) as runner:
        assert [runner.job(done), runner.job(paused)] == before
        new = runner.submit("TEST_NOOP")
        assert new == paused + 1
        runner.until(new, "completed")


def test_a_second_run_finds_that_everything_is_there_and_compares_it_again(source: Path, target: str) -> None:
    first, second = migrated(source, target), migrated(source, target)
    assert first.startswith("Copied 60 rows and compared each of them (job 2, attempt 2, ")
    assert second.startswith("Everything had been copied already: 60 rows and compared each of them (job 2, ")


def test_a_log_of_100_mb_takes_little_memory(source: Path, target: str) -> None:
    change(
        source,
        """INSERT INTO log_line (job_id, attempt, at, text)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        SELECT 1, 1, '2026-01-01 00:00:00', printf('%010000d', i) FROM n""",
    )
    code, most = run_measured(source, target)
    assert code == 0
    with connected(target) as opened:
        assert opened.execute("SELECT SUM(LENGTH(text)) FROM log_line").fetchone()[0] > 100_000_000
    no_source, least = run_measured(source.with_name("nowhere.db"), target)
    assert no_source == main.BAD_START
    assert most - least < 50 * MEGABYTE


def run_measured(source: Path, target: str) -> tuple[int, int]:
    """The exit code, and how many bytes of memory it took at its peak."""
    process, peak = started(source, target), 0
    while process.poll() is None:
        # NOTE: not what `os.wait4` tells, in which the size of whoever started it counts.
        told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(told[1]) * 1024 if told else 0)
        time.sleep(0.01)  # between two looks
    return process.returncode, peak


def test_credentials_that_the_secret_key_does_not_open_are_warned_about(source: Path, target: str) -> None:
    (source.parent / "secret.key").write_text("present key")
    for name in ("present", "former"):
        sealed = Vault(f"{name} key").seal({"token": "t"})
        change(
            source,
            """INSERT INTO channel (name, kind, url, credentials, created_at)
            VALUES (:name, 'feed', 'u', :sealed, '2026-01-01')""",
            name=name,
            sealed=sealed,
        )
    told = migrated(source, target)
    assert f"WARNING: the credentials of former cannot be read with the secret key of {source.parent}" in told


# -- broken off ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["COPY", 'SELECT "id", "type"'], ids=["copying", "comparing"])
def test_killed_on_the_way_it_leaves_nothing_and_the_next_run_ends_right(
    source: Path, bare_target: str, moment: str
) -> None:
    add_jobs(source, BROKEN_OFF)
    process = started(source, bare_target)
    until_doing(bare_target, moment, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert jobs_in(bare_target) == 0
    assert migrated_by_a_process(source, bare_target).startswith(f"Copied {2 * BROKEN_OFF + 60:,} rows")
    assert asyncio.run(contents(bare_target)) == asyncio.run(contents(f"sqlite://{source}"))


def until_doing(target: str, moment: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the migration's connection works at such a statement."""
    doing = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with connected(target) as watching:
        while process.poll() is None:
            if any(query.startswith(moment) for (query,) in watching.execute(doing).fetchall()):
                return
    raise AssertionError(f"the migration never came to {moment}")


# -- jobs that an engine left --------------------------------------------------------------------------------


async def test_what_ran_when_the_engine_died_is_rescued_or_asked_about_after_the_move(
    tmp_path: Path, target: str
) -> None:
    file = tmp_path / "data" / "job-runner.db"
    await make_source(file)
    leave_running(file, sending=2)
    told = await asyncio.to_thread(migrated, file, target)
    assert "2 jobs were running when the engine ended; the next one decides about them, as after a crash" in told
    settings = settings_in(tmp_path / "data", database_url=target, lease_seconds=1)

    async def run(_: Context) -> dict[str, bool]:
        return {"ran": True}

    async with running(settings, scripted(run, effect=EffectKind.REPEATABLE)) as atlas:
        assert (await until_status(atlas, 2, Status.FAILED)).outcome == "unknown"
        job = await until_status(atlas, 1, Status.COMPLETED)
        assert (job.result, job.attempt) == ({"ran": True}, 2)


# -- refused -------------------------------------------------------------------------------------------------


def test_an_engine_at_work_on_the_source_is_not_disturbed(tmp_path: Path, target: str) -> None:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner:
        file = tmp_path / "data" / "job-runner.db"
        refused(file, target, f"an engine is at work on {file} (process {runner.pid} on ", "stop it, and if it was")
        runner.until(runner.submit("TEST_NOOP"), "completed")
    assert jobs_in(target) == 0


def test_an_engine_that_was_killed_a_moment_ago_may_still_be_at_work(source: Path, target: str) -> None:
    leave_engine(source, host="elsewhere", pid=1, beat=clock.now())
    refused(source, target, f"an engine is at work on {source} (process 1 on elsewhere, last heard of ", "wait 10 s")


def test_an_engine_at_work_on_the_target_is_not_disturbed(source: Path, target: str) -> None:
    with JobRunner(source.parent.with_name("other"), POLL_SECONDS=0.1, DATABASE_URL=target) as runner:
        refused(source, target, f"an engine is at work on {target} (process {runner.pid} on ")
        runner.until(runner.submit("TEST_NOOP"), "completed")
        assert runner.http.get("/api/v1/jobs").json()["items"][0]["id"] == 1


def test_a_target_with_jobs_of_its_own_is_left_as_it_is(source: Path, target: str, tmp_path: Path) -> None:
    other = copy_of(source, tmp_path / "other" / "job-runner.db")
    change(other, "UPDATE job SET name = 'Theirs' WHERE id = 1", "DELETE FROM job WHERE id = 2")
    migrated(other, target)
    refused(source, target, f"{target} holds something else already (there are rows in job, and job 1 differs in name)")
    assert jobs_in(target) == 1


def test_a_target_on_which_an_engine_was_started_is_not_empty(source: Path, target: str) -> None:
    with JobRunner(source.parent.with_name("other"), DATABASE_URL=target):
        pass
    refused(source, target, "holds something else already (there are rows in channel, and ", "name an empty database")


@pytest.mark.parametrize(
    ("source_url", "target_url", "words"),
    [
        ("sqlite:///a.db", "sqlite:///a.db", "source and target are the same"),
        (
            "sqlite:///a.db",
            "sqlite:///b.db",
            "the target must be postgres://user:password@host/database, not sqlite://…",
        ),
        (
            "postgres://a:geheim@b/c",
            "postgres://d/e",
            "the source must be sqlite:///absolute/path.db, not postgres://…",
        ),
        ("/data/job-runner.db", "postgres://d/e", "sqlite:///absolute/path.db, not '/data/job-runner.db'"),
        ("sqlite:///nowhere/a.db", "postgres://d/e", "there is no database /nowhere/a.db to migrate"),
    ],
)
def test_urls_that_do_not_fit_are_one_line_with_what_is_accepted(
    tmp_path: Path, source_url: str, target_url: str, words: str
) -> None:
    assert_one_line(command("migrate-database", source_url, target_url, DATA_DIR=tmp_path), words)


def test_a_command_without_both_databases_is_one_line_with_the_usage(tmp_path: Path) -> None:
    assert_one_line(run("migrate-database", "sqlite:///a.db", DATA_DIR=tmp_path), "usage: python main.py")


def test_a_backup_is_no_source(source: Path, target: str, tmp_path: Path) -> None:
    assert command("backup", tmp_path / "backup.db", DATA_DIR=source.parent).returncode == 0
    refused(tmp_path / "backup.db", target, f"{tmp_path}/backup.db is a backup: put it in place by")


def test_a_file_that_is_no_database_of_ours_is_no_source_and_stays_as_it_is(tmp_path: Path, target: str) -> None:
    (tmp_path / "letter.db").write_text("Dear Ada,\n" * 1000)
    change(tmp_path / "foreign.db", "CREATE TABLE theirs (one)")
    refused(tmp_path / "letter.db", target, "cannot be read: file is not a database")
    refused(tmp_path / "foreign.db", target, "foreign.db is not a database of Job Runner")
    with read_only(tmp_path / "foreign.db") as reader:
        assert reader.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_source_of_a_newer_version_is_refused(source: Path, target: str) -> None:
    change(source, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '0999_later', '')")
    refused(source, target, "comes from a newer version of Job Runner (it has 0999_later)")


def test_a_target_that_cannot_be_reached_is_one_line_without_the_password(source: Path) -> None:
    port = free_port()
    refused(
        source,
        f"postgres://ada:geheim@127.0.0.1:{port}/jobs",
        f"the database postgres://ada:…@127.0.0.1:{port}/jobs cannot be opened: ",
        "look at its address, and whether the server runs",
    )


def test_a_source_that_somebody_writes_to_is_refused(source: Path, target: str) -> None:
    with OtherProgram(f"sqlite://{source}")._on_file() as other:
        other.execute("BEGIN IMMEDIATE")
        refused(source, target, "another program keeps the database locked; end it")
        other.execute("ROLLBACK")


def test_a_host_with_its_engine_gone_is_free_at_once(source: Path, target: str) -> None:
    leave_engine(source, host=socket.gethostname(), pid=999_999_999, beat=LONG_AGO)
    assert migrated(source, target).startswith("Copied 60 rows")
