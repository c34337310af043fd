"""How much is waiting: claimable jobs by type, and messages that webhooks have not taken."""

from dataclasses import dataclass
from datetime import datetime

from models.at_work import moment
from models.database import connection
from models.statement import Statement
from models.states import DeliveryStatus
from models.webhook import Delivery


@dataclass(frozen=True)
class Depth:
    """How many jobs of a type could be claimed now, and when the oldest of them was created."""

    type: str
    jobs: int
    oldest_at: datetime


# INDEXED BY: the claim's own index holds these jobs and no others.
_DEPTH = """SELECT type, COUNT(*) AS jobs, MIN(created_at) AS oldest FROM job {index}
WHERE status = 'queued' AND due_at IS NULL AND (approval IS NULL OR approval = 'approved') AND NOT blocked
GROUP BY type"""
_DEPTHS = Statement(_DEPTH.format(index="INDEXED BY idx_job_claim"), postgres=_DEPTH.format(index=""))
_RUNNING = Statement("SELECT type, COUNT(*) AS jobs FROM job WHERE status = 'running' GROUP BY type")


async def claimable() -> list[Depth]:
    """By type; a type of which no job waits is left out."""
    rows = await _DEPTHS.run(connection())
    return [Depth(row["type"], int(row["jobs"]), moment(row["oldest"])) for row in rows]


async def running_by_type() -> dict[str, int]:
    """How many jobs run; a type of which none does is left out."""
    return {row["type"]: int(row["jobs"]) for row in await _RUNNING.run(connection())}


_FAILING = Statement("""
SELECT COUNT(*) AS hooks FROM webhook WHERE (
    SELECT error FROM delivery WHERE webhook_id = webhook.id AND attempts > 0 ORDER BY id DESC LIMIT 1
) IS NOT NULL""")


async def failing_webhooks() -> int:
    """How many webhooks did not take the latest message that they were sent."""
    (row,) = await _FAILING.run(connection())
    return int(row["hooks"])


async def undelivered() -> int:
    """How many messages are still to be sent to webhooks."""
    return int(await Delivery.filter(status=DeliveryStatus.PENDING).count())
