"""Attempts: every try of a job is a row, with the lines that it logged."""

from tortoise import fields
from tortoise.models import Model

from models.states import AttemptOutcome


class Attempt(Model):
    """One try of a job by one engine, under way until it has an outcome.

    `bytes` are those of the files that it made, `micros` what its tokens cost, in millionths of the prices' currency.
    """

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField()
    number = fields.IntField()
    lease_token = fields.CharField(max_length=32)
    engine_id = fields.CharField(max_length=64)
    started_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    outcome = fields.CharEnumField(AttemptOutcome, max_length=16, null=True)
    error = fields.TextField(null=True)
    bytes = fields.BigIntField(default=0, db_default=0)
    tokens = fields.BigIntField(default=0, db_default=0)
    micros = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "attempt"
        unique_together = (("job_id", "number"),)


class LogLine(Model):
    """A line that an attempt logged."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField()
    attempt = fields.IntField()
    at = fields.DatetimeField()
    text = fields.TextField()

    class Meta:
        table = "log_line"
        indexes = [("job_id", "attempt", "id")]
