"""The claim: the one statement that takes due jobs off the queue, so that each goes to one engine only."""

from datetime import datetime

from models.database import connection, stored_time
from models.job import Job

# INDEXED BY: left alone, SQLite takes the index on status and sorts the whole queue at every look.
_CLAIM = """
UPDATE job SET status = 'running', attempt = attempt + 1, progress = 0, error = NULL, outcome = NULL,
    started_at = ?, finished_at = NULL, engine_id = ?, lease_token = ?, lease_expires_at = ?
WHERE id IN (
    SELECT id FROM job INDEXED BY idx_job_claim
    WHERE status = 'queued' AND due_at <= ? AND (approval IS NULL OR approval = 'approved')
    ORDER BY priority DESC, created_at, id LIMIT ?
)
RETURNING id
"""


async def claim_due(
    *, engine_id: str, lease_token: str, now: datetime, lease_expires_at: datetime, limit: int
) -> list[Job]:
    """Claim up to `limit` due jobs, in the order priority, then oldest."""
    at = stored_time(now)
    values = [at, engine_id, lease_token, stored_time(lease_expires_at), at, limit]
    rows = await connection().execute_query_dict(_CLAIM, values)
    if not rows:
        return []
    return await Job.filter(id__in=[row["id"] for row in rows]).order_by("-priority", "created_at", "id")
