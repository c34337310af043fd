"""Of which trace a job is, in a table of its own."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration


class Migration(QuickMigration):
    dependencies = [("models", "0014_counts")]

    operations = [
        ops.CreateModel(
            name="JobTrace",
            fields=[
                (
                    "job_id",
                    fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True),
                ),
                ("traceparent", fields.CharField(max_length=55)),
            ],
            options={
                "table": "job_trace",
                "app": "models",
                "pk_attr": "job_id",
                "table_description": "The traceparent under which a job was submitted.",
            },
            bases=["Model"],
        ),
    ]
