"""The guide for agents: every block can be pasted as it stands, and does what is said beside it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.watch import until
from tests.support.server import ROOT, JobRunner

pytestmark = pytest.mark.sqlite

GUIDE = ROOT / "docs" / "guide" / "agents.md"
SECONDS = 20


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def pasted(runner: JobRunner) -> dict[str, str]:
    """What the guide's first block exports, at this Job Runner."""
    made = runner.http.post("/api/v1/tokens", json={"name": "polyglot", "scopes": ["agent", "admin"]}).json()
    own = {"JOB_RUNNER_URL": runner.url, "JOB_RUNNER_TOKEN": made["token"], "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as running:
        yield running


def test_from_the_first_job_to_a_working_worker(runner: JobRunner, tmp_path: Path) -> None:
    _, mail, define = blocks("sh")
    submit, watch, work = blocks("python")
    environment = pasted(runner)

    def run(*command: str) -> str:
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = run("sh", "-c", mail)
    assert '"name":"First mail"' in first
    assert run("sh", "-c", mail).split('"status"')[0] == first.split('"status"')[0], "the same key, the same job"
    assert run(sys.executable, "-c", submit).startswith("completed {'message': ")
    told = run(sys.executable, "-c", watch).splitlines()
    assert [line.split()[0] for line in told] == ["begun", "job.created", "job.started", "job.completed"]
    assert '"type":"TRANSLATE"' in run("sh", "-c", define)
    worker = subprocess.Popen([sys.executable, "-c", work], env=environment, cwd=tmp_path)
    try:
        good = runner.submit("TRANSLATE", {"text": "Good morning", "to": "fr"})
        bad = runner.submit("TRANSLATE", {"text": "Good night"})
        until(lambda: runner.job(good)["status"] == "completed", SECONDS, "the worker has translated")
        assert runner.job(good)["result"] == {"message": "Bonjour"}
        assert runner.until(bad, "failed")["error"] == "This dictionary has one entry"
    finally:
        worker.kill()
        worker.wait()
