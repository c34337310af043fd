"""The log: every line that is written while an attempt runs says of which attempt it is, whoever writes it."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.jobs.base import Context
from engine.logs import JSON, TEXT, choose_format, of_attempt, start_log
from engine.settings import Settings
from models.states import Status
from tests.support.engine import changed, running, scripted, submitted, until_status
from tests.support.server import JobRunner, WorkerProcess

library = logging.getLogger("some.library")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written, as text until a test chooses otherwise."""
    root, output = logging.getLogger(), io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    start_log()
    yield output
    choose_format(TEXT)


def objects(output: str) -> list[dict[str, Any]]:
    """Every line, each of which must be a JSON object."""
    return [json.loads(line) for line in output.splitlines()]


async def test_what_a_job_and_its_libraries_log_names_the_attempt_in_tasks_and_threads_too(
    settings: Settings, written: io.StringIO
) -> None:
    choose_format(JSON)

    async def work(context: Context) -> dict[str, Any]:
        library.info("begun")
        await asyncio.to_thread(library.warning, "in a thread of %s", context.job_id)
        await asyncio.create_task(later())
        return {}

    async def later() -> None:
        await asyncio.sleep(0)
        library.info("in a task")

    async with running(changed(settings, concurrency=2), scripted(work)) as atlas:
        ids = [await submitted(atlas) for _ in range(2)]
        for job_id in ids:
            await until_status(atlas, job_id, Status.COMPLETED)
        library.info("after all")
    lines = [line for line in objects(written.getvalue()) if line["logger"] == "some.library"]
    told = {(line.get("job"), line.get("attempt"), line.get("type"), line["message"]) for line in lines}
    of_jobs = {
        (job_id, 1, "SCRIPTED", said) for job_id in ids for said in ("begun", f"in a thread of {job_id}", "in a task")
    }
    assert told == {*of_jobs, (None, None, None, "after all")}
    moment = datetime.fromisoformat(lines[0]["time"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[0]["time"])
    assert abs((datetime.now(moment.tzinfo) - moment).total_seconds()) < 60
    assert {line["level"] for line in lines} == {"INFO", "WARNING"}


def test_a_traceback_and_a_text_of_many_lines_are_in_one_object(written: io.StringIO) -> None:
    choose_format(JSON)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        library.exception("it said %s", "one\ntwo «ü»")
    (line,) = objects(written.getvalue())
    assert line["message"] == "it said one\ntwo «ü»"
    assert line["exception"].startswith("Traceback (most recent call last)")
    assert line["exception"].endswith("ValueError: first\nsecond")


def test_as_text_a_line_names_the_attempt_once(written: io.StringIO) -> None:
    with of_attempt(12, 2, "EMAIL_SEND"):
        library.info("connected")
        library.info("job 12, attempt 2: refused")
    library.info("nobody's")
    said = [re.sub(r"^\S+ \S+ ", "", line) for line in written.getvalue().splitlines()]
    assert said == [
        "INFO some.library: [job 12 attempt 2] connected",
        "INFO some.library: job 12, attempt 2: refused",
        "INFO some.library: nobody's",
    ]


def test_with_the_setting_every_line_of_a_process_is_an_object(tmp_path: Path, own_database: str, kind: str) -> None:
    settings = {"POLL_SECONDS": 0.1, "LOG_FORMAT": "json", "DATABASE_URL": own_database}
    with JobRunner(tmp_path / "data", **settings) as runner:
        processes: list[JobRunner | WorkerProcess] = [runner]
        if kind == "postgres":
            processes.append(worker := WorkerProcess(tmp_path / "worker", **settings))
            worker.start()
            worker.until_it_said("worker online")
        job_id = runner.submit("TEST_RENDER", {"title": "x", "fail": "No colour"})
        runner.until(job_id, "failed")
        for process in processes:
            process.stop()
        lines = [line for process in processes for line in objects(process.output)]
    (failure,) = [line for line in lines if "No colour" in line["message"]]
    assert (failure["job"], failure["attempt"], failure["type"]) == (job_id, 1, "TEST_RENDER")
