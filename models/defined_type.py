"""Job types that administrators define, without Python: outside agents do their work."""

from tortoise import fields
from tortoise.models import Model

from models.states import Category


class DefinedType(Model):
    """A job type by its key. `payload_schema` is a JSON Schema as text, in the order in which it was written."""

    key = fields.CharField(max_length=64, primary_key=True)
    label = fields.CharField(max_length=64)
    description = fields.CharField(max_length=500, default="")
    category = fields.CharEnumField(Category, max_length=16)
    icon = fields.CharField(max_length=64)
    payload_schema = fields.TextField()
    irreversible = fields.BooleanField()
    attempts = fields.IntField()
    time_limit_seconds = fields.FloatField()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "defined_type"
