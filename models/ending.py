"""Endings of attempts: one statement for as many as there are, each only where its attempt still owns its job."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.database import storable, stored_time
from models.states import AttemptOutcome, Status


@dataclass(frozen=True)
class Lease:
    """Names one attempt; every write of the attempt is conditional on it (a fence)."""

    job_id: int
    attempt: int
    token: str


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, and where that leaves its job.

    `error` is told with the job, and with the attempt unless `attempt_error` says more. A job that would be queued
    is paused if somebody asked for that meanwhile. `more_attempts` is added to what the job may use; `died` counts
    one more death in a row, and anything else ends the row.
    """

    lease: Lease
    status: Status
    attempt_outcome: AttemptOutcome
    at: datetime
    error: str | None = None
    attempt_error: str | None = None
    result: dict[str, Any] | None = None
    outcome: str | None = None
    due_at: datetime | None = None
    more_attempts: int = 0
    died: bool = False


_FIELDS = ("id", "attempt", "token", "status", "at", "error", "result", "outcome", "due_at", "more_attempts", "died")
_COLUMNS = ", ".join(
    f"json_extract(value, '$.{name}') AS {name}" for name in (*_FIELDS, "attempt_outcome", "attempt_error")
)
_ENDINGS = f"(SELECT {_COLUMNS} FROM json_each(?)) AS ending"  # noqa: S608 (constants only)

# NOT INDEXED leaves the way by the primary key: by the index on status, SQLite would walk all that runs, for each.
_END_JOBS = f"""
UPDATE job NOT INDEXED SET
    status = CASE WHEN ending.status = 'queued' AND job.pause_requested THEN 'paused' ELSE ending.status END,
    progress = CASE WHEN ending.status = 'completed' THEN 100 ELSE job.progress END,
    error = ending.error, outcome = ending.outcome, result = COALESCE(ending.result, job.result),
    due_at = ending.due_at,
    started_at = CASE WHEN ending.status IN ('queued', 'paused') THEN NULL ELSE job.started_at END,
    finished_at = CASE WHEN ending.status IN ('completed', 'failed') THEN ending.at END,
    max_attempts = job.max_attempts + ending.more_attempts,
    deaths = CASE WHEN ending.died THEN job.deaths + 1 ELSE 0 END,
    pause_requested = 0, lease_token = NULL, lease_expires_at = NULL
FROM {_ENDINGS}
WHERE job.id = ending.id AND job.status = 'running' AND job.attempt = ending.attempt
    AND job.lease_token = ending.token
RETURNING id
"""  # noqa: S608

_END_ATTEMPTS = f"""
UPDATE attempt SET outcome = ending.attempt_outcome, error = ending.attempt_error, finished_at = ending.at
FROM {_ENDINGS}
WHERE attempt.job_id = ending.id AND attempt.number = ending.attempt AND attempt.lease_token = ending.token
    AND attempt.outcome IS NULL
"""  # noqa: S608


async def end_attempts(writer: BaseDBAsyncClient, endings: Sequence[Ending]) -> set[int]:
    """Write them in the transaction of `writer`; returns the ids of the jobs whose attempt still owned them.

    For the others nothing is changed.
    """
    told = [_as_row(ending) for ending in endings]
    rows = await writer.execute_query_dict(_END_JOBS, [json.dumps(told)])
    won = {int(row["id"]) for row in rows}
    if won:
        kept = [row for row in told if row["id"] in won]
        await writer.execute_query(_END_ATTEMPTS, [json.dumps(kept)])
    return won


def _as_row(ending: Ending) -> dict[str, Any]:
    return {
        "id": ending.lease.job_id,
        "attempt": ending.lease.attempt,
        "token": ending.lease.token,
        "status": ending.status,
        "attempt_outcome": ending.attempt_outcome,
        "at": stored_time(ending.at),
        "error": _text(ending.error),
        "attempt_error": _text(ending.attempt_error or ending.error),
        "result": None if ending.result is None else json.dumps(ending.result, default=str),
        "outcome": ending.outcome,
        "due_at": ending.due_at and stored_time(ending.due_at),
        "more_attempts": ending.more_attempts,
        "died": ending.died,
    }


def _text(value: str | None) -> str | None:
    return value and storable(value)
