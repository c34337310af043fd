"""Saved views: ways to look at the jobs that somebody comes back to."""

from datetime import datetime

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.statement import Statement

# Whoever saves at the same time waits, and so counts what was saved before.
_ONE_AT_A_TIME = Statement(
    "UPDATE saved_view SET id = id WHERE id = (SELECT MIN(id) FROM saved_view WHERE owner = ?) RETURNING id"
)
_SAVE = Statement("""
INSERT INTO saved_view (owner, name, query, shared, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query, shared = excluded.shared
RETURNING id
""")


class SavedView(Model):
    """What is looked for, as the query of the Jobs page's address.

    A shared one is shown to everybody.
    """

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64)
    query = fields.CharField(max_length=2000)
    shared = fields.BooleanField(default=False)
    owner = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "saved_view"
        unique_together = [("owner", "name")]


async def save_view(
    writer: BaseDBAsyncClient, owner: str, name: str, query: str, now: datetime, *, shared: bool
) -> SavedView:
    """Keep a view in the transaction of `writer`, in place of the one that the owner has of this name."""
    await _ONE_AT_A_TIME.run(writer, [owner])
    (row,) = await _SAVE.run(writer, [owner, name, query, shared, now])
    return await SavedView.get(id=row["id"])
