"""Engines have a role, and a worker the types that it runs."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.migrating import QuickMigration
from models.states import ProcessRole

ENGINE = "A process that is, or was, at work on this database; a worker runs only what engines send, of these types."


class Migration(QuickMigration):
    dependencies = [("models", "0003_reliability")]

    operations = [
        ops.AlterModelOptions(
            name="EngineRecord",
            options={"table": "engine", "app": "models", "pk_attr": "id", "table_description": ENGINE},
        ),
        ops.AddField(
            model_name="EngineRecord",
            name="role",
            field=fields.CharEnumField(
                default=ProcessRole.ENGINE,
                description="ENGINE: engine\nWORKER: worker",
                db_default="engine",
                enum_type=ProcessRole,
                max_length=16,
            ),
        ),
        ops.AddField(
            model_name="EngineRecord",
            name="types",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
    ]
