"""A backup: a consistent copy of the database in one file, made while engines go on working."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from models.copies import name_also, sync, unfinished
from models.errors import DatabaseError
from models.sqlite import read_only
from models.statement import stored_time

TABLES = frozenset({"job", "attempt", "effect", "engine", "tortoise_migrations"})  # what tells our databases by


def save(database: Path, file: Path, *, at: datetime) -> int:
    """Copy the database into a new file that only its owner may read, and return how many jobs it holds.

    `at` is noted in the copy as its moment. Nothing is at `file` before the copy is complete and on disk, and
    what is there already is never overwritten.

    Raises:
        DatabaseError: there is no such database, it is not ours, or the file cannot be written.
    """
    if not database.is_file():
        raise DatabaseError(f"there is no database {database} to back up")
    if os.path.lexists(file):
        raise DatabaseError(f"{file} exists already, and a backup overwrites nothing: name a new file")
    if not file.parent.is_dir():
        raise DatabaseError(f"the folder {file.parent} for the backup does not exist")
    try:
        refuse_foreign(database)
        with unfinished(file) as part:
            jobs = _copy(database, part, at)
            sync(part)
            name_also(part, file)
        sync(file.parent)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"{database} cannot be backed up to {file}: {why(error)}") from error
    return jobs


def refuse_foreign(file: Path) -> None:
    """Refuse a database that has not our tables.

    Raises:
        DatabaseError: naming the file.
        sqlite3.Error: the file is no database, or cannot be read.
    """
    with read_only(file) as reader:
        tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= TABLES:
        raise DatabaseError(f"{file} is not a database of Job Runner")


def why(error: sqlite3.Error | OSError) -> str:
    """The reason in a few words, without the path that the sentence around it names."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _copy(database: Path, part: Path, at: datetime) -> int:
    with read_only(database) as reader:
        reader.execute("VACUUM INTO ?", [str(part)])  # one snapshot, and writers need not wait for it
    with closing(sqlite3.connect(part, isolation_level=None)) as writer:
        writer.execute(
            "PRAGMA journal_mode = MEMORY"
        )  # a file that is broken off is thrown away, so leave nothing beside it
        writer.execute("BEGIN")
        writer.execute("DROP TABLE IF EXISTS backup")
        writer.execute("CREATE TABLE backup (at TIMESTAMP NOT NULL)")
        writer.execute("INSERT INTO backup VALUES (?)", [stored_time(at)])
        writer.execute("COMMIT")
        return int(writer.execute("SELECT COUNT(*) FROM job").fetchone()[0])
