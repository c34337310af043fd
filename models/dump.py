"""A PostgreSQL database that was restored from a dump: known by its tables, which are others than when it was made."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from models.cause import cause_of
from models.doubt import doubt_since, steps
from models.statement import Statement

RESTORING = 0x4A6F6244
SKIPPED_IDS = 100_000  # folders of artefacts are named by a job's id, so none is given a second time

_ONE_AT_A_TIME = Statement("SELECT pg_advisory_xact_lock(?)")
_IS_ANOTHER = Statement("""
SELECT 1 FROM origin, pg_control_system() WHERE job_table <> 'job'::regclass::oid OR cluster <> system_identifier::text
""")
_AS_OF = Statement("SELECT MAX(last_beat_at) AS at FROM engine")
_REPEATABLE = Statement("CREATE TEMP TABLE repeatable ON COMMIT DROP AS SELECT ''::text AS type WHERE FALSE")
_FILL = Statement("INSERT INTO repeatable SELECT jsonb_array_elements_text(?::jsonb)")
_SKIP_IDS = Statement("SELECT setval(s, nextval(s) + ?) FROM (SELECT pg_get_serial_sequence('job', 'id') AS s) AS own")
_NO_MESSAGES = Statement("DELETE FROM procrastinate_jobs")
_NO_SESSIONS = Statement("DELETE FROM session")  # one that was ended since must not open anything again
_NO_EVENTS = Statement("DELETE FROM job_event")  # whoever reads on learns that something was missed
_BEGIN_ANEW = Statement("UPDATE webhook SET tx = 0, event_id = 0")
_SETTLE = Statement("""
UPDATE origin SET job_table = 'job'::regclass::oid, cluster = system_identifier::text FROM pg_control_system()
""")


async def note_origin(connection: Any) -> None:
    """Remember which table of which cluster the jobs are in; a restored dump remembers another one."""
    await connection.execute("CREATE TABLE IF NOT EXISTS origin (job_table OID NOT NULL, cluster TEXT NOT NULL)")
    await connection.execute(
        "INSERT INTO origin SELECT 'job'::regclass::oid, system_identifier::text FROM pg_control_system() "
        "WHERE NOT EXISTS (SELECT FROM origin)"
    )


async def settle_dump(writer: BaseDBAsyncClient, *, repeatable: Collection[str], now: datetime) -> int | None:
    """If the database is a restored dump, leave to a person what may have gone out since; returns how many jobs wait.

    None if it is no dump, or was settled before. Must be called in a transaction, before anybody claims.
    """
    await _ONE_AT_A_TIME.run(writer, [RESTORING])
    if not await _IS_ANOTHER.run(writer):
        return None
    (row,) = await _AS_OF.run(writer)
    doubt = doubt_since((row["at"] or now).astimezone(UTC))
    values = {"doubt": doubt, "cause": cause_of(doubt), "now": now}
    await _REPEATABLE.run(writer)
    await _FILL.run(writer, [json.dumps(list(repeatable))])
    waiting = 0
    for text, names, waits in steps():
        rows = await Statement(_typed(text, names)).run(writer, [values[name] for name in names])
        waiting += len(rows) if waits else 0
    await _SKIP_IDS.run(writer, [SKIPPED_IDS])
    for statement in (_NO_MESSAGES, _NO_SESSIONS, _NO_EVENTS, _BEGIN_ANEW, _SETTLE):
        await statement.run(writer)
    return waiting


def _typed(text: str, names: list[str]) -> str:
    """With the types that PostgreSQL cannot know by itself."""
    types = iter({"doubt": "?::text", "cause": "?::text", "now": "?::timestamptz"}[name] for name in names)
    first, *rest = text.split("?")
    return first + "".join(next(types) + part for part in rest)
