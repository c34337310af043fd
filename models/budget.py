"""Budgets: how much may be used a day."""

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.statement import Statement


class Budget(Model):
    """A limit for everything, a type or an agent, whose name is the `key`.

    `most` counts whole units of its measure, as milliseconds or millionths of money. `warned_on` and `spent_on` are
    the days, in UTC, on which people were last told.
    """

    id = fields.BigIntField(primary_key=True)
    scope = fields.CharField(max_length=8)
    key = fields.CharField(max_length=64, default="")
    measure = fields.CharField(max_length=16)
    most = fields.BigIntField()
    warned_on = fields.CharField(max_length=10, null=True)
    spent_on = fields.CharField(max_length=10, null=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "budget"
        unique_together = [("scope", "key", "measure")]


_TELL = "UPDATE budget SET {column} = ? WHERE id = ? AND most = ? AND ({column} IS NULL OR {column} <> ?) RETURNING id"
_WARN, _SPEND = Statement(_TELL.format(column="warned_on")), Statement(_TELL.format(column="spent_on"))


async def tell_once(writer: BaseDBAsyncClient, budget_id: int, most: int, day: str, *, spent: bool) -> bool:
    """Whether people are to be told now that it is nearly used up, or `spent`; the next who asks that day is not."""
    return bool(await (_SPEND if spent else _WARN).run(writer, [day, budget_id, most, day]))
