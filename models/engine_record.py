"""Engines: one row per running engine, renewed by its heartbeat."""

from tortoise import fields
from tortoise.models import Model


class EngineRecord(Model):
    """An engine that is, or was, at work on this database."""

    id = fields.CharField(max_length=64, primary_key=True)
    host = fields.CharField(max_length=255)
    pid = fields.IntField()
    concurrency = fields.IntField()
    poll_seconds = fields.FloatField()
    running = fields.IntField(default=0)
    started_at = fields.DatetimeField()
    last_beat_at = fields.DatetimeField()
    stopped_at = fields.DatetimeField(null=True)

    class Meta:
        table = "engine"
