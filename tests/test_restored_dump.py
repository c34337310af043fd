"""PostgreSQL's own backup: a dump that is restored repeats nothing that may have gone out since."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.smtp import SmtpTestServer
from tests.support.postgres import PostgresServer
from tests.support.server import JobRunner, WorkerProcess, free_port

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
QUESTION = "it may have gone out since. Did it?"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of this module's own, with the tools that belong to it."""
    with PostgresServer(port=free_port()) as server:
        yield server


def test_what_was_sent_since_a_dump_is_asked_about_and_what_may_be_repeated_is_done(
    tmp_path: Path, server: PostgresServer
) -> None:
    file = tmp_path / "jobs.dump"
    with SmtpTestServer() as mail:
        to_mail = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none"}
        settings = {"DATABASE_URL": server.create("jobs"), "POLL_SECONDS": 0.1, **to_mail}
        with JobRunner(tmp_path / "data", **settings) as runner:
            pause(runner, "EMAIL_SEND", paused=True)
            pause(runner, "TEST_RENDER", paused=True)
            sent, rendered = runner.submit("EMAIL_SEND", MAIL), runner.submit("TEST_RENDER")
            asked = runner.submit("EMAIL_SEND", {**MAIL, "subject": "Later"}, requires_approval=True)
            server.dump("jobs", file)
            pause(runner, "EMAIL_SEND", paused=False)
            runner.until(sent, "completed")
            last = runner.submit("TEST_NOOP")
            runner.until(last, "completed")
            assert len(mail.messages) == 1
            runner.stop()
            server.restore(file, "jobs")
            with WorkerProcess(tmp_path / "worker", **settings) as worker:  # whoever starts first sees to it
                worker.until_it_said("the database was restored from a dump: 2 wait for a person")
                runner.start()
                pause(runner, "TEST_RENDER", paused=False)
                pause(runner, "EMAIL_SEND", paused=False)
                job = runner.job(sent)
                assert (job["status"], job["outcome"]) == ("failed", "unknown")
                assert QUESTION in job["error"]
                assert QUESTION in runner.job(asked)["error"], "whoever approves it is told"
                assert runner.until(rendered, "completed")["attempt"] == 1
                assert runner.submit("TEST_NOOP") > last, "no id is given a second time"
                assert len(mail.messages) == 1
                answer = runner.http.post(f"/api/v1/jobs/{sent}/resolve", json={"went_out": True})
                assert answer.json()["status"] == "completed"
            before = runner.job(asked)["error"]
            runner.stop()
            runner.start()
            assert runner.job(asked)["error"] == before, "it is settled once"
            assert len(mail.messages) == 1


def test_a_message_of_the_dump_makes_no_attempt(tmp_path: Path, server: PostgresServer) -> None:
    """An attempt that was on its way when the dump was made has been made since."""
    file = tmp_path / "under way.dump"
    with SmtpTestServer() as mail:
        to_mail = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none"}
        settings = {"DATABASE_URL": server.create("under_way"), "POLL_SECONDS": 0.1, "LEASE_SECONDS": 60, **to_mail}
        with JobRunner(tmp_path / "data", **settings) as runner, WorkerProcess(tmp_path / "one", **settings) as worker:
            worker.until_it_said("worker online")
            worker.send(signal.SIGSTOP)  # the message waits for it
            job_id = runner.submit("EMAIL_SEND", MAIL)
            runner.until(job_id, "running")
            server.dump("under_way", file)
            worker.send(signal.SIGCONT)
            runner.until(job_id, "completed")
            worker.stop()
            runner.stop()
            server.restore(file, "under_way")
            with WorkerProcess(tmp_path / "other", **settings) as worker:
                worker.until_it_said("worker online")
                runner.start()
                assert runner.job(job_id)["outcome"] == "unknown"
                runner.until(runner.submit("TEST_NOOP"), "completed")
            assert len(mail.messages) == 1


def pause(runner: JobRunner, key: str, *, paused: bool) -> None:
    """Every job of a type waits, or waits no more."""
    answer = runner.http.patch(f"/api/v1/job-types/{key}", json={"paused": paused})
    assert answer.is_success, answer.text
