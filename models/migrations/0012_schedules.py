"""Schedules, and what came of each of their times."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration
from models.schedule import Missed, Overlap, RunOutcome


class Migration(QuickMigration):
    dependencies = [("models", "0011_workflows")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Schedule",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("target", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("cron", fields.CharField(null=True, max_length=100)),
                ("time_zone", fields.CharField(default="UTC", max_length=64)),
                ("at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("missed", fields.CharEnumField(default=Missed.ONCE, enum_type=Missed, max_length=8)),
                ("overlap", fields.CharEnumField(default=Overlap.SKIP, enum_type=Overlap, max_length=8)),
                ("paused", fields.BooleanField(default=False)),
                ("next_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("version", fields.IntField(default=1)),
                ("fault", fields.TextField(null=True, unique=False)),
                ("agent", fields.CharField(null=True, max_length=200)),
                ("author", fields.CharField(max_length=200)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "schedule",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What starts by itself: again and again (`cron` in `time_zone`) or once (`at`).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ScheduleRun",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("schedule_id", fields.BigIntField()),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("outcome", fields.CharEnumField(default=RunOutcome.STARTED, enum_type=RunOutcome, max_length=8)),
                ("job_id", fields.BigIntField(null=True, db_index=True)),
                ("run_id", fields.BigIntField(null=True, db_index=True)),
                ("reason", fields.TextField(null=True, unique=False)),
                ("author", fields.CharField(max_length=200)),
            ],
            options={
                "table": "schedule_run",
                "app": "models",
                "unique_together": [("schedule_id", "due_at")],
                "indexes": [Index(fields=["schedule_id", "id"])],
                "pk_attr": "id",
                "table_description": "What came of a time of a schedule, or of a run by hand.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(
            "CREATE INDEX idx_schedule_due ON schedule (paused, next_at, id)",
            reverse_sql="DROP INDEX idx_schedule_due",
        ),
    ]
