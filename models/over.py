"""What is over since a moment: how many jobs of each type ended how, and the latest that failed."""

from dataclasses import dataclass
from datetime import datetime

from models.database import connection
from models.job import Job
from models.statement import Statement
from models.states import Status


@dataclass(frozen=True)
class Over:
    """How many jobs of a type ended alike."""

    type: str
    status: Status
    jobs: int


_OVER = Statement("""SELECT type, status, COUNT(*) AS jobs FROM job
WHERE status IN ('completed', 'failed', 'cancelled') AND finished_at >= ? AND finished_at < ?
GROUP BY type, status ORDER BY type, status""")


async def over_between(since: datetime, until: datetime) -> list[Over]:
    """By type and status."""
    rows = await _OVER.run(connection(), [since, until])
    return [Over(row["type"], Status(row["status"]), int(row["jobs"])) for row in rows]


async def latest_failed(since: datetime, until: datetime, most: int) -> list[tuple[int, str, str]]:
    """Id, name and error of those that failed last."""
    failed = Job.filter(status=Status.FAILED, finished_at__gte=since, finished_at__lt=until)
    rows = await failed.order_by("-finished_at").limit(most).values("id", "name", "error")
    return [(int(row["id"]), row["name"], row["error"] or "") for row in rows]
