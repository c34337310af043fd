"""Approvals, and which files a job made."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.approval import Creators, ReviewKind, RuleKind
from models.migrating import QuickMigration

# For a new database: where jobs run already, whoever runs it decides.
SHIPPED = """
INSERT INTO approval_rule (kind, title, types, creators, names, channels, domains, outside_domains, new_domains,
    approvers, own, by_link, created_by, created_at, uses)
SELECT 'require', '{title}', '["{type}"]', 'agents', '[]', '[]', '[]', '[]', FALSE, 1, TRUE, FALSE, 'Job Runner',
    '2026-11-27 00:00:00+00:00', 0
WHERE NOT EXISTS (SELECT 1 FROM job)
"""


class Migration(QuickMigration):
    dependencies = [("models", "0007_secrets_and_articles")]

    operations = [
        ops.CreateModel(
            name="ApprovalRule",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "kind",
                    fields.CharEnumField(enum_type=RuleKind, max_length=16),
                ),
                ("title", fields.CharField(max_length=200)),
                ("types", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                (
                    "creators",
                    fields.CharEnumField(
                        default=Creators.ANYONE,
                        enum_type=Creators,
                        max_length=16,
                    ),
                ),
                ("names", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("channels", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("domains", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("outside_domains", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("new_domains", fields.BooleanField(default=False)),
                ("min_recipients", fields.IntField(null=True)),
                ("max_recipients", fields.IntField(null=True)),
                ("approvers", fields.IntField(default=1)),
                ("approver_group", fields.CharField(null=True, max_length=64)),
                ("own", fields.BooleanField(default=True)),
                ("by_link", fields.BooleanField(default=False)),
                ("evidence", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("uses", fields.IntField(default=0)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "approval_rule",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A rule of the policy. An empty list leaves nothing out.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Artifact",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField()),
                ("attempt", fields.IntField()),
                ("name", fields.CharField(max_length=255)),
                ("digest", fields.CharField(db_index=True, max_length=64)),
                ("size", fields.BigIntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "artifact",
                "app": "models",
                "unique_together": [("job_id", "attempt", "name")],
                "pk_attr": "id",
                "table_description": "A file of one attempt. `digest` is its content's SHA-256, `size` its bytes.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JobVersion",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("payload", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("content_hash", fields.CharField(null=True, max_length=64)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "job_version",
                "app": "models",
                "unique_together": [("job_id", "number")],
                "pk_attr": "id",
                "table_description": "What a job was to do. The first revision stores the first two.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="KnownDomain",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=255)),
                ("known_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "known_domain",
                "app": "models",
                "pk_attr": "name",
                "table_description": "A mail domain that approved mail went to.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Review",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField(db_index=True)),
                ("version", fields.IntField()),
                (
                    "kind",
                    fields.CharEnumField(
                        enum_type=ReviewKind,
                        max_length=16,
                    ),
                ),
                ("actor", fields.CharField(max_length=200)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("comment", fields.TextField(null=True, unique=False)),
                ("content_hash", fields.CharField(null=True, max_length=64)),
                ("rule_id", fields.BigIntField(null=True)),
                (
                    "groups",
                    fields.JSONField(default=list, db_default="[]", encoder=JSON_DUMPS, decoder=loads),
                ),
            ],
            options={
                "table": "review",
                "app": "models",
                "indexes": [Index(fields=["kind", "id"])],
                "pk_attr": "id",
                "table_description": "One step of a job's review. `content_hash` is what was judged.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ReviewLink",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("job_id", fields.BigIntField(db_index=True)),
                ("content_hash", fields.CharField(max_length=64)),
                ("reviewer", fields.CharField(max_length=200)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "review_link",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Lets whoever has it decide once. `digest` is the SHA-256 of what the link holds.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Job",
            name="approval_asked_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Job",
            name="approval_terms",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="Job",
            name="approved_hash",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name="Job",
            name="content_hash",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name="Job",
            name="reminded_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Job",
            name="undo_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Job",
            name="version",
            field=fields.IntField(default=1, db_default=1),
        ),
        ops.AddField(
            model_name="Person",
            name="groups",
            field=fields.JSONField(default=list, db_default="[]", encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.RunSQL(
            "CREATE INDEX idx_job_pending ON job (priority DESC, id) WHERE approval = 'pending'",
            reverse_sql="DROP INDEX idx_job_pending",
        ),
        ops.RunSQL(SHIPPED.format(title="Mail from agents", type="EMAIL_SEND"), reverse_sql=""),
        ops.RunSQL(SHIPPED.format(title="Posts from agents", type="SOCIAL_POST"), reverse_sql=""),
    ]
