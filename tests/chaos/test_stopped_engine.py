"""An engine that stood still past its lease changes nothing when it wakes.

One real process is stopped in the middle of a job, as by a machine that sleeps; a second one on the same database
takes the job over; then the first goes on where it was. Every row of job, attempt and effect stays as the second
process left it, and a mail has gone out once.
"""

import signal
import smtplib
import sqlite3
from contextlib import closing, suppress
from os import kill
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.scale import rounds
from tests.chaos.watch import read, until
from tests.servers.smtp import SmtpTestServer
from tests.support.other_program import ask
from tests.support.server import JobRunner

PACE = {"POLL_SECONDS": 0.1, "LEASE_SECONDS": 1, "DRAIN_SECONDS": 0}
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
RESCUE_SECONDS = 40.0  # on PostgreSQL a leader that stands still keeps the lead for ten seconds
LATE_SECONDS = 3.0  # what a woken attempt gets for its late write, if it does not log that it was late

again_and_again = pytest.mark.parametrize("turn", range(rounds(1, 25)))

IN_A_TRANSACTION = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
)

Rows = dict[str, list[tuple[Any, ...]]]


@again_and_again
def test_when_an_engine_slept_past_its_lease_its_mail_is_unknown_and_its_render_completed_by_the_other_only(
    tmp_path: Path, own_database: str, turn: int
) -> None:
    go_on = tmp_path / "go on"
    with (
        SmtpTestServer() as server,
        Sleeper(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as sleeper,
    ):
        server.hold("CONTENT")
        mail = sleeper.submit("EMAIL_SEND", MAIL)
        server.wait_until(lambda: "CONTENT" in server.held)
        render = sleeper.submit("TEST_RENDER", {"title": "Trailer", "hold": str(go_on)})
        until(lambda: read(sleeper, "SELECT id FROM log_line WHERE text = 'Started'"), 10, "the render has begun")
        sleeper.fall_asleep()
        with JobRunner(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as rescuer:
            until(lambda: rescuer.job(mail)["status"] == "failed", RESCUE_SECONDS, "the other engine rescues the mail")
            until(lambda: rescuer.job(render)["attempt"] == 2, RESCUE_SECONDS, "the other engine renders it")
            go_on.touch()
            assert rescuer.until(render, "completed")["attempt"] == 2
            job = rescuer.job(mail)
            assert (job["outcome"], job["attempt"]) == ("unknown", 1)
            all_recorded(rescuer)
            before = rows(rescuer)
            server.release()
            sleeper.wake(mail, render)
            server.wait_until(lambda: not server.connections)
            assert rows(rescuer) == before
            assert len(server.messages) == 1


@again_and_again
def test_when_an_engine_slept_past_its_lease_the_go_ahead_for_a_mail_that_waits_there_is_not_taken(
    tmp_path: Path, own_database: str, turn: int
) -> None:
    with (
        SmtpTestServer() as server,
        Sleeper(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as sleeper,
    ):
        server.hold("DATA")
        mail = sleeper.submit("EMAIL_SEND", MAIL)
        server.wait_until(lambda: "DATA" in server.held)
        sleeper.fall_asleep()
        with JobRunner(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as rescuer:
            until(lambda: rescuer.job(mail)["outcome"] == "unknown", RESCUE_SECONDS, "somebody is asked")
            server.release()
            with smtplib.SMTP(server.host, server.port) as other:
                other.noop()  # answered after the go-ahead, which waits for the one that is asleep
            sleeper.wake(mail)
            server.wait_until(lambda: not server.connections)
            assert server.messages == [], "whoever was asked may have answered that it did not go out"


@again_and_again
def test_a_mail_that_two_engines_are_about_to_send_goes_out_by_the_one_with_the_lease(
    tmp_path: Path, own_database: str, turn: int
) -> None:
    with (
        SmtpTestServer() as server,
        Sleeper(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as sleeper,
    ):
        server.hold("EHLO")
        job_id = sleeper.submit("EMAIL_SEND", MAIL)
        server.wait_until(lambda: "EHLO" in server.held)
        sleeper.fall_asleep()
        server.hold("CONNECT")  # so that the sleeper is one word ahead when both go on
        with JobRunner(tmp_path / "data", DATABASE_URL=own_database, **PACE, **settings_for(server)) as rescuer:
            server.wait_until(lambda: "CONNECT" in server.held, timeout=RESCUE_SECONDS)
            server.release()
            sleeper.wake(job_id)
            assert rescuer.until(job_id, "completed")["attempt"] == 2
            server.wait_until(lambda: not server.connections)
            assert len(server.messages) == 1
            all_recorded(rescuer)
            attempts = read(rescuer, "SELECT number, outcome FROM attempt ORDER BY number")
            assert attempts == [(1, "lost"), (2, "succeeded")]
            assert read(rescuer, "SELECT attempt, phase FROM effect") == [(2, "done")]


def settings_for(server: SmtpTestServer) -> dict[str, Any]:
    """A Job Runner's settings that lead to this mail server."""
    return {"SMTP_HOST": server.host, "SMTP_PORT": server.port, "SMTP_SECURITY": "none"}


class Sleeper(JobRunner):
    """A Job Runner that can be made to stand still."""

    def fall_asleep(self) -> None:
        """Stand still, at a moment when the process does not hold the database's one write lock."""
        until(self._asleep, 5, "stopped without the write lock")

    def wake(self, *jobs: int) -> None:
        """Go on, and give the attempts that were lost the time to end."""
        kill(self.pid, signal.SIGCONT)
        assert self.http.get("/api/v1/engine").status_code == 200
        late = "SELECT DISTINCT job_id FROM log_line WHERE attempt = 1 AND text LIKE '%late%'"
        with suppress(AssertionError):
            until(lambda: {job_id for (job_id,) in read(self, late)} >= {*jobs}, LATE_SECONDS, "lines that tell of it")

    def end(self, how: signal.Signals) -> int:
        """End it even if it still stands."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
        return super().end(how)

    def _asleep(self) -> bool:
        kill(self.pid, signal.SIGSTOP)
        if self._keeps_nobody_waiting():
            return True
        kill(self.pid, signal.SIGCONT)
        return False

    def _keeps_nobody_waiting(self) -> bool:
        if not self.database_url.startswith("sqlite://"):
            return not ask(self.database_url, IN_A_TRANSACTION)
        file = self.database_url.removeprefix("sqlite://")
        with closing(sqlite3.connect(file, timeout=0.2)) as other, suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE").connection.rollback()
            return True
        return False


def all_recorded(runner: JobRunner) -> None:
    """Return once each attempt has its outcome, which may come a moment after the job's."""
    until(lambda: not read(runner, "SELECT id FROM attempt WHERE outcome IS NULL"), 5, "every attempt has an outcome")


def rows(runner: JobRunner) -> Rows:
    """Every row of the tables that tell what happened."""
    return {table: read(runner, f"SELECT * FROM {table} ORDER BY id") for table in ("job", "attempt", "effect")}
