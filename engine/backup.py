"""Backup and restore: what a person gets told, and what a restore must not do again by itself."""

import asyncio
import json
import logging
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine import clock
from engine.jobs import Registry
from engine.jobs.base import EffectKind
from engine.processes import is_alive
from engine.settings import Settings
from engine.views import OFFLINE_AFTER
from models import backup, restore
from models.database import transaction
from models.dump import settle_dump
from models.errors import DatabaseError

log = logging.getLogger(__name__)

NOTE = "last-backup.json"


def save_backup(settings: Settings, file: Path) -> str:
    """Copy the database into a new file, while engines go on working; returns a sentence about the copy.

    Raises:
        DatabaseError: there is no database of ours, it is PostgreSQL's, or the file cannot be written.
    """
    at = clock.now()  # before the copy begins: whatever was accepted until then is in it
    jobs = backup.save(_database(settings), file, at=at)
    _note_backup(settings, LastBackup(at, file.stat().st_size))
    return f"Backed up to {file}: {file.stat().st_size:,} bytes, {_count(jobs)}, as of {_told(at)}"


@dataclass(frozen=True)
class LastBackup:
    """The moment as of which it was made, and how large it is in bytes."""

    at: datetime
    bytes: int


def last_backup(settings: Settings) -> LastBackup | None:
    """The latest backup of this data folder's database; None if none is known of."""
    try:
        told = json.loads((settings.data_dir / NOTE).read_text())
        return LastBackup(datetime.fromisoformat(told["at"]), int(told["bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note_backup(settings: Settings, made: LastBackup) -> None:
    """The backup is made; that nobody can be told of it later makes it no worse."""
    note = settings.data_dir / NOTE
    draft = note.with_name(f".{NOTE}-{os.getpid()}")
    with suppress(OSError):
        draft.write_text(json.dumps({"at": made.at.isoformat(), "bytes": made.bytes}))
        draft.replace(note)


def restore_backup(settings: Settings, registry: Registry, file: Path) -> str:
    """Put a backup in the database's place, and keep the former one; returns sentences about what was done.

    What cannot be taken back, and may have gone out since the backup, is left to a person; a type that is not
    installed here counts as such.

    Raises:
        DatabaseError: an engine is at work on the database, it is PostgreSQL's, or the backup cannot be used.
    """
    database = _database(settings)
    _refuse_while_an_engine_is_alive(database)
    done = restore.restore(file, database, repeatable=_repeatable(registry), now=clock.now())
    former = f"The former database is {done.former}" if done.former else "There was no database before"
    return (
        f"Restored the backup of {_told(done.at)} from {file}: {_count(done.jobs)}, "
        f"of which {_waiting(done.waiting)} for a person. {former}"
    )


async def settle_restored_dump(settings: Settings, registry: Registry) -> None:
    """On PostgreSQL: whoever starts first after a dump was restored leaves to a person what may have gone out since."""
    if not settings.is_shared:
        return
    settling = asyncio.ensure_future(_settle(_repeatable(registry)))
    waiting = await asyncio.shield(settling)
    if waiting is not None:
        log.warning("the database was restored from a dump: %s for a person", _waiting(waiting))


async def _settle(repeatable: list[str]) -> int | None:
    async with transaction() as writer:
        return await settle_dump(writer, repeatable=repeatable, now=clock.now())


def _refuse_while_an_engine_is_alive(database: Path) -> None:
    for engine in restore.engines(database):
        quiet = clock.now() - engine.last_beat_at
        here = engine.host == socket.gethostname() and is_alive(engine.pid)
        if here or quiet < OFFLINE_AFTER:
            seconds = max(0, int(quiet.total_seconds()))
            raise DatabaseError(
                f"an engine is at work on {database} (process {engine.pid} on {engine.host}, last heard of "
                f"{seconds} s ago): stop it, and if it was killed, wait {OFFLINE_AFTER.seconds} s"
            )


def _database(settings: Settings) -> Path:
    if settings.is_shared:
        raise DatabaseError("PostgreSQL is backed up with pg_dump and restored with pg_restore; see docs/scaling.md")
    return Path(settings.database.removeprefix("sqlite://"))


def _repeatable(registry: Registry) -> list[str]:
    return [job_type.key for job_type in registry if job_type.effect is EffectKind.REPEATABLE]


def _waiting(jobs: int) -> str:
    return f"{jobs:,} {'waits' if jobs == 1 else 'wait'}"


def _count(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs:,} jobs"


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
