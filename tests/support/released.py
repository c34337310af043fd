"""Databases as released versions left them: rows written past Job Runner, with the columns that there were."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.migrations import KNOWN
from tests.support.migration import EVERYTHING, LONG_AGO, make_source
from tests.support.other_program import connected

Row = dict[str, Any]
Rows = dict[str, list[Row]]

SOON = "2035-01-01 08:00:00+00:00"
THEN = str(LONG_AGO)
WRITTEN_BY_TRIGGERS = ("job_event", "job_count")
_OVER: Row = {"started_at": THEN, "finished_at": THEN, "attempt": 1}
_LEASED: Row = {"engine_id": "gone", "lease_token": "lease", "lease_expires_at": THEN}
STATES: Mapping[str, Row] = {
    "due": {"status": "queued"},
    "later": {"status": "queued", "due_at": SOON},
    "undecided": {"status": "queued", "approval": "pending"},
    "paused": {"status": "paused"},
    "running": {"status": "running", "started_at": THEN, "attempt": 1, **_LEASED},
    "completed": {
        "status": "completed",
        "result": json.dumps(EVERYTHING, ensure_ascii=False),
        "progress": 100,
        **_OVER,
    },
    "failed": {"status": "failed", "error": "refused", **_OVER},
    "cancelled": {"status": "cancelled", **_OVER},
}
"""A job in each state that every version knows."""

_SQLITE = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_POSTGRES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_OTHERS = ("sqlite_", "tortoise_", "procrastinate_", "job_text")
_USUAL: Row = {"type": "SCRIPTED", "category": "task", "summary": "", "priority": 2, "progress": 0, "deaths": 0}
_USUAL |= {"pause_requested": 0, "created_by": "x", "created_at": THEN, "attempt": 0, "max_attempts": 5}
_OUTCOMES = {"running": None, "completed": "succeeded", "failed": "failed", "cancelled": "cancelled"}


async def rows_of_every_table(file: Path) -> Rows:
    """At least one of each, as they are stored now, and no job with more attempts than it knows of."""
    rows = stored(await make_source(file))
    for job in rows["job"]:
        job["attempt"] = sum(attempt["job_id"] == job["id"] for attempt in rows["attempt"])
    return rows


def released(url: str) -> list[str]:
    """The versions of the schema that a database of this kind may come from; the first two had no PostgreSQL."""
    return [version for version in sorted(KNOWN) if url.startswith("sqlite") or not _always_due(version)]


def stored(url: str) -> Rows:
    """Every row that is not made of others, by its table."""
    with connected(url) as other:
        return {table: _read(other, f"SELECT * FROM {table}") for table in _tables(other, url)}


def kept(row: Row, version: str) -> Row:
    """What this version has of a row that an older one wrote: a job's due time only where it is waited for."""
    is_over = row.get("status") in ("running", "completed", "failed", "cancelled")
    return {**row, "due_at": None} if "due_at" in row and is_over and not _always_due(version) else row


def fill(url: str, version: str, rows: Rows, known: Rows) -> None:
    """As this version might: these rows in the tables that were not known before it, and a job in each state."""
    with connected(url) as other:
        other.execute("BEGIN")
        for table in _tables(other, url):
            if table not in known and table not in WRITTEN_BY_TRIGGERS:
                for row in rows.get(table, []):
                    _insert(other, table, row, version)
                if url.startswith("postgres") and "id" in _columns(other, table):
                    _count_on(other, table)
        for state, row in STATES.items():
            _add_job(other, version, state, row)
        other.execute("COMMIT")


def _tables(other: Any, url: str) -> list[str]:
    found = [str(name) for (name,) in other.execute(_SQLITE if url.startswith("sqlite") else _POSTGRES).fetchall()]
    return [name for name in found if not name.startswith(_OTHERS)]


def _read(other: Any, query: str) -> list[Row]:
    cursor = other.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _columns(other: Any, table: str) -> set[str]:
    return {column[0] for column in other.execute(f"SELECT * FROM {table} LIMIT 0").description}


def _insert(other: Any, table: str, row: Row, version: str) -> None:
    """As much of the row as there are columns for it."""
    if table == "job" and _always_due(version):
        row = {**row, "due_at": row.get("due_at") or row["created_at"]}
    there = _columns(other, table)
    row = {name: value for name, value in row.items() if name in there}
    names, values = ", ".join(f'"{name}"' for name in row), ", ".join(map(_literal, row.values()))
    other.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")


def _count_on(other: Any, table: str) -> None:
    """The next row's id comes after those that were given."""
    (sequence,) = other.execute(f"SELECT pg_get_serial_sequence('{table}', 'id')").fetchone()
    if sequence:
        other.execute(f"SELECT setval('{sequence}', MAX(id)) FROM {table}")


def _literal(value: Any) -> str:
    """A quoted text, which each kind of database makes the column's type of."""
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def _add_job(other: Any, version: str, state: str, columns: Row) -> None:
    payload = json.dumps({"note": word_of(version)}, ensure_ascii=False)
    _insert(other, "job", {**_USUAL, **columns, "name": name_of(state, version), "payload": payload}, version)
    if state in _OUTCOMES:
        (job_id,) = other.execute("SELECT MAX(id) FROM job").fetchone()
        attempt = {"job_id": job_id, "number": 1, "lease_token": "lease", "engine_id": "gone", "started_at": THEN}
        _insert(other, "attempt", {**attempt, "outcome": _OUTCOMES[state]}, version)
        _insert(other, "log_line", {"job_id": job_id, "attempt": 1, "at": THEN, "text": "So far"}, version)


def _always_due(version: str) -> bool:
    return version < "0003"


def name_of(state: str, version: str) -> str:
    """What the job in this state is called."""
    return f"{state} of {version}"


def word_of(version: str) -> str:
    """A word that only jobs of this version have."""
    return f"Grüße{version[:4]}"
