"""The claim: takes due jobs off the queue, so that each goes to one engine only."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.database import stored_time

# INDEXED BY: left alone, SQLite takes the index on status and sorts the whole queue at every look.
_OF_ONE_TYPE = """
SELECT * FROM (
    SELECT id, priority, created_at FROM job INDEXED BY idx_job_claim
    WHERE type = ? AND status = 'queued' AND due_at IS NULL AND (approval IS NULL OR approval = 'approved')
    ORDER BY priority DESC, created_at, id
    LIMIT COALESCE((SELECT places FROM open_type WHERE type = ?), ?)
)"""

# A type without a policy has no row here, and as many places as there are.
_OPEN_TYPES = """
open_type AS (
    SELECT type, CASE
        WHEN paused THEN 0
        WHEN concurrency IS NULL THEN ?
        ELSE MAX(0, MIN(?, concurrency - (SELECT COUNT(*) FROM job WHERE status = 'running' AND type = policy.type)))
    END AS places
    FROM type_policy AS policy
)"""

_CLAIM = """
WITH {open_types}, due AS ({due})
UPDATE job SET status = 'running', attempt = attempt + 1, progress = 0, error = NULL, outcome = NULL,
    started_at = ?, finished_at = NULL, engine_id = ?, lease_token = ?, lease_expires_at = ?
WHERE id IN (SELECT id FROM due ORDER BY priority DESC, created_at, id LIMIT ?)
RETURNING id, type, payload, attempt, max_attempts, priority, created_at,
    (SELECT time_limit_seconds FROM type_policy WHERE type_policy.type = job.type) AS time_limit_seconds
"""

_BEGIN_ATTEMPTS = """
INSERT INTO attempt (job_id, number, lease_token, engine_id, started_at)
SELECT id, attempt, lease_token, engine_id, started_at FROM job WHERE id IN (SELECT value FROM json_each(?))
"""

_COME_DUE = """
UPDATE job INDEXED BY idx_job_due SET due_at = NULL
WHERE status = 'queued' AND due_at IS NOT NULL AND due_at <= ?
"""

_FULL_TYPES = """
SELECT 1 FROM type_policy AS policy WHERE NOT paused AND concurrency IS NOT NULL
    AND concurrency <= (SELECT COUNT(*) FROM job WHERE status = 'running' AND type = policy.type) LIMIT 1
"""


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
    await writer.execute_query(_COME_DUE, [stored_time(now)])


async def claim_due(
    writer: BaseDBAsyncClient,
    *,
    engine_id: str,
    lease_token: str,
    now: datetime,
    lease_expires_at: datetime,
    types: Collection[str],
    limit: int,
) -> tuple[list[Claimed], bool]:
    """Claim up to `limit` due jobs of these types and begin their attempts, in the order priority, then oldest.

    Types that people paused are left out, and no type gets more than people allow at once. Returns also whether
    more may be waiting for a place. `writer` must be in a transaction.
    """
    if not types:
        return [], False
    due = " UNION ALL ".join([_OF_ONE_TYPE] * len(types))
    of_types = [value for key in types for value in (key, key, limit)]
    lease = [stored_time(now), engine_id, lease_token, stored_time(lease_expires_at)]
    statement = _CLAIM.format(open_types=_OPEN_TYPES, due=due)
    rows = await writer.execute_query_dict(statement, [limit, limit, *of_types, *lease, limit])
    if rows:
        await writer.execute_query(_BEGIN_ATTEMPTS, [json.dumps([row["id"] for row in rows])])
    rows.sort(key=lambda row: (-row["priority"], row["created_at"], row["id"]))
    more = len(rows) == limit or bool(await writer.execute_query_dict(_FULL_TYPES))
    return [_claimed(row, lease_token) for row in rows], more


def _claimed(row: Mapping[str, Any], lease_token: str) -> Claimed:
    return Claimed(
        id=row["id"],
        type=row["type"],
        payload=json.loads(row["payload"]),
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        lease_token=lease_token,
        time_limit_seconds=row["time_limit_seconds"],
    )
