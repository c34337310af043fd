"""People who may sign in."""

from tortoise import fields
from tortoise.models import Model


class Person(Model):
    """A user. The password is kept as an argon2id hash only."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    password_hash = fields.CharField(max_length=255)
    created_at = fields.DatetimeField()

    class Meta:
        table = "person"
