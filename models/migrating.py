"""What migrations need beside the ORM's own operations."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops


class _Once:
    """Runs a statement that does nothing where it is done already, so that a broken upgrade is begun anew."""

    def __init__(self, sql: str, **more: Any) -> None:
        super().__init__(**more)
        self._sql = sql

    async def database_forward(self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None) -> None:
        """Run the statement."""
        if state_editor:
            await state_editor.client.execute_script(self._sql)


class AddIndexOnce(_Once, ops.AddIndex):
    """An index that may be there already."""


class RemoveIndexOnce(_Once, ops.RemoveIndex):
    """An index that may be gone already."""


class SqlOfEach(ops.RunSQL):
    """Statements that each kind of database says its own way."""

    def __init__(self, sqlite: list[str], postgres: list[str]) -> None:
        super().__init__(sqlite, reverse_sql="")
        self._of = {"sqlite": sqlite, "postgres": postgres}

    async def database_forward(self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None) -> None:
        """Run those of this kind."""
        if state_editor:
            for statement in self._of[state_editor.DIALECT]:
                await state_editor.client.execute_script(statement)


_ONLY_ADD = (ops.RunSQL, ops.RunPython, ops.CreateModel, ops.AddIndex, RemoveIndexOnce)


class QuickMigration(migrations.Migration):
    """A migration that keeps a copy of the former models only for operations that look at it.

    The ORM makes one for each operation, which was three quarters of the time of a first start.
    """

    async def apply(
        self, state: Any, *, dry_run: bool = False, schema_editor: Any = None, collect_sql: bool = False
    ) -> Any:
        """Apply the operations in their order; see the ORM's own."""
        if dry_run or collect_sql or schema_editor is None:
            return await super().apply(state, dry_run=dry_run, schema_editor=schema_editor, collect_sql=collect_sql)
        in_transaction = schema_editor.client.capabilities.supports_transactions
        for operation in self.operations:
            former = state if isinstance(operation, _ONLY_ADD) else state.clone()
            operation.state_forward(self.app_label, state)
            await self._run_database_forward(operation, former, state, schema_editor, in_transaction)
        state.validate_relations_initialized()
        return state
