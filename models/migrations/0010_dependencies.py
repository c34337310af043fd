"""Jobs that wait for jobs: what is blocked is not among what may be claimed."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration

CLAIMABLE = "status = 'queued' AND due_at IS NULL AND (approval IS NULL OR approval = 'approved') AND NOT blocked"


class Migration(QuickMigration):
    dependencies = [("models", "0009_finding")]

    operations = [
        ops.CreateModel(
            name="Dependency",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField(db_index=True)),
                ("parent_id", fields.BigIntField()),
                ("name", fields.CharField(max_length=64)),
                ("any_outcome", fields.BooleanField(default=False, db_default=False)),
                ("met_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "dependency",
                "app": "models",
                "unique_together": [("job_id", "name")],
                "pk_attr": "id",
                "table_description": "A job does not start before its parent is over.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Job", name="blocked", field=fields.BooleanField(default=False, db_default=False)),
        ops.AddField(
            model_name="Job",
            name="template",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.RunSQL("DROP INDEX idx_job_claim", reverse_sql=""),
        ops.RunSQL(
            f"CREATE INDEX idx_job_claim ON job (type, priority DESC, created_at, id) WHERE {CLAIMABLE}",
            reverse_sql="DROP INDEX idx_job_claim",
        ),
        ops.RunSQL("CREATE INDEX idx_job_blocked ON job (id) WHERE blocked", reverse_sql="DROP INDEX idx_job_blocked"),
        ops.RunSQL(
            "CREATE INDEX idx_dependency_open ON dependency (parent_id) WHERE met_at IS NULL",
            reverse_sql="DROP INDEX idx_dependency_open",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_dependency_parent ON dependency (parent_id)",
            reverse_sql="DROP INDEX idx_dependency_parent",
        ),
    ]
