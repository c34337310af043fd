"""Engines and workers: one row per running process, renewed by its heartbeat."""

from tortoise import fields
from tortoise.models import Model

from models.states import ProcessRole


class EngineRecord(Model):
    """A process that is, or was, at work on this database; a worker runs only what engines send, of these types."""

    id = fields.CharField(max_length=64, primary_key=True)
    role = fields.CharEnumField(
        ProcessRole, max_length=16, default=ProcessRole.ENGINE, db_default=ProcessRole.ENGINE.value
    )
    types = fields.JSONField[list[str] | None](null=True)
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
