"""People who may sign in, and where they are signed in."""

from tortoise import fields
from tortoise.models import Model

from models.rights import Role


class Person(Model):
    """A user. The password is kept as an argon2id hash only, empty for whoever signs in elsewhere.

    `groups` are those whose approval a rule may ask for.
    """

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    role = fields.CharEnumField(Role, max_length=16, default=Role.ADMIN, db_default="admin")
    password_hash = fields.CharField(max_length=255)
    groups = fields.JSONField[list[str]](default=list, db_default="[]")
    created_at = fields.DatetimeField()

    class Meta:
        table = "person"


class Session(Model):
    """A browser in which somebody is signed in. `id` is the SHA-256 of what its cookie holds."""

    id = fields.CharField(max_length=64, primary_key=True)
    person_id = fields.IntField(db_index=True)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    address = fields.CharField(max_length=64)
    browser = fields.CharField(max_length=200)

    class Meta:
        table = "session"


class Identity(Model):
    """Who a person is to an identity provider. `subject` is unique there, and never given to somebody else."""

    subject = fields.CharField(max_length=255, primary_key=True)
    person_id = fields.IntField(db_index=True)

    class Meta:
        table = "identity"
