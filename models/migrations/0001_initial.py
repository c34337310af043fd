from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration
from models.states import AttemptOutcome, Phase, Priority, Status


class Migration(QuickMigration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Attempt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("lease_token", fields.CharField(max_length=32)),
                ("engine_id", fields.CharField(max_length=64)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "outcome",
                    fields.CharEnumField(
                        null=True,
                        description="SUCCEEDED: succeeded\nFAILED: failed\nRETRYING: retrying\nUNKNOWN: unknown\nPAUSED: paused\nCANCELLED: cancelled\nLOST: lost",
                        enum_type=AttemptOutcome,
                        max_length=16,
                    ),
                ),
                ("error", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "attempt",
                "app": "models",
                "unique_together": (("job_id", "number"),),
                "pk_attr": "id",
                "table_description": "One try of a job by one engine, under way until it has an outcome.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Channel",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("kind", fields.CharField(max_length=16)),
                ("url", fields.CharField(max_length=500)),
                ("credentials", fields.TextField(null=True, unique=False)),
                ("session", fields.TextField(null=True, unique=False)),
                ("account", fields.CharField(null=True, max_length=300)),
                ("limits", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("tested_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("fault", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "channel",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A connected account. `credentials` and `session` are encrypted, and never leave the engine.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Effect",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField()),
                ("target", fields.CharField(max_length=64)),
                ("attempt", fields.IntField()),
                ("identity", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                (
                    "phase",
                    fields.CharEnumField(
                        description="SENDING: sending\nDONE: done\nFAILED: failed", enum_type=Phase, max_length=16
                    ),
                ),
                ("result", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("error", fields.TextField(null=True, unique=False)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "effect",
                "app": "models",
                "unique_together": (("job_id", "target"),),
                "pk_attr": "id",
                "table_description": "One mail or one channel's post: its identity is stored before the world is spoken to.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EngineRecord",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("host", fields.CharField(max_length=255)),
                ("pid", fields.IntField()),
                ("concurrency", fields.IntField()),
                ("poll_seconds", fields.FloatField()),
                ("running", fields.IntField(default=0)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_beat_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("stopped_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "engine",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An engine that is, or was, at work on this database.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeedEntry",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=36)),
                ("channel", fields.CharField(max_length=64)),
                ("text", fields.TextField(unique=False)),
                ("images", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("published_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "feed_entry",
                "app": "models",
                "indexes": [Index(fields=["published_at"])],
                "pk_attr": "id",
                "table_description": "A post on the built-in feed. The id is chosen before publishing, so publishing twice is publishing once.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Job",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("type", fields.CharField(max_length=64)),
                ("category", fields.CharField(max_length=16)),
                ("name", fields.CharField(max_length=200)),
                ("summary", fields.CharField(default="", max_length=300)),
                (
                    "status",
                    fields.CharEnumField(
                        default=Status.QUEUED,
                        description="QUEUED: queued\nRUNNING: running\nCOMPLETED: completed\nPAUSED: paused\nFAILED: failed\nCANCELLED: cancelled",
                        enum_type=Status,
                        max_length=16,
                    ),
                ),
                (
                    "priority",
                    fields.IntEnumField(
                        default=Priority.MEDIUM,
                        description="LOW: 1\nMEDIUM: 2\nHIGH: 3",
                        enum_type=Priority,
                        generated=False,
                    ),
                ),
                ("progress", fields.FloatField(default=0.0)),
                ("payload", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("result", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("error", fields.TextField(null=True, unique=False)),
                ("outcome", fields.CharField(null=True, max_length=16)),
                ("approval", fields.CharField(null=True, max_length=16)),
                ("pause_requested", fields.BooleanField(default=False)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("run_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("attempt", fields.IntField(default=0)),
                ("max_attempts", fields.IntField()),
                ("engine_id", fields.CharField(null=True, max_length=64)),
                ("lease_token", fields.CharField(null=True, max_length=32)),
                ("lease_expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("idempotency_key", fields.CharField(null=True, unique=True, max_length=255)),
                ("request_hash", fields.CharField(null=True, max_length=64)),
            ],
            options={
                "table": "job",
                "app": "models",
                "indexes": [
                    Index(fields=["status", "id"]),
                    Index(fields=["category", "status", "id"]),
                    Index(fields=["status", "finished_at"]),
                ],
                "pk_attr": "id",
                "table_description": "One row per job. `attempt`, `engine_id` and `lease_token` belong to the latest attempt.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LogLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField()),
                ("attempt", fields.IntField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("text", fields.TextField(unique=False)),
            ],
            options={
                "table": "log_line",
                "app": "models",
                "indexes": [Index(fields=["job_id", "attempt", "id"])],
                "pk_attr": "id",
                "table_description": "A line that an attempt logged.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("password_hash", fields.CharField(max_length=255)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "person",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A user. The password is kept as an argon2id hash only.",
            },
            bases=["Model"],
        ),
    ]
