"""The newest of what happened: moves of jobs, and lines that they logged."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.at_work import moment
from models.database import connection
from models.job_event import Happened, happened
from models.statement import Statement


@dataclass(frozen=True)
class Line:
    """A line that a job's attempt logged; ids grow with time."""

    id: int
    job_id: int
    attempt: int
    at: datetime
    text: str


_LINES = Statement("SELECT id, job_id, attempt, at, text FROM log_line WHERE id > ? ORDER BY id DESC LIMIT ?")
_MOVES = Statement("""SELECT id, tx, at, kind, job_id, job_type, status, attempt, approval, outcome FROM job_event
ORDER BY tx DESC, id DESC LIMIT ?""")


async def newest_moves(limit: int) -> list[Happened]:
    """The newest moves, the oldest of them first."""
    return [happened(row) for row in await _MOVES.run(connection(), [limit])][::-1]


async def newest_lines(limit: int) -> list[Line]:
    """The newest lines, the oldest of them first."""
    return await lines_after(0, limit)


async def lines_after(line_id: int, limit: int) -> list[Line]:
    """The newest lines with greater ids, the oldest of them first."""
    return [_line(row) for row in await _LINES.run(connection(), [line_id, limit])][::-1]


def _line(row: dict[str, Any]) -> Line:
    return Line(row["id"], row["job_id"], row["attempt"], moment(row["at"]), row["text"])
