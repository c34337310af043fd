"""A database of a former version keeps everything when this version opens it."""

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate

from engine.settings import Settings
from models.counts import job_counts
from models.database import configuration
from models.job import Job
from models.states import Status
from tests.support.engine import opened, stored_job

pytestmark = pytest.mark.sqlite

FORMER = "models.0002_claim_index"
SOON = "2035-01-01 08:00:00+00:00"


async def make_former(database: Path) -> None:
    """An empty database as the former version made it."""
    database.unlink(missing_ok=True)  # noqa: ASYNC240 (nothing else runs)
    await migrate(config=configuration(f"sqlite://{database}"), target=FORMER)
    await Tortoise.close_connections()


def insert_former_job(database: Path, **columns: Any) -> None:
    """A job as the former version stored it."""
    usual = {"type": "T", "category": "task", "name": "A job", "summary": "", "status": "queued", "priority": 2}
    more = {"progress": 0, "payload": "{}", "pause_requested": 0, "created_by": "x", "attempt": 0, "max_attempts": 5}
    values = {**usual, **more, "created_at": SOON, "due_at": SOON, **columns}
    marks = ", ".join("?" * len(values))
    with closing(sqlite3.connect(database)) as writer, writer:
        writer.execute(f"INSERT INTO job ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def schema(database: Path) -> set[str]:
    """Indexes by name, and every column with its rules."""
    with closing(sqlite3.connect(database)) as reader:
        indexes = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        tables = [row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {
            f"{table} {name} {kind} {required} {key}"
            for table in tables
            for _, name, kind, required, _, key in reader.execute(f"PRAGMA table_info({table})")
        }
    return indexes | columns


async def test_jobs_of_the_former_version_wait_for_the_same_time(settings: Settings) -> None:
    database = settings.data_dir / "job-runner.db"
    await make_former(database)
    insert_former_job(database, name="Later")
    insert_former_job(database, name="Done", status="completed")
    async with opened(settings):
        later, done = await Job.all().order_by("id")
        assert later.due_at
        assert (later.name, later.status, later.due_at.isoformat()) == (
            "Later",
            Status.QUEUED,
            "2035-01-01T08:00:00+00:00",
        )
        assert (done.due_at, done.deaths) == (None, 0)


async def test_every_index_and_rule_of_the_former_version_is_still_there(settings: Settings) -> None:
    database = settings.data_dir / "job-runner.db"
    await make_former(database)
    former = schema(database)
    async with opened(settings):
        pass
    assert former - schema(database) - {"idx_job_categor_e06df1", "idx_job_status_6393e5"} == {
        "job due_at TIMESTAMP 1 0"
    }


async def test_an_upgrade_that_was_broken_off_before_it_was_noted_is_begun_anew(settings: Settings) -> None:
    database = settings.data_dir / "job-runner.db"
    database.unlink(missing_ok=True)
    await migrate(config=configuration(f"sqlite://{database}"), target="models.0013_budgets")
    await Tortoise.close_connections()
    counts = import_module("models.migrations.0014_counts")
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        for statement in ("DROP INDEX idx_job_categor_e06df1", *counts.INDEXES, *counts.SQLITE):
            writer.execute(statement)
    async with opened(settings):
        await stored_job()
        assert (await job_counts()).by_status == {"queued": 1}
