"""Restoring a backup: prepared beside the database so that nothing in it goes out a second time, then swapped in."""

import os
import sqlite3
import stat
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.backup import refuse_foreign, why
from models.cause import cause_of
from models.copies import name_also, sync, unfinished
from models.doubt import doubt_since, steps
from models.errors import DatabaseError
from models.sqlite import read_only, refuse_newer
from models.statement import stored_time

BUSY_SECONDS = 1.0
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database


@dataclass(frozen=True)
class Restored:
    """The backup's moment, its jobs, how many of them are left to a person, and where the former database is."""

    at: datetime
    jobs: int
    waiting: int
    former: Path | None


@dataclass(frozen=True)
class Engine:
    """An engine that has not said that it stopped."""

    host: str
    pid: int
    last_beat_at: datetime


def engines(database: Path) -> list[Engine]:
    """The engines that have not stopped, the latest beat first; none if there is no database, or it cannot be read.

    Raises:
        DatabaseError: the database is not ours, or locked.
    """
    beats = "SELECT host, pid, last_beat_at FROM engine WHERE stopped_at IS NULL ORDER BY last_beat_at DESC"
    try:
        return [Engine(host, pid, datetime.fromisoformat(beat)) for host, pid, beat in _asked(database, beats)]
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"the database {database} cannot be read: {why(error)}") from error


def restore(file: Path, database: Path, *, repeatable: Collection[str], now: datetime) -> Restored:
    """Put the backup in the database's place; the former database is kept beside it, under another name.

    No engine may be at work on the database. What is not of a `repeatable` type may have gone out since the
    backup, so it is left to a person. Until the last step, which is one renaming, the database is left as it is.

    Raises:
        DatabaseError: the backup cannot be used, or somebody else has the database open.
    """
    database = database.resolve()
    _refuse_unfit(file, database)
    try:
        with unfinished(database) as copy:
            at = _take(file, copy)
            last = _last_id(database, "job"), _last_id(database, "job_event")
            jobs, waiting = _prepare(copy, repeatable, last, doubt_since(at), now)
            sync(copy)
            former = _swap(copy, database, now)
        sync(database.parent)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"the backup {file} cannot be restored to {database}: {why(error)}") from error
    return Restored(at, jobs, waiting, former)


def _refuse_unfit(file: Path, database: Path) -> None:
    if not file.is_file():
        raise DatabaseError(f"there is no backup {file}")
    if database.exists() and file.samefile(database):
        raise DatabaseError(f"{file} is the database itself, not a backup of it")
    try:
        refuse_foreign(file)
        refuse_newer(file)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"the backup {file} cannot be used: {why(error)}") from error


def _take(file: Path, copy: Path) -> datetime:
    """Copy the backup, check every page of it, and return its moment."""
    with read_only(file) as reader, closing(_writing(copy)) as writer:
        reader.backup(writer)
        writer.execute("PRAGMA journal_mode = DELETE")  # one file, whatever the backup was
        (verdict,) = writer.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise DatabaseError(f"the backup {file} is damaged: {' '.join(verdict.split())}")
        if "backup" in {row[0] for row in writer.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}:
            return datetime.fromisoformat(writer.execute("SELECT at FROM backup").fetchone()[0])
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)  # a database that was copied while nobody used it


def _prepare(
    copy: Path, repeatable: Collection[str], last: tuple[int, int], doubt: str, now: datetime
) -> tuple[int, int]:
    """Mark the copy; returns how many jobs it has, and how many are left to a person."""
    values, waiting = {"doubt": doubt, "cause": cause_of(doubt), "now": stored_time(now)}, 0
    last_job_id, last_event_id = last
    with closing(_writing(copy)) as writer:
        writer.execute("BEGIN")
        writer.execute("CREATE TEMP TABLE repeatable (type TEXT)")
        writer.executemany("INSERT INTO repeatable VALUES (?)", [(key,) for key in repeatable])
        tables = {row[0] for row in writer.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "defined_type" in tables:
            writer.execute("INSERT INTO repeatable SELECT key FROM defined_type WHERE NOT irreversible")
        if "session" in tables:
            writer.execute("DELETE FROM session")  # one that was ended since must not open anything again
        columns = {row[1] for row in writer.execute("PRAGMA table_info(job)")}
        for statement, names, waits in steps(has_causes="cause" in columns, has_schedules="schedule" in tables):
            rows = writer.execute(statement, [values[name] for name in names]).fetchall()
            waiting += len(rows) if waits else 0
        _continue_ids(writer, "job", last_job_id)
        if "job_event" in tables:  # whoever reads on learns that something was missed
            writer.execute("DELETE FROM job_event")
            writer.execute("UPDATE webhook SET tx = 0, event_id = 0")
            _continue_ids(writer, "job_event", last_event_id + 1)
        writer.execute("DROP TABLE IF EXISTS backup")
        writer.execute("COMMIT")
        return int(writer.execute("SELECT COUNT(*) FROM job").fetchone()[0]), waiting


def _continue_ids(writer: sqlite3.Connection, table: str, last: int) -> None:
    """Folders of artefacts are named by a job's id, and events are read on by theirs: none is given a second time."""
    if not writer.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", [table]).fetchone():
        writer.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, 0)", [table])
    writer.execute("UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?", [last, table])


def _last_id(database: Path, table: str) -> int:
    given = _asked(database, f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'")  # noqa: S608 (our own names)
    return int(given[0][0]) if given else 0


def _asked(database: Path, question: str) -> list[Any]:
    """The answers of the database that is there; nothing if there is none or it is damaged, as then it is replaced."""
    if not database.exists() or database.stat().st_size == 0:
        return []
    try:
        refuse_foreign(database)
        with read_only(database) as reader:
            return reader.execute(question).fetchall()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return []


def _swap(copy: Path, database: Path, now: datetime) -> Path | None:
    """Keep the former database under another name, then replace it in one step."""
    former = database.with_name(f"{database.name}.before-restore-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    is_there = database.exists()
    if is_there:
        _close_down(database)
        _like(database, copy)
        name_also(database, former)
    for ending in _BESIDE:  # left only by a database that is damaged or gone; they would be taken for the new one's
        if os.path.lexists(f"{database}{ending}"):
            os.replace(f"{database}{ending}", f"{former}{ending}")
    os.replace(copy, database)
    return former if is_there else None


def _close_down(database: Path) -> None:
    """Bring all that was committed into the one file, which takes that nobody else has it open."""
    try:
        with closing(_writing(database)) as alone:
            (mode,) = alone.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        mode = "busy"
    except sqlite3.DatabaseError:  # damaged: kept as it is, with what lies beside it
        return
    if mode != "delete":
        raise DatabaseError(f"another process has the database {database} open; stop it, then restore again")


def _like(former: Path, copy: Path) -> None:
    """Owner and rights as before: whoever restores may be somebody else than who serves."""
    was = former.stat()
    if os.geteuid() == 0:
        os.chown(copy, was.st_uid, was.st_gid)
    os.chmod(copy, stat.S_IMODE(was.st_mode))


def _writing(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
