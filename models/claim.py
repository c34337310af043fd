"""The claim: takes due jobs off the queue, so that each goes to one engine only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.approval import void_approval
from models.content import content_hashes
from models.database import loaded_json
from models.statement import POSTGRES, Statement

# INDEXED BY: left alone, SQLite takes the index on status and sorts the whole queue at every look.
_OF_ONE_TYPE = """
SELECT * FROM (
    SELECT id, priority, created_at FROM job {index}
    WHERE type = ? AND status = 'queued' AND due_at IS NULL AND (approval IS NULL OR approval = 'approved')
        AND NOT blocked
    ORDER BY priority DESC, created_at, id
    LIMIT {least}(?, COALESCE((SELECT places FROM open_type WHERE type = ?), ?))
    {lock}
) AS of_one_type"""

# A type without a policy has no row here, and as many places as there are.
_OPEN_TYPES = """
open_type AS (
    SELECT type, CASE
        WHEN paused THEN 0
        WHEN concurrency IS NULL THEN ?
        ELSE {greatest}(0, {least}(
            ?, concurrency - (SELECT COUNT(*) FROM job WHERE status = 'running' AND type = policy.type)
        ))
    END AS places
    FROM type_policy AS policy
)"""

_CLAIM = """
WITH {open_types}, due AS ({due}), chosen AS (SELECT id FROM due ORDER BY priority DESC, created_at, id LIMIT ?)
UPDATE job SET status = 'running', attempt = attempt + 1, progress = 0, error = NULL, outcome = NULL,
    started_at = ?, finished_at = NULL, engine_id = ?, lease_token = ?, lease_expires_at = ?
WHERE id IN (SELECT id FROM chosen)
RETURNING id, type, payload, attempt, max_attempts, priority, created_at, approval, content_hash, approved_hash,
    (SELECT time_limit_seconds FROM type_policy WHERE type_policy.type = job.type) AS time_limit_seconds
"""

_BEGIN_ATTEMPTS = """
INSERT INTO attempt (job_id, number, lease_token, engine_id, started_at)
SELECT id, attempt, lease_token, COALESCE(engine_id, ''), started_at FROM job WHERE {chosen}
"""
_ONE_OF = "id = ANY (ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(?::jsonb)))"  # IN would read all jobs
_ATTEMPTS = Statement(
    _BEGIN_ATTEMPTS.format(chosen="id IN (SELECT value FROM json_each(?))"),
    postgres=_BEGIN_ATTEMPTS.format(chosen=_ONE_OF),
)

_COME_DUE = """
UPDATE job {index} SET due_at = NULL
WHERE status = 'queued' AND due_at IS NOT NULL AND due_at <= ?
"""
_DUE = Statement(_COME_DUE.format(index="INDEXED BY idx_job_due"), postgres=_COME_DUE.format(index=""))

_FULL_TYPES = Statement("""
SELECT 1 FROM type_policy AS policy WHERE NOT paused AND concurrency IS NOT NULL
    AND concurrency <= (SELECT COUNT(*) FROM job WHERE status = 'running' AND type = policy.type) LIMIT 1
""")

# Of engines that look at once only one at a time may count what runs of a limited type; SQLite has one writer anyway.
_ONE_AT_A_TIME = Statement("SELECT 1 FROM type_policy WHERE concurrency IS NOT NULL ORDER BY type FOR UPDATE")


@cache
def _claim_of(types: int) -> Statement:
    """The claim from so many types; rows that another engine is just claiming are passed over."""
    sqlite = _OF_ONE_TYPE.format(index="INDEXED BY idx_job_claim", least="MIN", lock="")
    postgres = _OF_ONE_TYPE.format(index="", least="LEAST", lock="FOR UPDATE SKIP LOCKED")
    return Statement(
        _CLAIM.format(
            open_types=_OPEN_TYPES.format(greatest="MAX", least="MIN"), due=" UNION ALL ".join([sqlite] * types)
        ),
        postgres=_CLAIM.format(
            open_types=_OPEN_TYPES.format(greatest="GREATEST", least="LEAST"),
            due=" UNION ALL ".join([postgres] * types),
        ),
    )


@dataclass(frozen=True)
class Claimed:
    """A job that this engine owns from now on, as far as running it needs to know.

    `time_limit_seconds` is what people set for its type, None for the type's own.
    """

    id: int
    type: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    lease_token: str
    time_limit_seconds: float | None = None


async def come_due(writer: BaseDBAsyncClient, now: datetime) -> None:
    """Let every queued job whose time has come be claimed."""
    await _DUE.run(writer, [now])


async def claim_due(
    writer: BaseDBAsyncClient,
    *,
    engine_id: str | None,
    lease_token: str,
    now: datetime,
    lease_expires_at: datetime,
    places: Mapping[str, int],
    limit: int,
) -> tuple[list[Claimed], bool]:
    """Claim up to `limit` due jobs and begin their attempts, in the order priority, then oldest.

    `places` are the types to claim, each with how many at most. Types that people paused are left out, and no type
    gets more than people allow at once. Without an engine the attempts wait for a worker that takes them up. A job
    that would do something else than what was approved goes back to be approved. Returns also whether more may be
    waiting for a place. `writer` must be in a transaction.
    """
    if not places:
        return [], False
    if writer.capabilities.dialect == POSTGRES:
        await _ONE_AT_A_TIME.run(writer)
    of_types = [value for key, most in places.items() for value in (key, most, key, most)]
    values = [limit, limit, *of_types, limit, now, engine_id, lease_token, lease_expires_at]
    rows = await _claim_of(len(places)).run(writer, values)
    more = len(rows) == limit or bool(await _FULL_TYPES.run(writer))
    rows = await _still_approved(writer, rows, now)
    if rows:
        await _ATTEMPTS.run(writer, [json.dumps([row["id"] for row in rows])])
    rows.sort(key=lambda row: (-row["priority"], row["created_at"], row["id"]))
    return [_claimed(row, lease_token) for row in rows], more


async def _still_approved(writer: BaseDBAsyncClient, rows: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Those that do what was approved, or needed no approval; the others were never claimed."""
    approved = [row for row in rows if row["approval"] and row["content_hash"]]
    if not approved:
        return rows
    hashes = await content_hashes([(row["type"], loaded_json(row["payload"])) for row in approved])
    void = {row["id"]: now_is for row, now_is in zip(approved, hashes, strict=True) if row["approved_hash"] != now_is}
    for job_id, now_is in void.items():
        await void_approval(writer, job_id, now_is, now)
    return [row for row in rows if row["id"] not in void]


def _claimed(row: Mapping[str, Any], lease_token: str) -> Claimed:
    return Claimed(
        id=row["id"],
        type=row["type"],
        payload=loaded_json(row["payload"]),
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        lease_token=lease_token,
        time_limit_seconds=row["time_limit_seconds"],
    )
