"""A job: one piece of work that was asked for, and where it stands."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.states import Priority, Status


class Job(Model):
    """One row per job. `attempt`, `engine_id` and `lease_token` belong to the latest attempt."""

    id = fields.BigIntField(primary_key=True)
    type = fields.CharField(max_length=64)
    category = fields.CharField(max_length=16)
    name = fields.CharField(max_length=200)
    summary = fields.CharField(max_length=300, default="")
    status = fields.CharEnumField(Status, max_length=16, default=Status.QUEUED)
    priority = fields.IntEnumField(Priority, default=Priority.MEDIUM)
    progress = fields.FloatField(default=0.0)
    payload = fields.JSONField[dict[str, Any]]()
    result = fields.JSONField[dict[str, Any] | None](null=True)
    error = fields.TextField(null=True)
    outcome = fields.CharField(max_length=16, null=True)
    approval = fields.CharField(max_length=16, null=True)
    pause_requested = fields.BooleanField(default=False)

    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    run_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    attempt = fields.IntField(default=0)
    max_attempts = fields.IntField()
    engine_id = fields.CharField(max_length=64, null=True)
    lease_token = fields.CharField(max_length=32, null=True)
    lease_expires_at = fields.DatetimeField(null=True)

    idempotency_key = fields.CharField(max_length=255, null=True, unique=True)
    request_hash = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "job"
        indexes = [("status", "id"), ("category", "status", "id"), ("status", "finished_at")]
