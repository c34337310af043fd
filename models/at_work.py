"""What agents have in hand now: how many jobs of whom, the latest begun of them, and what they logged last."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.agent import PREFIX
from models.database import connection
from models.statement import Statement

OUTSIDE = f"engine_id >= '{PREFIX}' AND engine_id < '{PREFIX[:-1]}.'"


@dataclass(frozen=True)
class Running:
    """A running job; `total` is how many run of its type, or in its outside agent's hands. `engine_id` may be none."""

    id: int
    type: str
    engine_id: str | None
    started_at: datetime
    total: int


@dataclass(frozen=True)
class LastLine:
    """The latest line that a job's attempt logged."""

    job_id: int
    at: datetime
    text: str


_QUESTION = f"""
SELECT id, type, engine_id, started_at, total FROM (
    SELECT id, type, engine_id, started_at, COUNT(*) OVER (PARTITION BY whose) AS total,
        ROW_NUMBER() OVER (PARTITION BY whose ORDER BY started_at DESC, id DESC) AS place
    FROM (SELECT id, type, engine_id, started_at, CASE WHEN {OUTSIDE} THEN engine_id ELSE type END AS whose
        FROM job WHERE status = 'running' AND started_at IS NOT NULL) AS running
) AS counted WHERE place <= ? ORDER BY started_at DESC, id DESC
"""  # noqa: S608 (our own names)
_RUNNING = Statement(_QUESTION)
_LINES = """
SELECT line.job_id AS job_id, line.at AS at, line.text AS text FROM job JOIN log_line AS line ON line.id = (
    SELECT id FROM log_line WHERE job_id = job.id AND attempt = job.attempt ORDER BY job_id, attempt, id DESC LIMIT 1
) WHERE job.id IN ({marks})
"""


async def running_jobs(each: int) -> list[Running]:
    """The latest begun first: up to so many of each type in the engine's hands, and of each outside agent."""
    rows = await _RUNNING.run(connection(), [each])
    return [Running(**{**row, "started_at": moment(row["started_at"])}) for row in rows]


async def last_lines(job_ids: Collection[int]) -> dict[int, LastLine]:
    """By job, what its latest attempt logged last; a job that logged nothing is left out."""
    if not job_ids:
        return {}
    text = _LINES.format(marks=", ".join("?" * len(job_ids)))
    rows = await Statement(text).run(connection(), list(job_ids))
    return {row["job_id"]: LastLine(row["job_id"], moment(row["at"]), row["text"]) for row in rows}


def moment(told: Any) -> datetime:
    """A time as either database gives it to a statement by hand."""
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)
