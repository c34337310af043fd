"""SQL by hand, for what has no form in the ORM: one text for both databases, or one for each."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

SQLITE = "sqlite"
POSTGRES = "postgres"


class Statement:
    """A statement with `?` for each value, which may stand for nothing else in it."""

    def __init__(self, text: str, *, postgres: str | None = None) -> None:
        self._sqlite = text
        self._postgres = _numbered(text if postgres is None else postgres)

    async def run(self, writer: BaseDBAsyncClient, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run it, and return the rows that it gives; times among the values must be aware."""
        if writer.capabilities.dialect == POSTGRES:
            return await writer.execute_query_dict(self._postgres, list(values))
        return await writer.execute_query_dict(self._sqlite, [_of_sqlite(value) for value in values])


def records(name: str, columns: dict[str, str]) -> tuple[str, str]:
    """A JSON list of objects as a table to join with: for SQLite, and for PostgreSQL; the value is the list's text.

    `columns` are the objects' members with PostgreSQL's types for them.
    """
    extracted = ", ".join(f"json_extract(value, '$.{column}') AS {column}" for column in columns)
    typed = ", ".join(f"{column} {of_type}" for column, of_type in columns.items())
    sqlite = f"(SELECT {extracted} FROM json_each(?)) AS {name}"  # noqa: S608 (names that this code chose)
    return sqlite, f"jsonb_to_recordset(?::jsonb) AS {name} ({typed})"


def stored_time(moment: datetime) -> str:
    """A time as Tortoise writes it on SQLite, for statements that bind it by hand."""
    return str(moment.astimezone(UTC))


def _of_sqlite(value: Any) -> Any:
    return stored_time(value) if isinstance(value, datetime) else value


def _numbered(text: str) -> str:
    numbers: Iterator[int] = count(1)
    first, *rest = text.split("?")
    return first + "".join(f"${next(numbers)}{part}" for part in rest)
