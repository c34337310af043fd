"""Stored secrets, and the knowledge base."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration


class Migration(QuickMigration):
    dependencies = [("models", "0006_agents")]

    operations = [
        ops.CreateModel(
            name="Article",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("slug", fields.CharField(unique=True, max_length=200)),
                ("title", fields.CharField(max_length=200)),
                ("tags", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("text", fields.TextField(unique=False)),
                ("words", fields.TextField(unique=False)),
                ("version", fields.IntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ("updated_by", fields.CharField(max_length=200)),
            ],
            options={
                "table": "article",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An article by its slug, with its latest version's title, tags, words and author.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ArticleVersion",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("article_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("title", fields.CharField(max_length=200)),
                ("tags", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("body", fields.TextField(unique=False)),
                ("pictures", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("job_id", fields.BigIntField(unique=True)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "article_version",
                "app": "models",
                "unique_together": (("article_id", "number"),),
                "pk_attr": "id",
                "table_description": "What an article once was. `body` is Markdown, `pictures` are the files that it shows, by their names there.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="StoredSecret",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=64)),
                ("sealed", fields.TextField(unique=False)),
                ("hosts", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_by", fields.CharField(max_length=200)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "stored_secret",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A secret by its name, with the hosts that it may be sent to. `sealed` is encrypted, and never leaves us.",
            },
            bases=["Model"],
        ),
    ]
