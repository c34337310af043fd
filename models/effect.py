"""Effects: what a job does to the world that cannot be taken back, one row per target."""

from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import loaded_json, storable, stored_json
from models.ending import Lease
from models.statement import Statement
from models.states import Phase


class Effect(Model):
    """One mail or one channel's post: its identity is stored before the world is spoken to.

    `denied_at` is when a person said last that it had not happened, after nobody knew.
    """

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
    denied_at = fields.DatetimeField(null=True)

    class Meta:
        table = "effect"
        unique_together = (("job_id", "target"),)


_OWNED = "SELECT 1 FROM job WHERE id = ? AND attempt = ? AND lease_token = ? AND status"

_BEGIN = Statement(f"""
INSERT INTO effect (job_id, target, attempt, identity, phase, started_at)
SELECT ?, ?, ?, ?, 'sending', ? WHERE EXISTS ({_OWNED} = 'running')
ON CONFLICT (job_id, target) DO UPDATE
SET phase = 'sending', attempt = excluded.attempt, started_at = excluded.started_at, finished_at = NULL, error = NULL
WHERE effect.phase = 'failed'
RETURNING identity
""")

_RENEW = Statement(
    "UPDATE job SET lease_expires_at = ? WHERE id = ? AND attempt = ? AND lease_token = ? AND status = 'running'"
)

# A cancelled job still owns what it had begun: what came of it is told to whoever cancelled.
_SETTLE = Statement(f"""
UPDATE effect SET phase = ?, result = ?, error = ?, finished_at = ?
WHERE job_id = ? AND target = ? AND attempt = ? AND phase = 'sending' AND EXISTS ({_OWNED} IN ('running', 'cancelled'))
RETURNING id
""")  # noqa: S608


async def begin_effect(
    writer: BaseDBAsyncClient,
    lease: Lease,
    target: str,
    identity: dict[str, Any],
    now: datetime,
    *,
    lease_expires_at: datetime | None = None,
) -> dict[str, Any] | None:
    """Store `sending` in one statement if the attempt still holds its lease, which then lasts until `lease_expires_at`.

    Returns the identity to use, which is the first one ever stored for this target, or None when the lease
    is lost or the effect is not free to begin.
    """
    values = [lease.job_id, target, lease.attempt, stored_json(identity), now, *_fence(lease)]
    rows = await _BEGIN.run(writer, values)
    if rows and lease_expires_at:
        await _RENEW.run(writer, [lease_expires_at, *_fence(lease)])
    return loaded_json(rows[0]["identity"]) if rows else None


async def settle_effect(
    writer: BaseDBAsyncClient,
    lease: Lease,
    target: str,
    phase: Phase,
    now: datetime,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Store what came of an effect that this attempt began; False when the attempt's lease was lost meanwhile."""
    stored = None if result is None else stored_json(result)
    values = [
        phase,
        stored,
        error and storable(error),
        now,
        lease.job_id,
        target,
        lease.attempt,
        *_fence(lease),
    ]
    return bool(await _SETTLE.run(writer, values))


def _fence(lease: Lease) -> list[Any]:
    return [lease.job_id, lease.attempt, lease.token]
