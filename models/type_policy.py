"""What people set for a job type as a whole."""

from tortoise import fields
from tortoise.models import Model


class TypePolicy(Model):
    """A type without a row is not paused, and has the limits that it declares itself.

    `concurrency` is how many of its jobs run at once, all engines together.
    """

    type = fields.CharField(max_length=64, primary_key=True)
    paused = fields.BooleanField(default=False)
    concurrency = fields.IntField(null=True)
    time_limit_seconds = fields.FloatField(null=True)

    class Meta:
        table = "type_policy"
