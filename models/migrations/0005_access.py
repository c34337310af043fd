"""Roles, sessions on the server, tokens and the audit log."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration
from models.rights import Role


class Migration(QuickMigration):
    dependencies = [("models", "0004_workers")]

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.CharField(max_length=40)),
                ("actor", fields.CharField(db_index=True, max_length=200)),
                ("kind", fields.CharField(max_length=16)),
                ("address", fields.CharField(max_length=64)),
                ("action", fields.CharField(db_index=True, max_length=64)),
                ("target", fields.CharField(max_length=200)),
                ("before", fields.TextField(null=True, unique=False)),
                ("after", fields.TextField(null=True, unique=False)),
                ("seal", fields.CharField(max_length=64)),
            ],
            options={
                "table": "audit_entry",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Who did what to what, from where. `before` and `after` are JSON texts, kept to the letter.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditHead",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("entries", fields.BigIntField()),
                ("seal", fields.CharField(max_length=64)),
            ],
            options={
                "table": "audit_head",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One row: how many entries there are, sealed together with the last one's seal, so that a cut at the end shows.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Identity",
            fields=[
                ("subject", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=255)),
                ("person_id", fields.IntField(db_index=True)),
            ],
            options={
                "table": "identity",
                "app": "models",
                "pk_attr": "subject",
                "table_description": "Who a person is to an identity provider. `subject` is unique there, and never given to somebody else.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("person_id", fields.IntField(db_index=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("address", fields.CharField(max_length=64)),
                ("browser", fields.CharField(max_length=200)),
            ],
            options={
                "table": "session",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A browser in which somebody is signed in. `id` is the SHA-256 of what its cookie holds.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Token",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("scopes", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "token",
                "app": "models",
                "pk_attr": "id",
                "table_description": "256 random bits, of which only the SHA-256 is kept. A revoked one stays, so that its name tells who it was.",
            },
            bases=["Model"],
        ),
        ops.AlterModelOptions(
            name="Person",
            options={
                "table": "person",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A user. The password is kept as an argon2id hash only, empty for whoever signs in elsewhere.",
            },
        ),
        ops.AddField(
            model_name="Person",
            name="role",
            field=fields.CharEnumField(
                default=Role.ADMIN,
                description="VIEWER: viewer\nOPERATOR: operator\nAPPROVER: approver\nADMIN: admin",
                db_default="admin",
                enum_type=Role,
                max_length=16,
            ),
        ),
    ]
