"""Webhooks: where what happens is told, and every message to them."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.states import DeliveryStatus


class Webhook(Model):
    """An address that is told of these kinds of events. Everything up to (`tx`, `event_id`) has been made messages."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    url = fields.CharField(max_length=2000)
    kinds = fields.JSONField[list[str]]()
    secret = fields.TextField()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    tx = fields.BigIntField(default=0, db_default=0)
    event_id = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "webhook"


class Delivery(Model):
    """One message to one webhook, tried until its server takes it or the tries are used up."""

    id = fields.BigIntField(primary_key=True)
    webhook_id = fields.BigIntField()
    message_id = fields.CharField(max_length=64, unique=True)
    kind = fields.CharField(max_length=32)
    job_id = fields.BigIntField()
    body = fields.JSONField[dict[str, Any]]()
    status = fields.CharEnumField(DeliveryStatus, max_length=16, default=DeliveryStatus.PENDING)
    attempts = fields.IntField(default=0, db_default=0)
    created_at = fields.DatetimeField()
    next_try_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    response_status = fields.IntField(null=True)
    error = fields.TextField(null=True)

    class Meta:
        table = "delivery"
        indexes = [("status", "next_try_at"), ("webhook_id", "id")]
