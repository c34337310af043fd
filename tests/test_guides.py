"""The guides with blocks to paste: each can be pasted as it stands, and does what is said beside it."""

import json
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

GUIDES = ROOT / "docs" / "guide"
SECONDS = 20


def blocks(language: str, guide: str = "agents.md") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (GUIDES / guide).read_text(), re.MULTILINE | re.DOTALL)


def pasted(runner: JobRunner, name: str = "polyglot", scopes: tuple[str, ...] = ("agent", "admin")) -> dict[str, str]:
    """What the guide's first block exports, at this Job Runner."""
    made = runner.http.post("/api/v1/tokens", json={"name": name, "scopes": scopes}).json()
    own = {"JOB_RUNNER_URL": runner.url, "JOB_RUNNER_TOKEN": made["token"], "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as running:
        yield running


def test_from_the_first_job_to_a_working_worker(runner: JobRunner, tmp_path: Path) -> None:
    _, mail, graph, define = blocks("sh")
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
    sent = json.loads(run("sh", "-c", graph))["items"][1]["id"]
    until(lambda: runner.job(sent)["approval"] == "pending", SECONDS, "a person is to approve what was filled in")
    assert runner.job(sent)["payload"]["body"].startswith(f"Job {sent - 1}: ")
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


def test_from_a_rejection_to_a_revision_and_rules_that_hold(runner: JobRunner, tmp_path: Path) -> None:
    _, *steps = blocks("sh", "approvals.md")
    environment = pasted(runner, "writer", ("jobs:write",))

    def run(script: str) -> str:
        done = subprocess.run(
            ["sh", "-euc", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    job_id = int(run("\n".join([*steps, "echo", "echo $JOB"])).splitlines()[-1])
    job = runner.job(job_id)
    assert (job["approval"], job["approval_reason"], job["version"]) == ("pending", "Mail from agents", 2)
    assert job["payload"]["subject"] == "Numbers of May"
    review = runner.http.get(f"/api/v1/jobs/{job_id}/review").json()
    assert [step["kind"] for step in review["steps"]] == ["rejected", "revised", "approved", "undone"]
    assert [step["comment"] for step in review["steps"]] == ["Which numbers?", "Of May", None, None]

    def submitted(*to: str, agent: bool = False) -> tuple[str | None, str | None]:
        headers = {"Authorization": f"Bearer {environment['JOB_RUNNER_TOKEN']}"} if agent else {}
        mail = {"type": "EMAIL_SEND", "payload": {"to": to, "subject": "Hello", "body": "Text"}}
        made = runner.http.post("/api/v1/jobs", json=mail, headers=headers).json()
        return made["approval"], made["approval_reason"]

    assert submitted("ada@example.com") == (None, None)
    assert submitted("ada@partner.example") == ("pending", "First mail to an outside domain")
    assert submitted(*(f"p{number}@example.com" for number in range(20))) == ("pending", "Mail to many")
    assert submitted("ada@example.com", agent=True) == ("approved", "Mail from agents")


def test_the_workflow_of_the_guide_runs_as_it_is_written(runner: JobRunner) -> None:
    (source,) = blocks("yaml", "workflows.md")
    saved = runner.http.post("/api/v1/workflows", json={"source": source})
    assert saved.status_code == 201, saved.text
    inputs = {"quarter": "Third quarter", "figures": ["41 films", "3 posts"], "ask_first": False}
    run_id = runner.http.post("/api/v1/workflows/quarterly-film/runs", json={"inputs": inputs}).json()["id"]
    steps = runner.http.get(f"/api/v1/runs/{run_id}").json()["steps"]
    for step in steps:
        for job in step["jobs"]:
            assert runner.until(job["id"], "completed", "failed")["error"] is None
    sent = "".join(mail.read_text() for mail in (runner.data_dir / "outbox").glob("*.eml"))
    assert "film.mp4" in sent
    (start,) = blocks("sh", "workflows.md")
    command = start.replace("http://127.0.0.1:8080", runner.url)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert '"workflow":"weekly-report"' in done.stdout


def test_from_an_expression_to_a_schedule_that_runs(runner: JobRunner, tmp_path: Path) -> None:
    preview, make, rest = blocks("sh", "schedules.md")
    script = "\n".join([preview.replace("http://127.0.0.1:8080", runner.url), make, rest])
    done = subprocess.run(["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert '"words":"Every weekday at 09:00, Europe/Berlin"' in done.stdout
    (made,) = runner.http.get("/api/v1/schedules").json()["items"]
    assert (made["name"], made["paused"]) == ("Weekday report", False)
    assert runner.until(made["last_run"]["job_id"], "completed")["name"] == "Report"
