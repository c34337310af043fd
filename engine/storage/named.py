"""What names the stored contents: rows for the files that jobs made, and payloads and posts for attached ones."""

import asyncio
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.models import Model

from engine import clock
from engine.storage.base import Storage, Stored, artifacts_of, content_key, is_plain
from models.approval import JobVersion
from models.article import ArticleVersion
from models.artifact import Artifact
from models.attempt import Attempt
from models.channel import FeedEntry
from models.database import connection, storable
from models.ending import Lease
from models.job import Job
from models.schedule import Schedule
from models.statement import Statement
from models.states import Status

PAUSE_SECONDS = 0.05
ROWS = 1000  # read at a time, so that nobody else's query waits for long
_HEX = "[0-9a-f]"
_DIGEST = re.compile(_HEX + "{64}")


@dataclass(frozen=True)
class Made:
    """A file that an attempt made: its name, its content's SHA-256, its bytes."""

    name: str
    digest: str
    size: int

    @classmethod
    def of(cls, name: str, content: bytes | Path) -> "Made":
        """Reads the whole content, so it is to be called beside the event loop."""
        if isinstance(content, bytes):
            return cls(name, hashlib.sha256(content).hexdigest(), len(content))
        with content.open("rb") as reader:
            digest = hashlib.file_digest(reader, "sha256").hexdigest()
            return cls(name, digest, reader.tell())


# -- files that jobs made ------------------------------------------------------------------------------------


async def name_files(lease: Lease, made: Sequence[Made]) -> bool:
    """Let these files be the attempt's, in the transaction under way; False if it does not own its job any more."""
    held = Job.filter(id=lease.job_id, status=Status.RUNNING, attempt=lease.attempt, lease_token=lease.token)
    if not await held.update(attempt=lease.attempt):  # the first statement writes
        return False
    of = {"job_id": lease.job_id, "attempt": lease.attempt, "created_at": clock.now()}
    files = {_legible(file.name): file for file in made}
    rows = [Artifact(**of, name=name, digest=file.digest, size=file.size) for name, file in files.items()]
    if rows:
        await Artifact.bulk_create(
            rows, on_conflict=["job_id", "attempt", "name"], update_fields=["digest", "size", "created_at"]
        )
        total = sum((await sizes_of(lease.job_id, lease.attempt)).values())
        await Attempt.filter(job_id=lease.job_id, number=lease.attempt).update(bytes=total)
    return True


async def sizes_of(job_id: int, attempt: int) -> dict[str, int]:
    """The stored files of an attempt, with their sizes in bytes."""
    return {row.name: row.size for row in await Artifact.filter(job_id=job_id, attempt=attempt)}


async def file_names(storage: Storage, job_id: int, attempt: int) -> list[str]:
    """The files that this attempt made, by name.

    Raises:
        StorageFault: they cannot be asked for just now.
    """
    if sizes := await sizes_of(job_id, attempt):
        return sorted(sizes)
    for folder in _folders(job_id, attempt):
        if names := await storage.names(folder):
            return names
    return []


async def find_file(storage: Storage, job_id: int, attempt: int, name: str) -> Stored | None:
    """A file that this attempt made, or None.

    Raises:
        StorageFault: it cannot be asked for just now.
    """
    if not is_plain(name):
        return None
    row = await Artifact.get_or_none(job_id=job_id, attempt=attempt, name=storable(name))
    keys = [content_key(row.digest)] if row else []
    for key in [*keys, *(f"{folder}/{name}" for folder in _folders(job_id, attempt))]:
        if file := await storage.find(key):
            return file
    return None


async def made_by_jobs(digests: Collection[str]) -> set[str]:
    """Those of these contents that jobs made; at most a thousand may be asked for."""
    return {row["digest"] for row in await Artifact.filter(digest__in=list(digests)).distinct().values("digest")}


def _folders(job_id: int, attempt: int) -> tuple[str, ...]:
    """Where the attempt writes, and former versions stored its files; and where still earlier ones stored any's."""
    return artifacts_of(job_id, attempt), artifacts_of(job_id)


def _legible(name: str) -> str:
    """A file system takes bytes that are no text; nobody could ask for such a name."""
    return name.encode(errors="replace").decode()


# -- attached files ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where attached files are named: JSON in a column of a model."""

    model: type[Model]
    field: str
    before_the_first: int | str = 0

    async def rows_after(self, last: int | str) -> list[dict[str, Any]]:
        """The next rows: `key`, and `text` of those that name a file, by a text that begins with a digest."""
        meta = self.model._meta
        key, column = meta.db_pk_column, meta.fields_db_projection[self.field]
        select = (
            f"SELECT {key} AS key, CASE WHEN {{names_one}} THEN {column} END AS text "  # noqa: S608 (the models' names)
            f"FROM {meta.db_table} WHERE {key} > ? ORDER BY {key} LIMIT {ROWS}"
        )
        sqlite = select.format(names_one=f"""{column} GLOB '*"{_HEX * 64}*'""")
        postgres = select.format(names_one=f"""{column}::text ~ '"{_HEX}{{64}}'""")
        return await Statement(sqlite, postgres=postgres).run(connection(), [last])


# What is copied from one to another is copied downwards, and so is met whenever that happens. No place is forgotten:
# whoever names a file here has made sure of it just before (`Storage.ensure`), and a sweep leaves what is new.
_PLACES = (
    _Place(Schedule, "target"),
    _Place(Job, "payload"),
    _Place(JobVersion, "payload"),
    _Place(FeedEntry, "images", ""),
    _Place(ArticleVersion, "pictures"),
)


async def attached(digests: Collection[str]) -> set[str]:
    """Those of these contents that a job, a version of one, a post or an article names; every row is read, in steps."""
    missing, found = set(digests), set[str]()
    for place in _PLACES:
        last = place.before_the_first
        while missing and (rows := await place.rows_after(last)):
            last = rows[-1]["key"]
            for row in rows:
                found |= missing.intersection(_DIGEST.findall(str(row["text"] or "")))
            missing -= found
            await asyncio.sleep(PAUSE_SECONDS)
    return found
