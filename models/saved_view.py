"""Saved views: ways to look at the jobs that somebody comes back to."""

from tortoise import fields
from tortoise.models import Model


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
