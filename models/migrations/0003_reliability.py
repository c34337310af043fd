"""Type policies, deaths in a row, denied effects; a job that is due has no `due_at`, and the claim looks by type."""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration
from models.states import AttemptOutcome

JOB = "One row per job. `engine_id` and `attempt` name the latest attempt, `lease_token` the one that owns the job now."
POLICY = "A type without a row is not paused, and has the limits that it declares itself."
INDEXES = [
    Index(fields=["status", "id"]),
    Index(fields=["category", "status", "id"]),
    Index(fields=["status", "finished_at"]),
]
CLAIMABLE = "status = 'queued' AND due_at IS NULL AND (approval IS NULL OR approval = 'approved')"


class AlterFieldInPlace(ops.AlterField):
    """On SQLite the ORM alters a field by making the table anew, without its indexes and its constraints."""

    def __init__(self, model_name: str, name: str, field: Any, sqlite: tuple[str, ...]) -> None:
        super().__init__(model_name, name, field)
        self._sqlite = sqlite

    async def database_forward(self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None) -> None:
        """Run the SQL on SQLite, and the ORM's own elsewhere."""
        if state_editor and state_editor.DIALECT == "sqlite":
            await ops.RunSQL(self._sqlite).database_forward(app_label, old_state, new_state, state_editor)
        else:
            await super().database_forward(app_label, old_state, new_state, state_editor)


class Migration(QuickMigration):
    dependencies = [("models", "0002_claim_index")]

    operations = [
        ops.CreateModel(
            name="TypePolicy",
            fields=[
                ("type", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("paused", fields.BooleanField(default=False)),
                ("concurrency", fields.IntField(null=True)),
                ("time_limit_seconds", fields.FloatField(null=True)),
            ],
            options={"table": "type_policy", "app": "models", "pk_attr": "type", "table_description": POLICY},
            bases=["Model"],
        ),
        AlterFieldInPlace(
            model_name="Attempt",
            name="outcome",
            field=fields.CharEnumField(null=True, enum_type=AttemptOutcome, max_length=16),
            sqlite=(),
        ),
        ops.AddField(
            model_name="Effect",
            name="denied_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL("DROP INDEX idx_job_claim", reverse_sql=""),
        AlterFieldInPlace(
            model_name="Job",
            name="due_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
            sqlite=(
                "ALTER TABLE job RENAME COLUMN due_at TO was_due_at",
                "ALTER TABLE job ADD COLUMN due_at TIMESTAMP",
                "UPDATE job SET due_at = was_due_at WHERE status IN ('queued', 'paused')",
                "ALTER TABLE job DROP COLUMN was_due_at",
            ),
        ),
        ops.AddField(model_name="Job", name="deaths", field=fields.IntField(default=0, db_default=0)),
        ops.AlterModelOptions(
            name="Job",
            options={"table": "job", "app": "models", "indexes": INDEXES, "pk_attr": "id", "table_description": JOB},
        ),
        ops.RunSQL(
            f"CREATE INDEX idx_job_claim ON job (type, priority DESC, created_at, id) WHERE {CLAIMABLE}",
            reverse_sql="DROP INDEX idx_job_claim",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_attempt_open ON attempt (job_id) WHERE outcome IS NULL",
            reverse_sql="DROP INDEX idx_attempt_open",
        ),
        ops.RunSQL(
            "CREATE INDEX idx_job_due ON job (due_at) WHERE status = 'queued' AND due_at IS NOT NULL",
            reverse_sql="DROP INDEX idx_job_due",
        ),
    ]
