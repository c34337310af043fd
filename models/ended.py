"""Attempts that ended, in the order of their ends, a batch at a time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.at_work import moment
from models.database import connection
from models.statement import Statement
from models.states import AttemptOutcome


@dataclass(frozen=True, slots=True)
class Ended:
    """As much of an attempt as is counted; `outcome` is a word of `AttemptOutcome`."""

    id: int
    job_id: int
    type: str
    engine_id: str
    started_at: datetime
    finished_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How the attempt of a job of this type ended, and how many seconds after its claim."""

    type: str
    outcome: AttemptOutcome
    seconds: float = 0.0


_COLUMNS = """SELECT attempt.id AS id, attempt.job_id AS job_id, job.type AS type, attempt.engine_id AS engine_id,
    attempt.started_at AS started_at, attempt.finished_at AS finished_at, attempt.outcome AS outcome
FROM attempt JOIN job ON job.id = attempt.job_id
WHERE attempt.finished_at IS NOT NULL AND attempt.outcome IS NOT NULL"""
_FORWARDS = Statement(f"""{_COLUMNS}
    AND attempt.finished_at >= ? AND (attempt.finished_at, attempt.id) > (?, ?)
ORDER BY attempt.finished_at, attempt.id LIMIT ?""")
_BACKWARDS = Statement(f"""{_COLUMNS}
    AND attempt.finished_at >= ? AND attempt.finished_at <= ? AND (attempt.finished_at, attempt.id) < (?, ?)
ORDER BY attempt.finished_at DESC, attempt.id DESC LIMIT ?""")
_NEWEST = Statement("SELECT MAX(finished_at) AS at FROM attempt WHERE finished_at IS NOT NULL")


async def newest_end() -> datetime | None:
    """When the latest attempt ended; None where none has."""
    (row,) = await _NEWEST.run(connection())
    return row["at"] and moment(row["at"])


async def ended_after(moment: datetime, attempt_id: int, limit: int) -> list[Ended]:
    """The next ends after this place, the earliest first; the id 0 stands before every attempt."""
    return _read(await _FORWARDS.run(connection(), [moment, moment, attempt_id, limit]))


async def ended_before(moment: datetime, attempt_id: int, limit: int, *, since: datetime) -> list[Ended]:
    """The next ends before this place, the latest first; the id 0 leaves out all that ended at the moment itself."""
    return _read(await _BACKWARDS.run(connection(), [since, moment, moment, attempt_id, limit]))


def _read(rows: list[dict[str, Any]]) -> list[Ended]:
    return [
        Ended(
            row["id"],
            row["job_id"],
            row["type"],
            row["engine_id"],
            moment(row["started_at"]),
            moment(row["finished_at"]),
            row["outcome"],
        )
        for row in rows
    ]
