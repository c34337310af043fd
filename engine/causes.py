"""Why jobs failed: all that failed alike as one, the largest group first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.cause import NO_REASON
from models.database import connection
from models.statement import Statement

MOST_GROUPS = 10

# The groups are counted in the index alone; what it does not hold is read for the few that are told.
_GROUPS = f"""
WITH most AS MATERIALIZED (
    SELECT type, cause, COUNT(*) AS jobs, MAX(id) AS newest_id FROM job {{by_cause}} WHERE status = 'failed'
    GROUP BY type, cause ORDER BY jobs DESC, newest_id DESC LIMIT {MOST_GROUPS}
)
SELECT most.type, most.cause, most.jobs, most.newest_id,
    COUNT(CASE WHEN job.outcome = 'unknown' THEN 1 END) AS unknown,
    MIN(job.finished_at) AS since, MAX(job.finished_at) AS last_at
FROM most JOIN job {{by_cause}} ON job.status = 'failed' AND job.type = most.type AND job.cause = most.cause
GROUP BY most.type, most.cause, most.jobs, most.newest_id ORDER BY most.jobs DESC, most.newest_id DESC
"""  # noqa: S608 (our own number)
_CAUSES = Statement(_GROUPS.format(by_cause="INDEXED BY idx_job_cause"), postgres=_GROUPS.format(by_cause=""))


@dataclass(frozen=True)
class CauseView:
    """Jobs of one type that failed alike, first at `since`, last at `last_at`.

    `newest_id` is the one created last. Those of which nobody knows whether they went out cannot be tried again.
    """

    type: str
    cause: str
    jobs: int
    retryable: int
    since: datetime
    last_at: datetime
    newest_id: int


async def causes() -> list[CauseView]:
    """The largest groups of what failed and was neither retried nor dismissed, in one statement."""
    return [_view(row) for row in await _CAUSES.run(connection())]


def _view(row: dict[str, Any]) -> CauseView:
    jobs = int(row["jobs"])
    return CauseView(
        type=row["type"],
        cause=row["cause"] or NO_REASON,
        jobs=jobs,
        retryable=jobs - int(row["unknown"]),
        since=_moment(row["since"]),
        last_at=_moment(row["last_at"]),
        newest_id=int(row["newest_id"]),
    )


def _moment(stored: Any) -> datetime:
    moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
    return moment.astimezone(UTC)
