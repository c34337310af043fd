"""Workflows: their versions, their runs, and the jobs that are steps of a run."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration


class Migration(QuickMigration):
    dependencies = [("models", "0010_dependencies")]

    operations = [
        ops.CreateModel(
            name="Workflow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=64)),
                ("version", fields.IntField()),
                ("current", fields.BooleanField(default=True)),
                ("title", fields.CharField(max_length=200)),
                ("description", fields.CharField(default="", max_length=500)),
                ("source", fields.TextField(unique=False)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "workflow",
                "app": "models",
                "unique_together": [("name", "version")],
                "pk_attr": "id",
                "table_description": "One version of a workflow, as it was written.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WorkflowRun",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("workflow_id", fields.BigIntField(db_index=True)),
                ("inputs", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("cancelled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("idempotency_key", fields.CharField(null=True, unique=True, max_length=255)),
                ("request_hash", fields.CharField(null=True, max_length=64)),
            ],
            options={
                "table": "workflow_run",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A workflow that was started with these inputs: its jobs tell where it stands.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Job",
            name="run_id",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Job",
            name="step",
            field=fields.CharField(null=True, max_length=80),
        ),
        ops.RunSQL(
            "CREATE INDEX idx_job_run ON job (run_id) WHERE run_id IS NOT NULL", reverse_sql="DROP INDEX idx_job_run"
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX idx_workflow_current ON workflow (name) WHERE current",
            reverse_sql="DROP INDEX idx_workflow_current",
        ),
    ]
