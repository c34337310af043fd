"""Messages: attempts on their way to a worker, as jobs of Procrastinate in the same PostgreSQL.

A message only says which attempt is to be made. The job's row with its lease stays the truth: whoever receives a
message takes the attempt up under its fence, so one that comes late, or twice, changes nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.claim import Claimed
from models.database import loaded_json
from models.ending import Lease
from models.statement import Statement, records

TASK = "attempt"
MAX_QUEUE = 40  # with its own prefix PostgreSQL's limit for the name of a channel

_COLUMNS = {"queue": "text", "job_id": "bigint", "attempt": "integer", "token": "text"}
_SEND = Statement(
    f"""
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    queue, '{TASK}', 0, NULL, NULL, jsonb_build_object('job_id', job_id, 'attempt', attempt, 'token', token), NULL
)::procrastinate_job_to_defer_v1 ORDER BY place)) FROM (SELECT *, row_number() OVER () AS place FROM {{messages}}) AS m
""".format(messages=records("message", _COLUMNS)[1])  # noqa: S608 (constants only)
)

_TAKEN = {"id": "bigint", "attempt": "integer", "token": "text"}
_TAKE_UP = Statement(f"""
UPDATE job SET engine_id = ?, lease_expires_at = ? FROM {records("taken", _TAKEN)[1]}
WHERE job.id = taken.id AND job.attempt = taken.attempt AND job.lease_token = taken.token
    AND job.status = 'running' AND job.engine_id IS NULL AND job.lease_expires_at > now()
RETURNING job.id AS id, job.type AS type, payload, job.attempt AS attempt, max_attempts, lease_token, pause_requested,
    (SELECT time_limit_seconds FROM type_policy WHERE type_policy.type = job.type) AS time_limit_seconds
""")  # noqa: S608 (constants only)
_TAKEN_BY = Statement(f"""
UPDATE attempt SET engine_id = ? FROM {records("taken", _TAKEN)[1]}
WHERE attempt.job_id = taken.id AND attempt.number = taken.attempt AND attempt.lease_token = taken.token
""")  # noqa: S608

_WORKERS = Statement("""
SELECT types, concurrency - (SELECT COUNT(*) FROM job WHERE status = 'running' AND engine_id = engine.id) AS free
FROM engine WHERE role = 'worker' AND stopped_at IS NULL AND last_beat_at > ?
""")
_ON_THE_WAY = Statement(
    "SELECT type, COUNT(*) AS n FROM job WHERE status = 'running' AND engine_id IS NULL GROUP BY type"
)

_ONE_SENDER = Statement("SELECT pg_advisory_xact_lock(?)")
SENDING = 0x4A6F6253


@dataclass(frozen=True)
class Worker:
    """A worker that is alive: the types that it runs, and how many more attempts it can take."""

    types: frozenset[str]
    free: int


@dataclass(frozen=True)
class TakenUp:
    """An attempt that this worker makes; `pause` is whether somebody asked for a pause meanwhile."""

    claimed: Claimed
    pause: bool


def queue_of(job_type: str) -> str:
    """The queue of a job type: its key, or as much of it as PostgreSQL takes, and what tells it from others."""
    if len(job_type) <= MAX_QUEUE:
        return job_type
    return f"{job_type[: MAX_QUEUE - 9]}-{hashlib.sha256(job_type.encode()).hexdigest()[:8]}"


async def one_sender(writer: BaseDBAsyncClient) -> None:
    """Until this transaction ends no other engine looks how many places the workers have left."""
    await _ONE_SENDER.run(writer, [SENDING])


async def send(writer: BaseDBAsyncClient, attempts: Sequence[Claimed]) -> None:
    """Put these attempts on their way in the transaction of `writer`, the first one first."""
    told = [
        {"queue": queue_of(job.type), "job_id": job.id, "attempt": job.attempt, "token": job.lease_token}
        for job in attempts
    ]
    await _SEND.run(writer, [json.dumps(told)])


async def living_workers(reader: BaseDBAsyncClient, heard_after: datetime) -> list[Worker]:
    """The workers whose last heartbeat is younger, but for those that are stopping.

    It is asked in a transaction in which no other engine asks.
    """
    rows = await _WORKERS.run(reader, [heard_after])
    workers = [Worker(frozenset(loaded_json(row["types"]) or ()), max(0, row["free"])) for row in rows]
    return [worker for worker in workers if worker.types]


async def on_the_way(reader: BaseDBAsyncClient) -> dict[str, int]:
    """How many attempts no worker has taken up yet, by type."""
    return {row["type"]: row["n"] for row in await _ON_THE_WAY.run(reader)}


async def take_up(
    writer: BaseDBAsyncClient, leases: Sequence[Lease], *, engine_id: str, lease_expires_at: datetime
) -> dict[Lease, TakenUp]:
    """Make this worker the one that executes these attempts; left out are those that are over, or another worker's."""
    told = json.dumps([{"id": lease.job_id, "attempt": lease.attempt, "token": lease.token} for lease in leases])
    rows = await _TAKE_UP.run(writer, [engine_id, lease_expires_at, told])
    if rows:
        await _TAKEN_BY.run(writer, [engine_id, told])
    return {Lease(row["id"], row["attempt"], row["lease_token"]): _taken(row) for row in rows}


def _taken(row: dict[str, Any]) -> TakenUp:
    claimed = Claimed(
        id=row["id"],
        type=row["type"],
        payload=loaded_json(row["payload"]),
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        lease_token=row["lease_token"],
        time_limit_seconds=row["time_limit_seconds"],
    )
    return TakenUp(claimed, bool(row["pause_requested"]))


async def install(connection: Any) -> None:
    """Make Procrastinate's tables, or bring them up to date; nobody else may be doing so.

    It keeps no record of its own of the version that a database has, so the names of what was applied are kept here.
    """
    from procrastinate.schema import SchemaManager  # not needed, and slow to load, where the database is SQLite

    scripts = _scripts(Path(SchemaManager.get_migrations_path()))
    async with connection.transaction():
        if not await connection.fetchval("SELECT to_regclass('procrastinate_jobs')"):
            await connection.execute(SchemaManager.get_schema())
            await connection.execute("CREATE TABLE message_schema (name TEXT PRIMARY KEY)")
            await _keep(connection, scripts)
            return
        applied = {row["name"] for row in await connection.fetch("SELECT name FROM message_schema")}
        for name in [name for name in scripts if name not in applied]:
            await connection.execute(scripts[name])
            await _keep(connection, [name])


def _scripts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.sql"))}


async def _keep(connection: Any, names: Iterable[str]) -> None:
    await connection.executemany("INSERT INTO message_schema (name) VALUES ($1)", [(name,) for name in names])
