"""Channels: the named places where posts go, and what the built-in feed has published."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Channel(Model):
    """A connected account. `credentials` and `session` are encrypted, and never leave the engine."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    kind = fields.CharField(max_length=16)
    url = fields.CharField(max_length=500)
    credentials = fields.TextField(null=True)
    session = fields.TextField(null=True)
    account = fields.CharField(max_length=300, null=True)
    limits = fields.JSONField[dict[str, Any] | None](null=True)
    created_at = fields.DatetimeField()
    tested_at = fields.DatetimeField(null=True)
    fault = fields.TextField(null=True)

    class Meta:
        table = "channel"


class FeedEntry(Model):
    """A post on the built-in feed. The id is chosen before publishing, so publishing twice is publishing once."""

    id = fields.CharField(max_length=36, primary_key=True)
    channel = fields.CharField(max_length=64)
    text = fields.TextField()
    images = fields.JSONField[list[dict[str, Any]]]()
    published_at = fields.DatetimeField()

    class Meta:
        table = "feed_entry"
        indexes = [("published_at",)]
