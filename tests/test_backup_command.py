"""Backup and restore with real processes: under load, across mails that went out since, and refused."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.sqlite import read_only
from tests.servers.smtp import SmtpTestServer
from tests.support.command import command
from tests.support.moments import LATER
from tests.support.server import ROOT, JobRunner, environment
from tests.test_main import assert_one_line

pytestmark = pytest.mark.sqlite

SUBMITTERS = 4
JOBS_BEFORE, JOBS_AFTER = 200, 100  # accepted before the backup begins, and while it is made
MAILS = ("Queued", "For later", "To be approved", "Paused")


def run(*arguments: object, limit: int | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
    """`python main.py …` until it ends; with `limit`, no file may grow beyond so many bytes."""

    def narrow() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "main.py", *map(str, arguments)]
    env = environment(settings)
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False, preexec_fn=narrow
    )


def done(*arguments: object, **settings: Any) -> str:
    """The one line that a command which succeeds prints."""
    ended = run(*arguments, **settings)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    (line,) = ended.stdout.splitlines()
    return line


def ids_in(file: Path) -> set[int]:
    with read_only(file) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in reader.execute("SELECT id FROM job")}


def test_a_backup_under_load_has_every_job_that_was_accepted_before_it_began(tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.05) as runner, submissions(runner) as accepted:
        wait_for(accepted, JOBS_BEFORE)
        before = set(accepted)
        told = done("backup", file, DATA_DIR=tmp_path / "data")
        wait_for(accepted, len(accepted) + JOBS_AFTER)  # and the server goes on
        held = ids_in(file)
        assert before <= held
        assert f"{len(held)} jobs" in told
        assert held <= listed(runner)
    for name in ("OperationalError", "Traceback"):
        assert name not in runner.output


def test_what_was_sent_since_the_backup_is_never_sent_again_and_a_person_says_whether_it_went_out(
    tmp_path: Path,
) -> None:
    file = tmp_path / "backup.db"
    with SmtpTestServer() as server, mailing(tmp_path / "data", server, POLL_SECONDS=3600) as runner:
        ids = dict(zip(MAILS, submit_mails(runner), strict=True))
        backed_up = done("backup", file, DATA_DIR=tmp_path / "data")
        runner.stop()
        with mailing(tmp_path / "data", server) as second:
            second.http.post(f"/api/v1/jobs/{ids['To be approved']}/approve")
            second.http.post(f"/api/v1/jobs/{ids['Paused']}/resume")
            for title in ("Queued", "To be approved", "Paused"):
                second.until(ids[title], "completed")
        assert subjects(server) == ["Paused", "Queued", "To be approved"]

        restored = done("restore", file, DATA_DIR=tmp_path / "data")
        moment = backed_up.rpartition("as of ")[2]
        assert f"backup of {moment} from {file}: 5 jobs, of which 4 wait for a person." in restored
        with mailing(tmp_path / "data", server) as third:
            third.until(third.submit("EMAIL_SEND", mail("A new one")), "completed")  # so the engine has looked
            assert subjects(server) == ["A new one", "Paused", "Queued", "To be approved"]
            doubt = f"Restored from the backup of {moment}: it may have gone out since. Did it?"
            for title, status, outcome in (
                ("Queued", "failed", "unknown"),
                ("For later", "failed", "unknown"),
                ("To be approved", "queued", None),
                ("Paused", "paused", None),
            ):
                job = third.job(ids[title])
                assert (job["status"], job["outcome"], job["error"]) == (status, outcome, doubt), title
            assert third.http.post(f"/api/v1/jobs/{ids['For later']}/retry").status_code == 409

            resolve(third, ids["For later"], went_out=False)
            assert (third.job(ids["For later"])["waiting_for"] or "").startswith("Scheduled for"), "its time is kept"
            third.http.post(f"/api/v1/jobs/{ids['For later']}/run-now")
            third.until(ids["For later"], "completed")
            assert subjects(server) == ["A new one", "For later", "Paused", "Queued", "To be approved"]

            resolve(third, ids["Queued"], went_out=True)
            assert third.until(ids["Queued"], "completed")["result"]["message"] == "Went out, as a person confirmed"
            assert subjects(server) == ["A new one", "For later", "Paused", "Queued", "To be approved"]


def test_a_killed_server_is_backed_up_and_restored_with_all_that_it_accepted(tmp_path: Path) -> None:
    """What is in the write-ahead log only is not lost; and the kill left an engine that says that it lives."""
    data, early, late = tmp_path / "data", tmp_path / "early.db", tmp_path / "late.db"
    with JobRunner(data, POLL_SECONDS=3600, LEASE_SECONDS=1) as runner:
        done("backup", early, DATA_DIR=data)
        ids = {runner.submit("TEST_NOOP", run_at=LATER) for _ in range(5)}
        assert runner.kill() == -signal.SIGKILL
        assert_one_line(run("restore", early, DATA_DIR=data), "an engine is at work on", "wait 10 s")
        done("backup", late, DATA_DIR=data)
        assert ids_in(late) == ids
        runner.start()
        assert runner.stop() == 0
        done("restore", late, DATA_DIR=data)
        runner.start()
        assert listed(runner) == ids
        assert runner.submit("TEST_NOOP") == max(ids) + 1


def test_a_restore_while_the_server_runs_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner:
        done("backup", tmp_path / "backup.db", DATA_DIR=tmp_path / "data")
        refused = run("restore", tmp_path / "backup.db", DATA_DIR=tmp_path / "data")
        assert_one_line(refused, f"an engine is at work on {tmp_path}/data/job-runner.db (process {runner.pid} on ")
        runner.until(runner.submit("TEST_NOOP"), "completed")
        assert not [name for name in os.listdir(tmp_path / "data") if "restore" in name or name.endswith(".part")]


def test_a_backup_to_a_place_that_is_taken_is_one_line_and_leaves_it(data: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("Precious")
    assert_one_line(command("backup", tmp_path / "taken", DATA_DIR=data), f"{tmp_path}/taken exists already")
    assert (tmp_path / "taken").read_text() == "Precious"


def test_a_backup_to_a_folder_that_is_not_there_is_one_line(data: Path, tmp_path: Path) -> None:
    refused = command("backup", tmp_path / "nowhere" / "b.db", DATA_DIR=data)
    assert_one_line(refused, f"the folder {tmp_path}/nowhere for the backup does not exist")


def test_a_backup_of_nothing_is_one_line_and_makes_no_database(tmp_path: Path) -> None:
    refused = command("backup", tmp_path / "b.db", DATA_DIR=tmp_path / "data")
    assert_one_line(refused, f"there is no database {tmp_path}/data/job-runner.db")
    assert not (tmp_path / "data" / "job-runner.db").exists()


def test_a_backup_that_does_not_fit_is_one_line_and_leaves_no_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    refused = run("backup", tmp_path / "full" / "b.db", DATA_DIR=data, limit=40_000)
    assert_one_line(refused, f"cannot be backed up to {tmp_path}/full/b.db: ")
    assert os.listdir(tmp_path / "full") == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "there is no backup"),
        ("letter", "cannot be used: file is not a database"),
        ("damaged", "malformed"),
        ("foreign", "is not a database of Job Runner"),
        ("newer", "comes from a newer version of Job Runner (it has 0999_later)"),
        ("too big", "cannot be restored to"),
    ],
)
def test_a_restore_that_cannot_be_done_is_one_line_and_leaves_the_database(
    data: Path, good_backup: Path, tmp_path: Path, what: str, words: str
) -> None:
    file = tmp_path / "backup.db"
    if what != "missing":
        shutil.copy(good_backup, file)
    spoil(file, what)
    before, names = (data / "job-runner.db").read_bytes(), set(os.listdir(data))
    if what == "too big":
        refused = run("restore", file, DATA_DIR=data, limit=40_000)
    else:
        refused = command("restore", file, DATA_DIR=data)
    assert_one_line(refused, words, str(file))
    assert (data / "job-runner.db").read_bytes() == before
    assert set(os.listdir(data)) - names <= {"job-runner.db-wal", "job-runner.db-shm"}


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_command_without_its_file_is_one_line_with_the_usage(tmp_path: Path, name: str) -> None:
    assert_one_line(command(name, DATA_DIR=tmp_path), "usage: python main.py")


@pytest.fixture
def data(tmp_path: Path, empty_database: str) -> Path:
    """A data folder with an empty database that nobody uses."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(empty_database.removeprefix("sqlite://"), folder / "job-runner.db")
    (folder / "secret.key").write_text("key")
    return folder


@pytest.fixture(scope="module")
def good_backup(tmp_path_factory: pytest.TempPathFactory, empty_database: str) -> Path:
    """A backup of an empty database, which is copied."""
    folder = tmp_path_factory.mktemp("good")
    shutil.copy(empty_database.removeprefix("sqlite://"), folder / "job-runner.db")
    done("backup", folder / "backup.db", DATA_DIR=folder)
    return folder / "backup.db"


@contextmanager
def submissions(runner: JobRunner) -> Iterator[list[int]]:
    """Several clients that submit without a pause; the list has every id once it has been acknowledged."""
    accepted: list[int] = []
    stop = threading.Event()

    def submit() -> None:
        with httpx.Client(base_url=runner.url, timeout=30, trust_env=False) as client:
            while not stop.is_set():
                answer = client.post("/api/v1/jobs", json={"type": "TEST_NOOP", "payload": {}})
                accepted.append(answer.json()["id"])

    clients = [threading.Thread(target=submit) for _ in range(SUBMITTERS)]
    for client in clients:
        client.start()
    try:
        yield accepted
    finally:
        stop.set()
        for client in clients:
            client.join()


def wait_for(accepted: list[int], count: int) -> None:
    for _ in range(600):
        if len(accepted) >= count:
            return
        signal.sigtimedwait([], 0.05)
    raise AssertionError(f"{count} jobs expected, got {len(accepted)}")


def listed(runner: JobRunner) -> set[int]:
    """The ids of all jobs, page after page."""
    found: set[int] = set()
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = runner.http.get("/api/v1/jobs", params=params).json()
        found |= {job["id"] for job in page["items"]}
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


@contextmanager
def mailing(data: Path, server: SmtpTestServer, **settings: object) -> Iterator[JobRunner]:
    """A Job Runner that sends through this server."""
    through = {"SMTP_HOST": server.host, "SMTP_PORT": server.port, "SMTP_SECURITY": "none"}
    with JobRunner(data, **{"POLL_SECONDS": 0.1, **through, **settings}) as runner:
        yield runner


def mail(subject: str) -> dict[str, Any]:
    return {"to": ["ada@example.org"], "subject": subject, "body": "Text"}


def submit_mails(runner: JobRunner) -> list[int]:
    """One mail in each state in which it may wait."""
    queued, later, pending, paused = MAILS
    ids = [
        runner.submit("EMAIL_SEND", mail(queued)),
        runner.submit("EMAIL_SEND", mail(later), run_at=LATER),
        runner.submit("EMAIL_SEND", mail(pending), requires_approval=True),
        runner.submit("EMAIL_SEND", mail(paused)),
    ]
    runner.http.post(f"/api/v1/jobs/{ids[-1]}/pause").raise_for_status()
    runner.submit("TEST_NOOP", run_at=LATER)
    return ids


def resolve(runner: JobRunner, job_id: int, *, went_out: bool) -> None:
    runner.http.post(f"/api/v1/jobs/{job_id}/resolve", json={"went_out": went_out}).raise_for_status()


def subjects(server: SmtpTestServer) -> list[str]:
    return sorted(received.message["Subject"] for received in server.messages)


def spoil(file: Path, what: str) -> None:
    """Make a good backup a bad one."""
    if what == "letter":
        file.write_text("Dear Ada,\n" * 1000)
    elif what == "damaged":
        os.truncate(file, file.stat().st_size // 2)
    elif what in ("foreign", "newer"):
        later = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '0999_later', '')"
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("DROP TABLE job" if what == "foreign" else later)
