"""Effects: what a job does to the world that cannot be taken back, one row per target."""

import json
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.database import connection, stored_time
from models.states import Phase


class Effect(Model):
    """One mail or one channel's post: its identity is stored before the world is spoken to."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField()
    target = fields.CharField(max_length=64)
    attempt = fields.IntField()
    identity = fields.JSONField[dict[str, Any]]()
    phase = fields.CharEnumField(Phase, max_length=16)
    result = fields.JSONField[dict[str, Any] | None](null=True)
    error = fields.TextField(null=True)
    started_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "effect"
        unique_together = (("job_id", "target"),)


_BEGIN = """
INSERT INTO effect (job_id, target, attempt, identity, phase, started_at)
SELECT ?, ?, ?, ?, 'sending', ?
WHERE EXISTS (SELECT 1 FROM job WHERE id = ? AND status = 'running' AND attempt = ? AND lease_token = ?)
ON CONFLICT (job_id, target) DO UPDATE
SET phase = 'sending', attempt = excluded.attempt, started_at = excluded.started_at, finished_at = NULL, error = NULL
WHERE effect.phase = 'failed'
RETURNING identity
"""


async def begin_effect(
    *, job_id: int, attempt: int, lease_token: str, target: str, identity: dict[str, Any], now: datetime
) -> dict[str, Any] | None:
    """Commit `sending` in one statement if the attempt still holds its lease.

    Returns the identity to use, which is the first one ever stored for this target, or None when the lease
    is lost or the effect is not free to begin.
    """
    at = stored_time(now)
    values = [job_id, target, attempt, json.dumps(identity), at, job_id, attempt, lease_token]
    rows = await connection().execute_query_dict(_BEGIN, values)
    return json.loads(rows[0]["identity"]) if rows else None
