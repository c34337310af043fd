"""The process as a whole: starts that cannot succeed, stopping, and being killed at the worst moment."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.conftest import new_database
from tests.servers.smtp import SmtpTestServer
from tests.support.command import command
from tests.support.moments import LATER
from tests.support.other_program import ask
from tests.support.server import ROOT, WEBSOCKET, JobRunner, environment, free_port

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
HTTPX_KEEPS_IDLE = 5.0  # seconds, https://www.python-httpx.org/advanced/resource-limits/


def start(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Start Job Runner when it is to give up by itself."""
    command = [sys.executable, "main.py", *arguments]
    env = environment({"PORT": free_port(), **settings})
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("job-runner: ")
    for word in words:
        assert word in line


def test_a_port_that_is_taken_is_one_line_that_says_what_to_set(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start(DATA_DIR=tmp_path, PORT=port)
    assert_one_line(done, f"cannot listen at 127.0.0.1, port {port}: Address already in use", "JOB_RUNNER_PORT")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "::zz"])
def test_an_address_that_is_not_this_machines_is_one_line(tmp_path: Path, host: str) -> None:
    assert_one_line(
        command(DATA_DIR=tmp_path, HOST=host, PORT=free_port()), f"cannot listen at {host}, port ", "JOB_RUNNER_HOST"
    )


def test_a_data_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert_one_line(command(DATA_DIR=tmp_path / "taken"), "JOB_RUNNER_DATA_DIR must be a folder", "taken")


def test_a_shared_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = command(DATA_DIR=tmp_path / "data", STORAGE_URL=(tmp_path / "share").as_uri())
    assert_one_line(done, f"JOB_RUNNER_STORAGE_URL cannot be used: The folder {tmp_path}/share cannot be used")


def test_a_bucket_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    key = {"S3_ACCESS_KEY_ID": "worker", "S3_SECRET_ACCESS_KEY": "geheim", "S3_ENDPOINT": "http://127.0.0.1:1"}
    done = command(DATA_DIR=tmp_path, STORAGE_URL="s3://jobs/team", **key)
    assert_one_line(done, "JOB_RUNNER_STORAGE_URL cannot be used: The storage s3://jobs/team cannot be reached at http")


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "job-runner.db").write_text("Dear Ada, this is a letter.\n" * 100)
    assert_one_line(start(DATA_DIR=tmp_path), "job-runner.db cannot be opened: file is not a database")


def test_a_database_in_a_folder_that_is_not_there_is_one_line_at_once(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/nowhere/jobs.db"
    assert_one_line(
        command(DATA_DIR=tmp_path, DATABASE_URL=url), f"{url} cannot be opened: unable to open database file"
    )


def test_a_database_of_a_newer_version_is_one_line(tmp_path: Path, database_url: str) -> None:
    later = "('models', '0999_later', '2026-11-24 00:00:00+00:00')"
    ask(database_url, f"INSERT INTO tortoise_migrations (app, name, applied_at) VALUES {later}")
    done = command(DATA_DIR=tmp_path / "data", DATABASE_URL=database_url)
    assert_one_line(done, "comes from a newer version of Job Runner (it has 0999_later)")


def test_a_database_server_that_does_not_run_is_one_line_at_once_without_the_password(tmp_path: Path) -> None:
    port = free_port()
    done = command(DATA_DIR=tmp_path, DATABASE_URL=f"postgres://ada:geheim@127.0.0.1:{port}/jobs")
    assert_one_line(done, f"postgres://ada:…@127.0.0.1:{port}/jobs cannot be opened", "look at its address")
    assert "geheim" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLL_SECONDS", "0"),
        ("DATABASE_URL", "mysql://ada:geheim@db/jobs"),
        ("ADMIN_PASSWORD", "geheim"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_no_secret(tmp_path: Path, name: str, value: str) -> None:
    done = command(DATA_DIR=tmp_path, **{name: value})
    assert_one_line(done, f"JOB_RUNNER_{name} ")
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("arguments", [["fly"], ["--help"]])
def test_an_unknown_command_is_one_line_with_those_there_are(tmp_path: Path, arguments: list[str]) -> None:
    assert_one_line(
        command(*arguments, DATA_DIR=tmp_path),
        "[serve | worker [--only TYPE,…] | backup FILE | restore FILE | migrate-database sqlite://… postgres://… | "
        "create-token NAME --scope SCOPE,… [--days DAYS] | audit verify | demo]",
    )


def test_a_worker_without_postgresql_says_what_it_needs(tmp_path: Path) -> None:
    assert_one_line(command("worker", DATA_DIR=tmp_path), "JOB_RUNNER_DATABASE_URL", "postgres://")


@pytest.mark.either
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_it_stops_cleanly_within_five_seconds_while_somebody_is_connected(
    tmp_path: Path, own_database: str, how: signal.Signals
) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database) as runner:
        runner.http.get("/app")  # the client keeps this line open
        page, half = runner.connect(*WEBSOCKET), socket.create_connection(("127.0.0.1", runner.port))
        with page, half:
            assert page.recv(12) == b"HTTP/1.1 101"
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")  # somebody never finishes a request
            asked = time.monotonic()
            code = runner.end(how)
            assert time.monotonic() - asked < 5
        assert code == 0
        assert "Traceback" not in runner.output


@pytest.mark.sqlite
def test_an_idle_line_is_not_hung_up_while_a_client_still_thinks_it_open(runner: JobRunner) -> None:
    """Else a client that sends just then gets a reset, and cannot know whether its job was taken."""
    with runner.connect("GET /healthz HTTP/1.1", "Connection: keep-alive") as line:
        answer = HTTPResponse(line)
        answer.begin()
        assert (answer.status, answer.read() != b"") == (200, True)
        line.settimeout(HTTPX_KEEPS_IDLE + 1)
        with pytest.raises(TimeoutError):
            line.recv(1)


def test_the_address_and_what_may_be_seen_there_are_told_at_the_start(tmp_path: Path, bare_database: str) -> None:
    begun = time.monotonic()
    with JobRunner(tmp_path / "data", DATABASE_URL=bare_database) as runner:
        print(f"from the start to the first answer: {time.monotonic() - begun:.2f} s")
        assert f"Job Runner is at {runner.url}" in runner.output
        assert httpx.get(runner.url, follow_redirects=True, trust_env=False).status_code == 200


class Killed(NamedTuple):
    """What a process had to do when it was killed, and the one that was started after it."""

    runner: JobRunner
    mails: SmtpTestServer
    on_its_way: int
    not_begun: int
    render: int
    scheduled: list[int]


@pytest.fixture(scope="module")
def killed(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Killed]:
    """One mail's text was with the server and had no answer, another one's conversation had only begun."""
    folder = tmp_path_factory.mktemp("killed")
    go_on = folder / "go on"
    with SmtpTestServer() as server, new_database(kind, request, folder / "data") as url:
        mail = {"SMTP_HOST": server.host, "SMTP_PORT": server.port, "SMTP_SECURITY": "none"}
        with JobRunner(folder / "data", DATABASE_URL=url, POLL_SECONDS=0.1, **mail) as runner:
            server.hold("CONTENT")
            on_its_way = runner.submit("EMAIL_SEND", MAIL)
            server.wait_until(lambda: "CONTENT" in server.held)
            server.hold("EHLO")
            not_begun = runner.submit("EMAIL_SEND", {**MAIL, "subject": "Not begun"})
            server.wait_until(lambda: "EHLO" in server.held)
            render = runner.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
            runner.until(render, "running")
            scheduled = [runner.submit("TEST_NOOP", run_at=LATER) for _ in range(20)]
            assert runner.kill() == -signal.SIGKILL
            server.release()
            go_on.touch()
            runner.start()
            yield Killed(runner, server, on_its_way, not_begun, render, scheduled)


def test_a_mail_that_was_on_its_way_when_the_process_was_killed_is_never_sent_again(killed: Killed) -> None:
    runner, server, job_id = killed.runner, killed.mails, killed.on_its_way
    job = runner.until(job_id, "failed")
    assert (job["outcome"], job["attempt"], job["allowed"]) == ("unknown", 1, ["cancel", "prioritize", "resolve"])
    (attempt,) = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert (attempt["outcome"], attempt["phase"]) == ("unknown", "sending")
    (effect,) = attempt["effects"]
    (evidence,) = [received.message for received in server.messages if received.message["Subject"] == "Hello"]
    assert effect["identity"]["message_id"] == evidence["Message-ID"], "the evidence"
    runner.until(runner.submit("EMAIL_SEND", {**MAIL, "subject": "Another"}), "completed")
    assert subjects(server).count("Hello") == subjects(server).count("Another") == 1
    runner.http.post(f"/api/v1/jobs/{job_id}/resolve", json={"went_out": True})
    assert runner.job(job_id)["status"] == "completed"
    assert subjects(server).count("Hello") == 1


def test_a_mail_that_had_not_begun_when_the_process_was_killed_is_sent_once(killed: Killed) -> None:
    assert killed.runner.until(killed.not_begun, "completed")["attempt"] == 2
    assert subjects(killed.mails).count("Not begun") == 1


def test_after_a_kill_a_render_runs_again_and_no_accepted_job_is_missing(killed: Killed) -> None:
    runner = killed.runner
    job = runner.until(killed.render, "completed")
    assert (job["attempt"], job["result"]) == (2, {"message": "Rendered Trailer"})
    attempts = runner.http.get(f"/api/v1/jobs/{killed.render}/attempts").json()
    assert [attempt["outcome"] for attempt in attempts] == ["lost", "succeeded"]
    assert [runner.job(other)["status"] for other in killed.scheduled] == ["queued"] * 20


def test_after_a_kill_nothing_went_out_but_what_was_asked_for(killed: Killed) -> None:
    killed.runner.until(killed.not_begun, "completed")
    assert set(subjects(killed.mails)) <= {"Hello", "Not begun", "Another"}
    assert len(subjects(killed.mails)) == len(set(subjects(killed.mails)))


def subjects(server: SmtpTestServer) -> list[str]:
    """Of every mail that came."""
    return [str(received.message["Subject"]) for received in server.messages]


def test_a_second_process_on_the_same_folder_does_not_disturb_the_first(tmp_path: Path, own_database: str) -> None:
    """By mistake, or for a moment while one replaces the other."""
    with (
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, POLL_SECONDS=0.1) as first,
        JobRunner(tmp_path / "data", DATABASE_URL=own_database, POLL_SECONDS=0.1) as second,
    ):
        ids = [runner.submit("TEST_NOOP") for runner in (first, second) * 10]
        for job_id in ids:
            assert first.until(job_id, "completed")["attempt"] == 1
        assert os.getpid() not in (first.pid, second.pid)
