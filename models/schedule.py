"""Schedules: what starts by itself, when, and what came of it each time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.models import Model

from models.statement import Statement

RUNS_KEPT = 500  # of a schedule, the newest


class Missed(StrEnum):
    """What becomes of the times that passed while nothing ran."""

    SKIP = "skip"
    ONCE = "once"  # one start makes up for all of them
    ALL = "all"


class Overlap(StrEnum):
    """What becomes of a time that comes while what was started before is not over."""

    SKIP = "skip"
    QUEUE = "queue"  # it starts anyway


class RunOutcome(StrEnum):
    """What came of a time of a schedule."""

    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"


class Schedule(Model):
    """What starts by itself: again and again (`cron` in `time_zone`) or once (`at`).

    `target` says what starts: {"job": …} or {"workflow": …}. `next_at` is when it is due, none when it is no more.
    `version` counts the changes, so that what was prepared for one is not done after the next. `author` made it as it
    is, and `agent` is the program that did, if one did: the approval policy asks. `fault` is why the latest start
    failed, none if it did not.
    """

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    target = fields.JSONField[dict[str, Any]]()
    cron = fields.CharField(max_length=100, null=True)
    time_zone = fields.CharField(max_length=64, default="UTC")
    at = fields.DatetimeField(null=True)
    missed = fields.CharEnumField(Missed, max_length=8, default=Missed.ONCE)
    overlap = fields.CharEnumField(Overlap, max_length=8, default=Overlap.SKIP)
    paused = fields.BooleanField(default=False)
    next_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    fault = fields.TextField(null=True)
    agent = fields.CharField(max_length=200, null=True)
    author = fields.CharField(max_length=200)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "schedule"


class ScheduleRun(Model):
    """What came of a time of a schedule, or of a run by hand.

    `due_at` is none where somebody ran it by hand. It has started a job or a workflow's run, or tells in `reason` why
    it has not. `author` made the schedule as it was, or ran it by hand. It outlives the schedule as long as its job.
    """

    id = fields.BigIntField(primary_key=True)
    schedule_id = fields.BigIntField()
    due_at = fields.DatetimeField(null=True)
    started_at = fields.DatetimeField()
    outcome = fields.CharEnumField(RunOutcome, max_length=8, default=RunOutcome.STARTED)
    job_id = fields.BigIntField(null=True, db_index=True)
    run_id = fields.BigIntField(null=True, db_index=True)
    reason = fields.TextField(null=True)
    author = fields.CharField(max_length=200)

    class Meta:
        table = "schedule_run"
        unique_together = [("schedule_id", "due_at")]
        indexes = [("schedule_id", "id")]


_MOVE_ON = Statement("""
UPDATE schedule SET next_at = ?, fault = ?
WHERE id = ? AND version = ? AND next_at = ? AND NOT paused
RETURNING id
""")
_FORGET = Statement("""
DELETE FROM schedule_run WHERE schedule_id = ? AND job_id IS NULL AND run_id IS NULL AND id <= (
    SELECT id FROM schedule_run WHERE schedule_id = ? AND job_id IS NULL AND run_id IS NULL
    ORDER BY id DESC LIMIT 1 OFFSET ?
)
""")
_LATEST = """
SELECT MAX(id) AS id FROM schedule_run WHERE schedule_id IN ({ids}){which} GROUP BY schedule_id
"""


async def move_on(
    writer: BaseDBAsyncClient, schedule: Schedule, next_at: datetime | None, fault: str | None = None
) -> bool:
    """Let the next time be due; False if another process did, or somebody has paused or changed it meanwhile."""
    values = [next_at, fault, schedule.id, schedule.version, schedule.next_at]
    return bool(await _MOVE_ON.run(writer, values))


async def note_runs(writer: BaseDBAsyncClient, runs: Sequence[ScheduleRun]) -> None:
    """Store what came of some times, and forget what came of the oldest."""
    if runs:
        await ScheduleRun.bulk_create(runs, ignore_conflicts=True)
    for schedule_id in {run.schedule_id for run in runs}:
        await _FORGET.run(writer, [schedule_id, schedule_id, RUNS_KEPT])


async def latest_runs(writer: BaseDBAsyncClient, ids: Collection[int], *, started: bool = False) -> list[ScheduleRun]:
    """Of each of these schedules what came last, or with `started` what started last."""
    if not ids:
        return []
    which = " AND outcome = 'started'" if started else ""
    listed = ", ".join(str(int(each)) for each in ids)
    rows = await Statement(_LATEST.format(ids=listed, which=which)).run(writer)
    return await ScheduleRun.filter(id__in=[row["id"] for row in rows])


async def authors_of(job_id: int, run_id: int | None) -> list[str]:
    """Who is behind a job that a schedule started, or the workflow's run that it is a step of."""
    which = Q(job_id=job_id) | Q(run_id=run_id) if run_id else Q(job_id=job_id)
    runs = await ScheduleRun.filter(which)
    schedules = await Schedule.filter(id__in=[run.schedule_id for run in runs]) if runs else []
    return [*(run.author for run in runs), *(schedule.author for schedule in schedules)]
