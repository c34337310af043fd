"""What the database tells of itself."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from models.at_work import moment
from models.database import connection
from models.migrations import KNOWN
from models.sqlite import SCHEME
from models.statement import POSTGRES, Statement

_SIZES = "(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
_ABOUT = Statement(
    f"SELECT {_SIZES} AS bytes, sqlite_version() AS version, journal_mode AS journal, "  # noqa: S608 (our own names)
    "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') AS at FROM pragma_journal_mode",
    postgres="SELECT pg_database_size(current_database()) AS bytes, current_setting('server_version') AS version, "
    "'wal' AS journal, clock_timestamp() AS at",
)
_SCHEMA = Statement("SELECT name FROM tortoise_migrations ORDER BY name DESC LIMIT 1")


@dataclass(frozen=True)
class DatabaseFacts:
    """Sizes are in bytes, `answered_in` in seconds; `log_bytes` is the write-ahead log, beside SQLite's file alone.

    `at` is what time it is there. `schema` is the newest change of its tables, `known_schema` the newest of this
    version.
    """

    kind: str
    version: str
    bytes: int
    log_bytes: int
    journal: str
    at: datetime
    answered_in: float
    schema: str
    known_schema: str


async def about_database(url: str) -> DatabaseFacts:
    """Ask it."""
    began = monotonic()
    schema = str((await _SCHEMA.run(connection()))[0]["name"])
    answered_in = monotonic() - began
    (row,) = await _ABOUT.run(connection())
    is_postgres = connection().capabilities.dialect == POSTGRES
    return DatabaseFacts(
        "PostgreSQL" if is_postgres else "SQLite",
        str(row["version"]).split(" ")[0],
        int(row["bytes"]),
        0 if is_postgres else await asyncio.to_thread(_size, Path(f"{url.removeprefix(SCHEME)}-wal")),
        str(row["journal"]),
        moment(row["at"]),
        answered_in,
        schema,
        max(KNOWN),
    )


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
