"""Endings of attempts: one statement for as many as there are, each only where its attempt still owns its job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.agent import PREFIX
from models.at_work import moment
from models.cause import cause_of
from models.database import storable, stored_json
from models.ended import AttemptEnd
from models.statement import Statement, records
from models.states import AttemptOutcome, Status
from models.usage import MAX_USED, NOTHING, Sum, Used, add_usage, day_of


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
    one more death in a row, and anything else ends the row. With `expired_before` the lease must have run
    out by then: one that was renewed meanwhile is no longer to be rescued. `used` is what the result tells, if that is
    more than what was noted while it ran.
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
    expired_before: datetime | None = None
    used: Used = NOTHING


_COLUMNS = {
    "id": "bigint",
    "attempt": "integer",
    "token": "text",
    "status": "text",
    "at": "timestamptz",
    "error": "text",
    "cause": "text",
    "result": "jsonb",
    "outcome": "text",
    "due_at": "timestamptz",
    "more_attempts": "integer",
    "died": "boolean",
    "expired_before": "timestamptz",
    "attempt_outcome": "text",
    "attempt_error": "text",
    "tokens": "bigint",
    "micros": "bigint",
}
_SQLITE, _POSTGRES = records("ending", _COLUMNS)

_END_JOBS = """
UPDATE job {by_key} SET
    status = CASE WHEN ending.status = 'queued' AND job.pause_requested THEN 'paused' ELSE ending.status END,
    progress = CASE WHEN ending.status = 'completed' THEN 100 ELSE job.progress END,
    error = ending.error, cause = ending.cause, outcome = ending.outcome,
    result = COALESCE(ending.result, job.result),
    due_at = ending.due_at,
    started_at = CASE WHEN ending.status IN ('queued', 'paused') THEN NULL ELSE job.started_at END,
    finished_at = CASE WHEN ending.status IN ('completed', 'failed') THEN ending.at END,
    max_attempts = job.max_attempts + ending.more_attempts,
    deaths = CASE WHEN ending.died THEN job.deaths + 1 ELSE 0 END,
    pause_requested = FALSE, lease_token = NULL, lease_expires_at = NULL
FROM {endings}
WHERE job.id = ending.id AND job.status = 'running' AND job.attempt = ending.attempt
    AND job.lease_token = ending.token
    AND (ending.expired_before IS NULL OR job.lease_expires_at < ending.expired_before)
RETURNING job.id AS id, job.type AS type, job.engine_id AS engine_id
"""

_END_ATTEMPTS = """
UPDATE attempt SET outcome = ending.attempt_outcome, error = ending.attempt_error, finished_at = ending.at,
    tokens = {greatest}(attempt.tokens, ending.tokens), micros = {greatest}(attempt.micros, ending.micros)
FROM {endings}
WHERE attempt.job_id = ending.id AND attempt.number = ending.attempt AND attempt.lease_token = ending.token
    AND attempt.outcome IS NULL
RETURNING attempt.job_id AS job_id, attempt.started_at AS started_at, attempt.bytes AS bytes,
    attempt.tokens AS tokens, attempt.micros AS micros
"""

# NOT INDEXED leaves the way by the primary key: by the index on status, SQLite would walk all that runs, for each.
_JOBS = Statement(
    _END_JOBS.format(by_key="NOT INDEXED", endings=_SQLITE), postgres=_END_JOBS.format(by_key="", endings=_POSTGRES)
)
_ATTEMPTS = Statement(
    _END_ATTEMPTS.format(endings=_SQLITE, greatest="MAX"),
    postgres=_END_ATTEMPTS.format(endings=_POSTGRES, greatest="GREATEST"),
)


async def end_attempts(writer: BaseDBAsyncClient, endings: Sequence[Ending]) -> dict[int, AttemptEnd]:
    """Write them in the transaction of `writer`; returns by job how it ended, of those whose attempt still owned it.

    What these used is added to the day's sums. For the others nothing is changed.
    """
    told = [_as_row(ending) for ending in endings]
    rows = await _JOBS.run(writer, [stored_json(told)])
    won = {int(row["id"]): row for row in rows}
    how = {ending.lease.job_id: ending for ending in endings}
    ends: dict[int, AttemptEnd] = {}
    if won:
        kept = [row for row in told if row["id"] in won]
        ended = await _ATTEMPTS.run(writer, [stored_json(kept)])
        used = {
            row["job_id"]: _use({**row, **won[row["job_id"]]}, (end := how[row["job_id"]]).at, end.attempt_outcome)
            for row in ended
        }
        await add_usage(writer, list(used.values()))
        for job_id, row in won.items():
            seconds = used[job_id].millis / 1000 if job_id in used else 0.0
            ends[job_id] = AttemptEnd(row["type"], how[job_id].attempt_outcome, seconds)
    return ends


_NOTE = """UPDATE attempt SET tokens = {greatest}(tokens, ?), micros = {greatest}(micros, ?)
WHERE job_id = ? AND number = ? AND lease_token = ? AND outcome IS NULL"""
_NOTE_USED = Statement(_NOTE.format(greatest="MAX"), postgres=_NOTE.format(greatest="GREATEST"))


async def note_used(lease: Lease, used: Used, writer: BaseDBAsyncClient) -> None:
    """An attempt under way tells what it has used until now, in all."""
    await _NOTE_USED.run(writer, [used.tokens, used.micros, lease.job_id, lease.attempt, lease.token])


_OF_ONE = Statement("""
SELECT job.type AS type, attempt.engine_id AS engine_id, attempt.started_at AS started_at, attempt.bytes AS bytes,
    attempt.tokens AS tokens, attempt.micros AS micros
FROM attempt JOIN job ON job.id = attempt.job_id WHERE attempt.job_id = ? AND attempt.number = ?
""")


async def count_closed(writer: BaseDBAsyncClient, lease: Lease, at: datetime) -> list[AttemptEnd]:
    """Add what an attempt used that ended without its job, in the transaction of `writer`; returns its end."""
    rows = await _OF_ONE.run(writer, [lease.job_id, lease.attempt])
    used = [_use(row, at, AttemptOutcome.LOST) for row in rows]
    await add_usage(writer, used)
    return [AttemptEnd(use.type, AttemptOutcome.LOST, use.millis / 1000) for use in used]


def _use(row: dict[str, Any], at: datetime, outcome: AttemptOutcome) -> Sum:
    """One that was put back unused is no attempt."""
    began, engine = moment(row["started_at"]), row["engine_id"] or ""
    return Sum(
        day=day_of(at),
        type=row["type"],
        agent=engine if engine.startswith(PREFIX) else "",
        attempts=int(outcome is not AttemptOutcome.RELEASED),
        millis=max(0, round((at - began).total_seconds() * 1000)),
        bytes=row["bytes"],
        tokens=row["tokens"],
        micros=row["micros"],
    )


def _as_row(ending: Ending) -> dict[str, Any]:
    return {
        "id": ending.lease.job_id,
        "attempt": ending.lease.attempt,
        "token": ending.lease.token,
        "status": ending.status,
        "attempt_outcome": ending.attempt_outcome,
        "at": ending.at,
        "error": _text(ending.error),
        "cause": _cause(ending),
        "attempt_error": _text(ending.attempt_error or ending.error),
        "result": ending.result,
        "outcome": ending.outcome,
        "due_at": ending.due_at,
        "more_attempts": ending.more_attempts,
        "died": ending.died,
        "expired_before": ending.expired_before,
        "tokens": min(ending.used.tokens, MAX_USED),
        "micros": min(ending.used.micros, MAX_USED),
    }


def _cause(ending: Ending) -> str | None:
    return cause_of(_text(ending.error) or "") if ending.status is Status.FAILED else None


def _text(value: str | None) -> str | None:
    return value and storable(value)
