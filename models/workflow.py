"""Workflows, each version of them, and their runs."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.schedule import ScheduleRun
from models.statement import Statement
from models.states import Status


class Workflow(Model):
    """One version of a workflow, as it was written.

    Of each name one version at most is current; of one that was removed, none is.
    """

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64)
    version = fields.IntField()
    current = fields.BooleanField(default=True)
    title = fields.CharField(max_length=200)
    description = fields.CharField(max_length=500, default="")
    source = fields.TextField()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "workflow"
        unique_together = [("name", "version")]


class WorkflowRun(Model):
    """A workflow that was started with these inputs: its jobs tell where it stands."""

    id = fields.BigIntField(primary_key=True)
    workflow_id = fields.BigIntField(db_index=True)
    inputs = fields.JSONField[dict[str, Any]]()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    cancelled_at = fields.DatetimeField(null=True)
    idempotency_key = fields.CharField(max_length=255, null=True, unique=True)
    request_hash = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "workflow_run"


@dataclass(frozen=True)
class NewRun:
    """A run that is stored together with its jobs."""

    workflow_id: int
    inputs: dict[str, Any]
    created_by: str
    created_at: datetime
    idempotency_key: str | None = None
    request_hash: str | None = None


@dataclass(frozen=True)
class Standing:
    """How many jobs of a run stand alike; `waits` is for jobs before it, `asks` for approval."""

    run_id: int
    status: Status
    waits: bool
    asks: bool
    jobs: int
    latest: datetime | None
    """When the latest of them was over."""


_SQLITE_IDS, _POSTGRES_IDS = (
    "SELECT value FROM json_each(?)",
    "SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb)",
)
_STANDINGS = """SELECT run_id, status, blocked, approval = 'pending' AS asks, COUNT(*) AS jobs,
    MAX(finished_at) AS latest
FROM job WHERE run_id IN ({ids}) GROUP BY run_id, status, blocked, approval = 'pending'"""
_STANDINGS_OF = Statement(_STANDINGS.format(ids=_SQLITE_IDS), postgres=_STANDINGS.format(ids=_POSTGRES_IDS))
# Whoever saves at the same time waits, and so counts on from what was saved before.
_ONE_AT_A_TIME = Statement(
    "UPDATE workflow SET id = id WHERE id = (SELECT MIN(id) FROM workflow WHERE name = ?) RETURNING id"
)
_CANCEL = Statement("""UPDATE job SET status = 'cancelled', finished_at = ?, pause_requested = FALSE
WHERE run_id = ? AND status IN ('queued', 'paused') RETURNING id""")
_EDGES = Statement("""SELECT dependency.parent_id AS parent_id, dependency.job_id AS job_id
FROM dependency JOIN job ON job.id = dependency.job_id WHERE job.run_id = ?""")
_PRUNE = Statement("""DELETE FROM workflow_run WHERE created_at < ?
AND NOT EXISTS (SELECT 1 FROM job WHERE job.run_id = workflow_run.id) RETURNING id""")


async def insert_run(new: NewRun) -> int:
    """Store a run; must be called in the transaction that stores its jobs."""
    return int((await WorkflowRun.create(**vars(new))).id)


async def one_save_at_a_time(writer: BaseDBAsyncClient, name: str) -> None:
    """Keep others from saving a version of it before this transaction is over."""
    await _ONE_AT_A_TIME.run(writer, [name])


async def standings(reader: BaseDBAsyncClient, run_ids: Collection[int]) -> list[Standing]:
    """How the jobs of these runs stand."""
    rows = await _STANDINGS_OF.run(reader, [json.dumps(list(run_ids))])
    return [
        Standing(
            int(row["run_id"]),
            Status(row["status"]),
            bool(row["blocked"]),
            bool(row["asks"]),
            int(row["jobs"]),
            _moment(row["latest"]),
        )
        for row in rows
    ]


async def cancel_waiting(writer: BaseDBAsyncClient, run_id: int, now: datetime) -> list[int]:
    """Cancel what of a run is queued or paused; returns the jobs."""
    return [int(row["id"]) for row in await _CANCEL.run(writer, [now, run_id])]


async def edges(reader: BaseDBAsyncClient, run_id: int) -> list[tuple[int, int]]:
    """Which job of a run comes before which, by their ids."""
    return [(int(row["parent_id"]), int(row["job_id"])) for row in await _EDGES.run(reader, [run_id])]


async def prune_runs(writer: BaseDBAsyncClient, too_old: datetime) -> int:
    """Forget runs that began before this, and of which no job is left; returns how many."""
    gone = [int(row["id"]) for row in await _PRUNE.run(writer, [too_old])]
    if gone:
        await ScheduleRun.filter(run_id__in=gone).using_db(writer).delete()
    return len(gone)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
