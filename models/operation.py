"""Operations: one wish about many jobs, carried out job by job, with what came of each."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


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

    `outcome` is none until its turn came. `before` is what an undo brings back.
    """

    id = fields.BigIntField(primary_key=True)
    operation_id = fields.BigIntField()
    job_id = fields.BigIntField()
    outcome = fields.CharField(max_length=16, null=True)
    reason = fields.CharField(max_length=300, null=True)
    before = fields.CharField(max_length=32, null=True)

    class Meta:
        table = "operation_item"
        unique_together = [("operation_id", "job_id")]
        indexes = [("operation_id", "outcome", "id")]
