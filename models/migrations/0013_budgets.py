"""What attempts use, how much may be used a day, and how much may go out in a time."""

from tortoise import fields
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration


class Migration(QuickMigration):
    dependencies = [("models", "0012_schedules")]

    operations = [
        ops.CreateModel(
            name="Budget",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("scope", fields.CharField(max_length=8)),
                ("key", fields.CharField(default="", max_length=64)),
                ("measure", fields.CharField(max_length=16)),
                ("most", fields.BigIntField()),
                ("warned_on", fields.CharField(null=True, max_length=10)),
                ("spent_on", fields.CharField(null=True, max_length=10)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "budget",
                "app": "models",
                "unique_together": [("scope", "key", "measure")],
                "pk_attr": "id",
                "table_description": "A limit for everything, a type or an agent, whose name is the `key`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RateClock",
            fields=[
                ("key", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=255)),
                ("planned", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("late", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("gone", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rate_clock",
                "app": "models",
                "pk_attr": "key",
                "table_description": "How far a way is taken.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RateLimit",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=255)),
                ("count", fields.IntField()),
                ("per_seconds", fields.IntField()),
                ("burst", fields.IntField(default=1)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rate_limit",
                "app": "models",
                "pk_attr": "id",
                "table_description": "At most `count` in any `per_seconds` by the ways of this key.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RateTurn",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job_id", fields.BigIntField(unique=True)),
                ("at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ("ways", fields.TextField(unique=False)),
                ("reason", fields.CharField(max_length=300)),
            ],
            options={
                "table": "rate_turn",
                "app": "models",
                "pk_attr": "id",
                "table_description": "When a job's turn is, by which ways, and why it waits until then.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UsageSum",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("day", fields.CharField(max_length=10)),
                ("type", fields.CharField(max_length=64)),
                ("agent", fields.CharField(default="", max_length=64)),
                ("shard", fields.IntField(default=0)),
                ("attempts", fields.BigIntField(default=0)),
                ("millis", fields.BigIntField(default=0)),
                ("bytes", fields.BigIntField(default=0)),
                ("tokens", fields.BigIntField(default=0)),
                ("micros", fields.BigIntField(default=0)),
            ],
            options={
                "table": "usage_sum",
                "app": "models",
                "unique_together": [("day", "type", "agent", "shard")],
                "pk_attr": "id",
                "table_description": "All that ended on a day, in UTC.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Attempt",
            name="bytes",
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name="Attempt",
            name="micros",
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.AddField(
            model_name="Attempt",
            name="tokens",
            field=fields.BigIntField(default=0, db_default=0),
        ),
    ]
