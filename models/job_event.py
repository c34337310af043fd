"""What happened to jobs, in order: written by the database itself whenever a job is created or moves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import connection
from models.statement import Statement


class JobEvent(Model):
    """One row per creation, move, decision or doubt. `tx` is PostgreSQL's transaction, 0 on SQLite."""

    id = fields.BigIntField(primary_key=True)
    tx = fields.BigIntField(default=0, db_default=0)
    at = fields.DatetimeField()
    kind = fields.CharField(max_length=32)
    job_id = fields.BigIntField()
    job_type = fields.CharField(max_length=64)
    status = fields.CharField(max_length=16)
    attempt = fields.IntField()
    approval = fields.CharField(max_length=16, null=True)
    outcome = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "job_event"
        indexes = [("tx", "id"), ("at",)]


@dataclass(frozen=True, order=True)
class Position:
    """A place in the order of events; as text it is what `Last-Event-ID` carries."""

    tx: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.tx}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """The position that a text names, or None if it names none."""
        tx, _, number = text.partition("-")
        if not (tx.isdecimal() and number.isdecimal() and len(text) < 40):
            return None
        return cls(int(tx), int(number)) if max(int(tx), int(number)) < 2**63 else None


START = Position()


@dataclass(frozen=True)
class Happened:
    """An event as readers get it."""

    position: Position
    at: datetime
    kind: str
    job_id: int
    job_type: str
    status: str
    attempt: int
    approval: str | None
    outcome: str | None

    def facts(self) -> dict[str, Any]:
        """What it says of the job, as every reader is told."""
        names = ("job_id", "job_type", "status", "attempt", "approval", "outcome")
        return {name: getattr(self, name) for name in names}


# On PostgreSQL transactions commit in another order than they take their numbers: what one that is still open may
# have written comes before all that later ones wrote, so nobody reads past it.
_SETTLED = "tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_COLUMNS = "id, tx, at, kind, job_id, job_type, status, attempt, approval, outcome"
_AFTER = "SELECT {columns} FROM job_event WHERE (tx, id) > (?, ?){settled} ORDER BY tx, id LIMIT ?"
_READ = Statement(
    _AFTER.format(columns=_COLUMNS, settled=""), postgres=_AFTER.format(columns=_COLUMNS, settled=f" AND {_SETTLED}")
)
_NEWEST = "SELECT tx, id FROM job_event{settled} ORDER BY tx DESC, id DESC LIMIT 1"
_LAST = Statement(_NEWEST.format(settled=""), postgres=_NEWEST.format(settled=f" WHERE {_SETTLED}"))
_EXISTS = Statement("SELECT 1 FROM job_event WHERE tx = ? AND id = ?")
_ANY_PRUNED = Statement("SELECT 1 FROM job_event WHERE id = (SELECT MIN(id) FROM job_event) AND id > 1")
_PRUNE = Statement("""
DELETE FROM job_event WHERE id IN (SELECT id FROM job_event WHERE at < ? ORDER BY at LIMIT ?)
    AND id < (SELECT MAX(id) FROM job_event)
RETURNING id
""")


async def events_after(position: Position, limit: int) -> list[Happened]:
    """The next events, oldest first."""
    rows = await _READ.run(connection(), [position.tx, position.id, limit])
    return [happened(row) for row in rows]


async def newest_position() -> Position:
    """Where whoever begins now begins."""
    rows = await _LAST.run(connection())
    return Position(rows[0]["tx"], rows[0]["id"]) if rows else START


async def is_kept(position: Position) -> bool:
    """Whether everything after this position is still there."""
    if position == START:
        return not await _ANY_PRUNED.run(connection())
    return bool(await _EXISTS.run(connection(), [position.tx, position.id]))


async def prune_events(writer: BaseDBAsyncClient, before: datetime, limit: int) -> int:
    """Forget some of the events from before this moment; the newest one always stays. Returns how many."""
    return len(await _PRUNE.run(writer, [before, limit]))


def happened(row: dict[str, Any]) -> Happened:
    """An event from its row."""
    at = row["at"]
    names = ("kind", "job_id", "job_type", "status", "attempt", "approval", "outcome")
    return Happened(
        position=Position(row["tx"], row["id"]),
        at=at if isinstance(at, datetime) else datetime.fromisoformat(at),
        **{name: row[name] for name in names},
    )
