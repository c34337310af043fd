"""The claim's own index: a descending, partial one, which the ORM cannot express."""

from tortoise.migrations import operations as ops

from models.migrating import QuickMigration


class Migration(QuickMigration):
    dependencies = [("models", "0001_initial")]

    operations = [
        ops.RunSQL(
            "CREATE INDEX idx_job_claim ON job (priority DESC, created_at, id) WHERE status = 'queued'",
            reverse_sql="DROP INDEX idx_job_claim",
        )
    ]
