"""The log of events with the triggers that write it, webhooks, defined types and outside agents."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration, SqlOfEach
from models.states import Category, DeliveryStatus

COLUMNS = "(tx, at, kind, job_id, job_type, status, attempt, approval, outcome)"
VALUES = "NEW.id, NEW.type, NEW.status, NEW.attempt, NEW.approval, NEW.outcome"
MOVED_TO = """CASE
    WHEN NEW.approval IS DISTINCT FROM OLD.approval THEN
        CASE NEW.approval WHEN 'pending' THEN 'job.needs_approval' ELSE 'job.' || COALESCE(NEW.approval, 'queued') END
    WHEN NEW.outcome = 'unknown' AND NEW.status = 'failed' THEN 'job.outcome_unknown'
    WHEN NEW.status = 'running' THEN 'job.started'
    ELSE 'job.' || NEW.status
END"""
MOVED = """NEW.status IS DISTINCT FROM OLD.status OR NEW.approval IS DISTINCT FROM OLD.approval
    OR NEW.outcome IS DISTINCT FROM OLD.outcome AND NEW.outcome = 'unknown'"""


NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'"
SQLITE = [
    f"""CREATE TRIGGER job_created AFTER INSERT ON job BEGIN
    INSERT INTO job_event {COLUMNS} VALUES (0, {NOW}, 'job.created', {VALUES});
    INSERT INTO job_event {COLUMNS} SELECT 0, {NOW}, 'job.needs_approval', {VALUES} WHERE NEW.approval = 'pending';
END""",
    f"""CREATE TRIGGER job_moved AFTER UPDATE OF status, approval, outcome ON job
WHEN {MOVED.replace("IS DISTINCT FROM", "IS NOT")} BEGIN
    INSERT INTO job_event {COLUMNS} VALUES (0, {NOW}, {MOVED_TO.replace("IS DISTINCT FROM", "IS NOT")}, {VALUES});
END""",
]
TX = "pg_current_xact_id()::text::bigint"
POSTGRES = [
    f"""CREATE FUNCTION note_job_created() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_event {COLUMNS} VALUES ({TX}, clock_timestamp(), 'job.created', {VALUES});
    IF NEW.approval = 'pending' THEN
        INSERT INTO job_event {COLUMNS} VALUES ({TX}, clock_timestamp(), 'job.needs_approval', {VALUES});
    END IF;
    RETURN NULL;
END $$""",
    f"""CREATE FUNCTION note_job_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_event {COLUMNS} VALUES ({TX}, clock_timestamp(), {MOVED_TO}, {VALUES});
    RETURN NULL;
END $$""",
    "CREATE TRIGGER job_created AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION note_job_created()",
    f"""CREATE TRIGGER job_moved AFTER UPDATE OF status, approval, outcome ON job
FOR EACH ROW WHEN ({MOVED}) EXECUTE FUNCTION note_job_moved()""",
]


class Migration(QuickMigration):
    dependencies = [("models", "0005_access")]

    operations = [
        ops.CreateModel(
            name="Agent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("token_id", fields.BigIntField()),
                ("types", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("concurrency", fields.IntField()),
                ("registered_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "agent",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An agent by its name. `token_id` is the token that it registered with, 0 where nobody signs in.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DefinedType",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("label", fields.CharField(max_length=64)),
                ("description", fields.CharField(default="", max_length=500)),
                (
                    "category",
                    fields.CharEnumField(
                        description="VIDEO: video\nANIMATION: animation\nSOCIAL: social\nDOCUMENT: document\nTASK: task",
                        enum_type=Category,
                        max_length=16,
                    ),
                ),
                ("icon", fields.CharField(max_length=64)),
                ("payload_schema", fields.TextField(unique=False)),
                ("irreversible", fields.BooleanField()),
                ("attempts", fields.IntField()),
                ("time_limit_seconds", fields.FloatField()),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "defined_type",
                "app": "models",
                "pk_attr": "key",
                "table_description": "A job type by its key. `payload_schema` is a JSON Schema as text, in the order in which it was written.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Delivery",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("webhook_id", fields.BigIntField()),
                ("message_id", fields.CharField(unique=True, max_length=64)),
                ("kind", fields.CharField(max_length=32)),
                ("job_id", fields.BigIntField()),
                ("body", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                (
                    "status",
                    fields.CharEnumField(
                        default=DeliveryStatus.PENDING,
                        description="PENDING: pending\nDELIVERED: delivered\nFAILED: failed",
                        enum_type=DeliveryStatus,
                        max_length=16,
                    ),
                ),
                ("attempts", fields.IntField(default=0, db_default=0)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("next_try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("response_status", fields.IntField(null=True)),
                ("error", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "delivery",
                "app": "models",
                "indexes": [Index(fields=["status", "next_try_at"]), Index(fields=["webhook_id", "id"])],
                "pk_attr": "id",
                "table_description": "One message to one webhook, tried until its server takes it or the tries are used up.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="JobEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("tx", fields.BigIntField(default=0, db_default=0)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("kind", fields.CharField(max_length=32)),
                ("job_id", fields.BigIntField()),
                ("job_type", fields.CharField(max_length=64)),
                ("status", fields.CharField(max_length=16)),
                ("attempt", fields.IntField()),
                ("approval", fields.CharField(null=True, max_length=16)),
                ("outcome", fields.CharField(null=True, max_length=16)),
            ],
            options={
                "table": "job_event",
                "app": "models",
                "indexes": [Index(fields=["tx", "id"]), Index(fields=["at"])],
                "pk_attr": "id",
                "table_description": "One row per creation, move, decision or doubt. `tx` is PostgreSQL's transaction, 0 on SQLite.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Webhook",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("url", fields.CharField(max_length=2000)),
                ("kinds", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("secret", fields.TextField(unique=False)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("tx", fields.BigIntField(default=0, db_default=0)),
                ("event_id", fields.BigIntField(default=0, db_default=0)),
            ],
            options={
                "table": "webhook",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An address that is told of these kinds of events. Everything up to (`tx`, `event_id`) has been made messages.",
            },
            bases=["Model"],
        ),
        SqlOfEach(SQLITE, POSTGRES),
    ]
