"""Whoever watches a worker is told whether it works, by a program that is quick to answer."""

import socket
import subprocess
import sys
from datetime import timedelta

import pytest

from engine import clock
from engine.settings import Settings
from models.engine_record import EngineRecord
from models.states import ProcessRole
from tests.support.engine import opened
from tests.support.server import ROOT, environment, free_port

pytestmark = pytest.mark.postgres

HEAVY = ("tortoise", "fastapi", "nicegui", "pydantic", "uvicorn")


PATIENT = "import sys; from engine import alive; alive.ANSWER_SECONDS = 20; sys.exit(alive.main())"


def ask(url: str, *program: str) -> tuple[int, str]:
    """The exit code, and what it said."""
    program = program or ("-m", "engine.alive")
    command = [sys.executable, *program]
    env = environment({"DATABASE_URL": url} if url else {})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


async def asked(settings: Settings, *, seconds_ago: float, host: str = "", stopped: bool = False) -> tuple[int, str]:
    """What it answers when a worker's last beat was so long ago."""
    beat = clock.now() - timedelta(seconds=seconds_ago)
    async with opened(settings):
        await EngineRecord.create(
            id="worker",
            role=ProcessRole.WORKER,
            host=host or socket.gethostname(),
            pid=1,
            concurrency=1,
            poll_seconds=1,
            started_at=beat,
            last_beat_at=beat,
            stopped_at=beat if stopped else None,
        )
    return ask(settings.database, "-c", PATIENT)


async def test_a_worker_that_beats_is_alive(settings: Settings) -> None:
    assert await asked(settings, seconds_ago=1) == (0, "")


async def test_a_worker_that_is_silent_is_not(settings: Settings) -> None:
    code, told = await asked(settings, seconds_ago=60)
    assert code == 1
    assert told.startswith(f"job-runner: the last heartbeat on {socket.gethostname()} was 6")


@pytest.mark.parametrize("stopped", [False, True])
async def test_another_hosts_worker_or_one_that_stopped_says_nothing_about_this_one(
    settings: Settings, stopped: bool
) -> None:
    host = "" if stopped else "elsewhere"
    told = f"job-runner: no engine or worker is known on {socket.gethostname()}"
    assert await asked(settings, seconds_ago=1, host=host, stopped=stopped) == (1, told)


def test_a_database_that_is_away_is_no_reason_to_restart_a_worker() -> None:
    code, told = ask(f"postgres://ada:geheim@127.0.0.1:{free_port()}/jobs")
    assert code == 0
    assert told.startswith("nobody can tell, as the database gives no answer: ")
    assert "geheim" not in told
    assert "\n" not in told


@pytest.mark.parametrize("url", ["", "sqlite:///data/job-runner.db"])
def test_a_process_on_sqlite_is_asked_elsewhere(url: str) -> None:
    code, told = ask(url)
    assert code == 1
    assert "JOB_RUNNER_DATABASE_URL must begin with postgres://" in told
    assert "/healthz" in told


def test_it_loads_nothing_that_takes_long() -> None:
    told = f"import sys, engine.alive; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
