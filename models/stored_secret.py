"""Secrets that jobs may use without anybody reading them: tokens and keys of services elsewhere."""

from tortoise import fields
from tortoise.models import Model


class StoredSecret(Model):
    """A secret by its name, with the hosts that it may be sent to. `sealed` is encrypted, and never leaves us."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    sealed = fields.TextField()
    hosts = fields.JSONField[list[str]]()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "stored_secret"
