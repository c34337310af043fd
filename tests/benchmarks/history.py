"""A long history: as many jobs as a team leaves behind in years, made in a minute, in either kind of database.

The triggers are off meanwhile, and what they keep is made anew afterwards, as a migration makes it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg

from models.statement import POSTGRES, SQLITE

BLOCKED = 30  # of a thousand, at the head of the queue: a third each for approval, for their time and for another job
QUEUED = 100  # of a thousand, the blocked ones among them
FAILED, CANCELLED, PAUSED = 40, 40, 1  # of a thousand
DAYS = 180
CREATORS = 40

# Of twenty jobs, in which category they are: people write more mail than they make films.
_KINDS = [
    *[("EMAIL_SEND", "task")] * 7,
    *[("SOCIAL_POST", "social")] * 4,
    *[("TEST_NOOP", "task")] * 4,
    *[("REPORT", "document")] * 3,
    ("VIDEO_RENDER", "video"),
    ("ANIMATION_RENDER", "animation"),
]
_TYPE = "CASE n % 20 " + " ".join(f"WHEN {at} THEN '{kind}'" for at, (kind, _) in enumerate(_KINDS)) + " END"
_CATEGORY = "CASE n % 20 " + " ".join(f"WHEN {at} THEN '{of}'" for at, (_, of) in enumerate(_KINDS)) + " END"
_MIXED = "(n * 7919 % 1000)"  # neighbours stand in different states, and every type has some of each
_STATUS = f"""CASE WHEN is_old AND {_MIXED} < {FAILED} THEN 'failed'
    WHEN is_old AND {_MIXED} < {FAILED + CANCELLED} THEN 'cancelled'
    WHEN is_old AND {_MIXED} < {FAILED + CANCELLED + PAUSED} THEN 'paused'
    WHEN is_old THEN 'completed' ELSE 'queued' END"""

_JOBS = f"""
INSERT INTO job (type, category, name, summary, status, priority, progress, payload, result, error, cause, outcome,
    approval, content_hash, approved_hash, blocked, created_by, created_at, run_at, due_at, started_at, finished_at,
    attempt, max_attempts, pause_requested, deaths, version)
SELECT of_type, of_category, 'Numbers of week ' || (n % 52) || ' for team ' || (n % 997), 'Letter ' || n, state,
    CASE WHEN is_blocked THEN 3 ELSE 1 + n % 3 END, CASE WHEN state = 'completed' THEN 1 ELSE 0 END,
    CASE WHEN of_type = 'TEST_NOOP' THEN {{nothing}} ELSE {{payload}} END,
    CASE WHEN state = 'completed' THEN {{result}} END,
    CASE WHEN state = 'failed' THEN 'The server refused it with code ' || (n % 7) END,
    CASE WHEN state = 'failed' THEN 'The server refused it with code ' || (n % 7) END,
    CASE WHEN state = 'failed' AND n % 400 = 0 THEN 'unknown' END,
    CASE WHEN is_blocked AND n % 3 = 0 THEN 'pending' END, NULL, NULL,
    is_blocked AND n % 3 = 1, CASE WHEN n % 5 < 2 THEN 'newsletter' ELSE 'person ' || (n * 31 % {CREATORS}) END,
    created, {{later}}, {{later}},
    CASE WHEN is_old THEN created END, CASE WHEN is_old AND state <> 'paused' THEN {{ended}} END,
    CASE WHEN is_old THEN 1 ELSE 0 END, 5, FALSE, 0, 1
FROM (SELECT n, created, is_old, is_blocked, {_TYPE} AS of_type, {_CATEGORY} AS of_category, {_STATUS} AS state
    FROM (SELECT n, {{created}} AS created, n <= {{old}} AS is_old,
        n > {{old}} AND n <= {{old}} + {{blocked}} AS is_blocked FROM {{numbers}}) AS placed) AS mixed
"""
_ATTEMPTS = """
INSERT INTO attempt (job_id, number, lease_token, engine_id, started_at, finished_at, outcome, bytes, micros, tokens)
SELECT id, 1, 'lease-' || id, 'atlas', started_at, finished_at,
    CASE status WHEN 'completed' THEN 'succeeded' WHEN 'cancelled' THEN 'cancelled' ELSE 'failed' END, 0, 800, 0
FROM job WHERE finished_at IS NOT NULL
"""
_LINES = """
INSERT INTO log_line (job_id, attempt, at, text)
SELECT id, 1, finished_at, 'The server took it' FROM job WHERE finished_at IS NOT NULL AND id % 5 = 0
"""
_PAUSED = "INSERT INTO type_policy (type, paused) VALUES " + ", ".join(
    f"('{each}', TRUE)" for each in sorted({each for each, _ in _KINDS})
)


def fill(url: str, jobs: int) -> None:
    """Make so many jobs in a database that has its schema, and none yet.

    The newest tenth is queued, and every type is paused, so that they stay so.
    """
    kind = SQLITE if url.startswith(SQLITE) else POSTGRES
    places = {"old": jobs * (1000 - QUEUED) // 1000, "blocked": jobs * BLOCKED // 1000}
    if kind == SQLITE:
        _fill_sqlite(url.removeprefix("sqlite://"), jobs, places)
    else:
        _fill_postgres(url, jobs, places)


def _fill_sqlite(file: str, jobs: int, places: dict[str, int]) -> None:
    stored = "strftime('%Y-%m-%d %H:%M:%f', {}) || '000+00:00'"
    text = _JOBS.format(
        numbers=f"(WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {jobs})"
        " SELECT n FROM number)",
        created=stored.format(f"'now', '-{DAYS} days', (n * {DAYS * 86400 / jobs}) || ' seconds'"),
        ended=stored.format("created, '+40 seconds'"),
        later="CASE WHEN is_blocked AND n % 3 = 2 THEN '2035-06-01 08:00:00+00:00' END",
        nothing="'{}'",
        payload="json_object('to', 'ada' || (n % 5000) || '@example.org', 'subject', 'Week ' || n,"
        " 'body', 'Enclosed.')",
        result="json_object('message', '<' || n || '@example.org>')",
        **places,
    )
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = -400000")
        writer.execute("PRAGMA synchronous = OFF")
        kept = _take_away_sqlite(writer)
        for statement in (text, _ATTEMPTS, _LINES, _PAUSED):
            writer.execute(statement)
        for statement in kept:
            writer.execute(statement)
        for statement in _made_anew(SQLITE):
            writer.execute(statement)
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _take_away_sqlite(writer: sqlite3.Connection) -> Sequence[str]:
    """Triggers and indexes; returns what brings them back."""
    rows = writer.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN ('job', 'attempt', 'log_line')"
        " AND type IN ('trigger', 'index') AND sql IS NOT NULL"
    ).fetchall()
    for what, name, _ in rows:
        writer.execute(f'DROP {what} "{name}"')
    return [sql for what, _, sql in sorted(rows)]  # indexes before triggers


def _fill_postgres(url: str, jobs: int, places: dict[str, int]) -> None:
    text = _JOBS.format(
        numbers=f"generate_series(1::bigint, {jobs}) AS number (n)",
        created=f"now() - interval '{DAYS} days' + n * interval '{DAYS * 86400 / jobs} seconds'",
        ended="created + interval '40 seconds'",
        later="CASE WHEN is_blocked AND n % 3 = 2 THEN timestamptz '2035-06-01 08:00:00+00' END",
        nothing="'{}'::jsonb",
        payload="jsonb_build_object('to', 'ada' || (n % 5000) || '@example.org', 'subject', 'Week ' || n,"
        " 'body', 'Enclosed.')",
        result="jsonb_build_object('message', '<' || n || '@example.org>')",
        **places,
    )
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute("SET session_replication_role = replica")  # no triggers
        writer.execute("SET maintenance_work_mem = '256MB'")
        kept = _take_away_postgres(writer)
        for statement in (text, _ATTEMPTS, _LINES, _PAUSED, *_made_anew(POSTGRES), *kept):
            writer.execute(statement.encode())
        writer.execute("VACUUM ANALYZE")


def _take_away_postgres(writer: psycopg.Connection[Any]) -> Sequence[str]:
    """Indexes that no constraint needs; returns what brings them back."""
    rows = writer.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid IN ('job'::regclass, 'attempt'::regclass, 'log_line'::regclass, 'job_text'::regclass)"
        " AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"
    ).fetchall()
    for name, _ in rows:
        writer.execute(f"DROP INDEX {name}".encode())
    return [text for _, text in rows]


def _made_anew(kind: str) -> Iterator[Any]:
    """What triggers keep."""
    yield "DELETE FROM job_count"
    yield "INSERT INTO job_count SELECT category, type, status, COUNT(*) FROM job GROUP BY category, type, status"
    if kind == SQLITE:
        yield "INSERT INTO job_text (rowid, text) SELECT id, text FROM job_words"
    else:
        yield "INSERT INTO job_text SELECT id, words_of(text_of(job)) FROM job"
