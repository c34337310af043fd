"""A job: one piece of work that was asked for, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import stored_json
from models.dependency import NewDependency, insert_dependencies
from models.statement import Statement, records
from models.states import Approval, Category, Priority, Status
from models.trace import keep_traces


class Job(Model):
    """One row per job. `engine_id` and `attempt` name the latest attempt, `lease_token` the one that owns the job now.

    `content_hash` stands for what it would do, `approved_hash` for what was approved; without an approval both are
    none. `approval_terms` say why it needs one and what that takes. An approval may be undone until `undo_until`.
    `cause` is what a failed job has in common with others that failed alike.
    While it waits for other jobs it is `blocked`, and `template` says what it is to be filled in with their results.
    A job of a workflow tells its run, and which `step` of it it is: `cards.2` is the third one of a list.
    `due_at` is the moment to wait for, none once it has come. `deaths` counts the engines that died in a row while
    they ran it.
    """

    id = fields.BigIntField(primary_key=True)
    type = fields.CharField(max_length=64)
    category = fields.CharField(max_length=16)
    name = fields.CharField(max_length=200)
    summary = fields.CharField(max_length=300, default="")
    status = fields.CharEnumField(Status, max_length=16, default=Status.QUEUED)
    priority = fields.IntEnumField(Priority, default=Priority.MEDIUM)
    progress = fields.FloatField(default=0.0)
    payload = fields.JSONField[dict[str, Any]]()
    result = fields.JSONField[dict[str, Any] | None](null=True)
    error = fields.TextField(null=True)
    cause = fields.CharField(max_length=200, null=True)
    outcome = fields.CharField(max_length=16, null=True)
    approval = fields.CharField(max_length=16, null=True)
    approval_terms = fields.JSONField[dict[str, Any] | None](null=True)
    approval_asked_at = fields.DatetimeField(null=True)
    reminded_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1, db_default=1)
    content_hash = fields.CharField(max_length=64, null=True)
    approved_hash = fields.CharField(max_length=64, null=True)
    undo_until = fields.DatetimeField(null=True)
    pause_requested = fields.BooleanField(default=False)
    blocked = fields.BooleanField(default=False, db_default=False)
    template = fields.JSONField[dict[str, Any] | None](null=True)
    run_id = fields.BigIntField(null=True)
    step = fields.CharField(max_length=80, null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    run_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    attempt = fields.IntField(default=0)
    max_attempts = fields.IntField()
    deaths = fields.IntField(default=0, db_default=0)
    engine_id = fields.CharField(max_length=64, null=True)
    lease_token = fields.CharField(max_length=32, null=True)
    lease_expires_at = fields.DatetimeField(null=True)

    idempotency_key = fields.CharField(max_length=255, null=True, unique=True)
    request_hash = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "job"
        indexes = [("status", "id"), ("type", "status", "id"), ("status", "finished_at", "id")]


@dataclass(frozen=True)
class NewJob:
    """A job that is queued as soon as it is stored."""

    type: str
    category: Category
    name: str
    summary: str
    priority: Priority
    payload: dict[str, Any]
    approval: Approval | None
    created_by: str
    created_at: datetime
    run_at: datetime | None
    max_attempts: int
    idempotency_key: str | None
    request_hash: str | None
    approval_terms: dict[str, Any] | None = None
    approval_asked_at: datetime | None = None
    content_hash: str | None = None
    approved_hash: str | None = None
    blocked: bool = False
    template: dict[str, Any] | None = None
    run_id: int | None = None
    step: str | None = None
    parents: tuple[NewDependency, ...] = ()
    traceparent: str | None = None
    ref: str = ""
    """What other jobs that are stored together with it call it."""


_COLUMNS = {
    "type": "text",
    "category": "text",
    "name": "text",
    "summary": "text",
    "priority": "integer",
    "payload": "jsonb",
    "approval": "text",
    "approval_terms": "jsonb",
    "approval_asked_at": "timestamptz",
    "content_hash": "text",
    "approved_hash": "text",
    "created_by": "text",
    "created_at": "timestamptz",
    "run_at": "timestamptz",
    "due_at": "timestamptz",
    "max_attempts": "integer",
    "idempotency_key": "text",
    "request_hash": "text",
    "blocked": "boolean",
    "template": "jsonb",
    "run_id": "bigint",
    "step": "text",
}
_NAMES = ", ".join(_COLUMNS)
_JSON = frozenset(name for name, kind in _COLUMNS.items() if kind == "jsonb")
_INSERT = f"""
INSERT INTO job ({_NAMES}, status, progress, pause_requested, attempt, deaths)
{{source}}
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING id, idempotency_key
"""
_ONE = Statement(_INSERT.format(source=f"VALUES ({', '.join('?' * len(_COLUMNS))}, 'queued', 0, FALSE, 0, 0)"))
_SQLITE, _POSTGRES = records("new", _COLUMNS)
_MANY = Statement(
    _INSERT.format(source=f"SELECT {_NAMES}, 'queued', 0, FALSE, 0, 0 FROM {_SQLITE} WHERE TRUE"),  # noqa: S608
    postgres=_INSERT.format(source=f"SELECT {_NAMES}, 'queued', 0, FALSE, 0, 0 FROM {_POSTGRES}"),  # noqa: S608
)


async def insert_jobs(writer: BaseDBAsyncClient, jobs: Sequence[NewJob]) -> list[int | None]:
    """Store them in one statement; returns their ids, in order, None where the idempotency key is taken."""
    if not jobs:
        return []
    if len(jobs) == 1:  # the usual case, and quicker this way
        row = _row(jobs[0])
        values = [stored_json(value) if name in _JSON and value is not None else value for name, value in row.items()]
        rows = await _ONE.run(writer, values)
    else:
        rows = await _MANY.run(writer, [stored_json([_row(job) for job in jobs])])
    with_key = {row["idempotency_key"]: int(row["id"]) for row in rows}
    # Ids are given one after the other, in the order of the list.
    without = iter(sorted(int(row["id"]) for row in rows if row["idempotency_key"] is None))
    ids = [with_key.pop(job.idempotency_key, None) if job.idempotency_key else next(without) for job in jobs]
    stored = [(job_id, job) for job_id, job in zip(ids, jobs, strict=True) if job_id]
    if traces := {job_id: job.traceparent for job_id, job in stored if job.traceparent}:
        await keep_traces(writer, traces)
    if len(stored) < len(jobs) and any(parent.ref for job in jobs for parent in job.parents):
        return ids  # a parent may be among those whose key is taken: whoever asked stores none of them
    refs = {job.ref: job_id for job_id, job in stored if job.ref}
    await insert_dependencies({job_id: job.parents for job_id, job in stored if job.parents}, refs)
    return ids


def _row(job: NewJob) -> dict[str, Any]:
    return {name: job.run_at if name == "due_at" else getattr(job, name) for name in _COLUMNS}
