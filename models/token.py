"""Tokens by which programs come in."""

from tortoise import fields
from tortoise.models import Model


class Token(Model):
    """256 random bits, of which only the SHA-256 is kept. A revoked one stays, so that its name tells who it was."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    hash = fields.CharField(max_length=64, unique=True)
    scopes = fields.JSONField[list[str]]()
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "token"
