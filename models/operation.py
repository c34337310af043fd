"""Operations: one wish about many jobs, carried out job by job, with what came of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import storable, stored_json
from models.statement import Statement, records

DONE = "done"
REFUSED = "refused"
MAX_REASON = 300

_TAKE = Statement("""
UPDATE operation SET engine_id = ?, beat_at = ? WHERE id = ? AND finished_at IS NULL
    AND (engine_id IS NULL OR engine_id = ? OR beat_at IS NULL OR beat_at < ?)
RETURNING id
""")
_ADD_ITEMS = """
INSERT INTO operation_item (operation_id, job_id, before)
SELECT CAST(? AS BIGINT), asked.job_id, {content} FROM {asked} WHERE TRUE ORDER BY asked.job_id
"""
_CONTENT = "(SELECT substr(content_hash, 1, 32) FROM job WHERE job.id = asked.job_id)"
_NO_CONTENT = "CAST(NULL AS TEXT)"
_ASKED, _ASKED_POSTGRES = records("asked", {"job_id": "bigint"})
_ITEMS, _ITEMS_WITH_CONTENT = (
    Statement(
        _ADD_ITEMS.format(content=content, asked=_ASKED),
        postgres=_ADD_ITEMS.format(content=content, asked=_ASKED_POSTGRES),
    )
    for content in (_NO_CONTENT, _CONTENT)
)
_ITEMS_DONE = Statement("""
INSERT INTO operation_item (operation_id, job_id, before)
SELECT CAST(? AS BIGINT), job_id, before FROM operation_item WHERE operation_id = ? AND outcome = 'done' ORDER BY id
""")
_STORE = """
UPDATE operation_item SET outcome = came.outcome, reason = came.reason, before = came.before, at = came.at
FROM {came} WHERE operation_item.id = came.id
"""
_CAME, _CAME_POSTGRES = records(
    "came", {"id": "bigint", "outcome": "text", "reason": "text", "before": "text", "at": "timestamptz"}
)
_OUTCOMES = Statement(_STORE.format(came=_CAME), postgres=_STORE.format(came=_CAME_POSTGRES))
_COUNT = Statement("UPDATE operation SET done = done + ?, refused = refused + ? WHERE id = ?")
_REFUSE_REST = Statement(
    "UPDATE operation_item SET outcome = 'refused', reason = ?, at = ? WHERE operation_id = ? AND outcome IS NULL"
)
_COUNT_REST = Statement("UPDATE operation SET refused = total - done WHERE id = ?")


class Operation(Model):
    """A wish about many jobs. It is under way until it has a `finished_at`.

    `move` is what is asked of each job, with `arguments`. `criteria` say how the jobs were chosen, none if by hand.
    The actor is looked up anew while it is carried out. `engine_id` is the process that carries it out, heard of
    last at `beat_at`. An operation that undoes another names it in `undo_of`.
    """

    id = fields.BigIntField(primary_key=True)
    move = fields.CharField(max_length=16)
    arguments = fields.JSONField[dict[str, Any]](default=dict)
    criteria = fields.JSONField[dict[str, Any] | None](null=True)
    actor = fields.CharField(max_length=200)
    actor_kind = fields.CharField(max_length=16)
    actor_key = fields.BigIntField(default=0)
    address = fields.CharField(max_length=64, default="")
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    stop_asked = fields.BooleanField(default=False)
    total = fields.IntField()
    done = fields.IntField(default=0)
    refused = fields.IntField(default=0)
    undo_of = fields.BigIntField(null=True)
    engine_id = fields.CharField(max_length=64, null=True)
    beat_at = fields.DatetimeField(null=True)

    class Meta:
        table = "operation"


class OperationItem(Model):
    """One job of an operation.

    `outcome` is none until its turn came, which was `at`. `before` is what an undo brings back.
    """

    id = fields.BigIntField(primary_key=True)
    operation_id = fields.BigIntField()
    job_id = fields.BigIntField()
    outcome = fields.CharField(max_length=16, null=True)
    reason = fields.CharField(max_length=300, null=True)
    before = fields.CharField(max_length=32, null=True)
    at = fields.DatetimeField(null=True)

    class Meta:
        table = "operation_item"
        unique_together = [("operation_id", "job_id")]
        indexes = [("operation_id", "outcome", "id")]


@dataclass(frozen=True)
class Item:
    """A job whose turn has come."""

    id: int
    job_id: int
    before: str | None


@dataclass(frozen=True)
class Outcome:
    """What came of an item, and when; with a reason, its job was left as it is."""

    item_id: int
    at: datetime
    before: str | None = None
    reason: str | None = None

    def stored(self) -> dict[str, Any]:
        """As the item's row has it."""
        reason = self.reason and storable(self.reason)[:MAX_REASON]
        word = REFUSED if self.reason else DONE
        return {"id": self.item_id, "outcome": word, "reason": reason, "before": self.before, "at": self.at}


async def take(
    writer: BaseDBAsyncClient, operation_id: int, engine_id: str, now: datetime, silent_since: datetime
) -> bool:
    """Take an operation, or keep it; False if it has ended or another process is at it. Nobody else is, until the end
    of this transaction.
    """
    return bool(await _TAKE.run(writer, [engine_id, now, operation_id, engine_id, silent_since]))


async def note_ids(writer: BaseDBAsyncClient, operation_id: int, ids: Sequence[int], *, with_content: bool) -> None:
    """Make these jobs the items of an operation, whether they exist or not."""
    statement = _ITEMS_WITH_CONTENT if with_content else _ITEMS
    await statement.run(writer, [operation_id, json.dumps([{"job_id": job_id} for job_id in ids])])


async def note_done(writer: BaseDBAsyncClient, operation_id: int, undone: int) -> None:
    """Make the items of another operation that were done the items of this one, with what was before."""
    await _ITEMS_DONE.run(writer, [operation_id, undone])


async def note_outcomes(writer: BaseDBAsyncClient, operation_id: int, outcomes: Sequence[Outcome]) -> None:
    """Store what came of some items, and count them."""
    await _OUTCOMES.run(writer, [stored_json([outcome.stored() for outcome in outcomes])])
    refused = sum(outcome.reason is not None for outcome in outcomes)
    await _COUNT.run(writer, [len(outcomes) - refused, refused, operation_id])


async def refuse_rest(writer: BaseDBAsyncClient, operation_id: int, reason: str, now: datetime) -> None:
    """Leave every job whose turn has not come as it is."""
    await _REFUSE_REST.run(writer, [reason[:MAX_REASON], now, operation_id])
    await _COUNT_REST.run(writer, [operation_id])


async def prune_operations(writer: BaseDBAsyncClient, ended_before: datetime, limit: int) -> int:
    """Remove so many items at most of operations that ended before this, and those that have none left.

    Returns how many rows were removed.
    """
    old = await Operation.filter(finished_at__lt=ended_before).order_by("id").first()
    if old is None:
        return 0
    items = await OperationItem.filter(operation_id=old.id).limit(limit).values_list("id", flat=True)
    if items:
        return int(await OperationItem.filter(id__in=list(items)).delete())
    return int(await Operation.filter(id=old.id).delete())
