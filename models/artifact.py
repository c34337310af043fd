"""Which files a job made: their names, and the contents that they have."""

from tortoise import fields
from tortoise.models import Model


class Artifact(Model):
    """A file of one attempt. `digest` is its content's SHA-256, `size` its bytes."""

    id = fields.BigIntField(primary_key=True)
    job_id = fields.BigIntField()
    attempt = fields.IntField()
    name = fields.CharField(max_length=255)
    digest = fields.CharField(max_length=64, db_index=True)
    size = fields.BigIntField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "artifact"
        unique_together = [("job_id", "attempt", "name")]
