"""What migrations need beside the ORM's own operations."""

from typing import Any

from tortoise.migrations import operations as ops


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
