"""What every place for files has in common: contents of artefacts, attached files and the outbox.

A key is a path of plain names, as `outbox/1.eml`; a folder is what comes before the last of them. What is kept by its
content has a key that is made of its SHA-256. Nobody counts who needs such a content: whoever is about to name one in
the database first makes sure of it (`ensure`, `renew`, `take`), and it is new again; a sweep removes only what nothing
names and is older than `GRACE`. So it takes nothing from an upload, of whichever process, that is not named yet.
"""

import os
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from engine import clock

ARTIFACTS = "artifacts"
CONTENTS = f"{ARTIFACTS}/sha256"  # beside the folders of jobs, whose names are numbers
FILES = "files"
OUTBOX = "outbox"
PROBE = ".writable-"
GRACE = timedelta(hours=24)  # how long a sweep leaves what nothing names
MAX_NAME_BYTES = 255  # what file systems take
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True)
class Stored:
    """A file as it is now, last stored at `modified`; `path` is where it lies here, None if it lies elsewhere."""

    key: str
    size: int
    modified: datetime
    etag: str
    path: Path | None = None

    @property
    def is_new(self) -> bool:
        """Whether no sweep takes it for hours, though nothing may name it yet."""
        return self.modified > clock.now() - GRACE / 2


class Storage(ABC):
    """Where files are kept. A file is whole or not there, and lasts once `put` or `keep` has returned.

    Every fault is a `StorageFault` whose sentence says what to do.
    """

    shows_work: ClassVar[bool]  # whether files can be seen while a job still writes them

    async def check(self) -> None:
        """List, write and delete a file, to find out before anything depends on it."""
        own = f"{PROBE}{uuid.uuid4().hex}"  # others may be at it at the same time
        await self.names(own)  # first: of a bucket that is missing, some servers say only here that it is
        await self.put(f"{own}/probe", b"")
        await self.delete(own)

    @abstractmethod
    async def put(self, key: str, content: bytes | Path, *, private: bool = False) -> None:
        """Store the content, or that of a local file; a file of that key is replaced.

        A private file in a folder can be read by its owner alone; elsewhere its place's own rules say who may.
        """

    @abstractmethod
    async def find(self, key: str) -> Stored | None:
        """The file, or None."""

    @abstractmethod
    def read(self, file: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, a few at a time."""

    @abstractmethod
    async def names(self, folder: str) -> list[str]:
        """The files that lie in the folder itself, by name; unfinished ones are left out."""

    @abstractmethod
    async def folders(self, folder: str) -> list[str]:
        """The folders that lie in the folder itself."""

    @abstractmethod
    async def delete(self, folder: str) -> None:
        """Remove the folder with everything in it; one that is not there is no fault."""

    @abstractmethod
    def workplace(self, folder: str, spare: Path) -> Path:
        """Where a job writes the files of this folder, made if need be: the folder itself, or `spare`.

        Raises:
            StorageFault: it cannot be made.
        """

    async def ensure(self, key: str, content: bytes | Path) -> None:
        """Store the content that the key is made of, unless it is there; one that is no longer new is stored anew."""
        file = await self.find(key)
        if file is None or not file.is_new:
            await self.put(key, content)

    async def renew(self, key: str) -> bool:
        """As `ensure`, of a small content that is only known by its key; False if it is not there."""
        file = await self.find(key)
        if file is None or file.is_new:
            return file is not None
        content = await self.get(key)
        if content is not None:
            await self.put(key, content)
        return content is not None

    async def take(self, key: str, file: Path) -> None:
        """As `ensure`, of a file in a workplace; where it can be, it is moved instead of copied."""
        await self.ensure(key, file)

    @abstractmethod
    async def page(self, folder: str, after: str, most: int) -> list[Stored]:
        """The first so many files in the folder whose names come after this one, in order; none at the end."""

    @abstractmethod
    async def remove(self, key: str, before: datetime) -> bool:
        """Remove the file if it was last stored before this moment; whether it was."""

    @abstractmethod
    def shown(self, folder: str) -> str:
        """The folder as a person would look for it."""

    async def get(self, key: str) -> bytes | None:
        """A small file's content, or None."""
        file = await self.find(key)
        if file is None:
            return None
        return b"".join([chunk async for chunk in self.read(file, 0, file.size)])


def is_plain(name: str) -> bool:
    """Whether the name is one of a file in a folder, on any system: no path, not hidden, not too long."""
    is_short = 0 < len(name.encode(errors="replace")) <= MAX_NAME_BYTES
    return is_short and not name.startswith(".") and not _NOT_IN_NAMES.search(name)


def plain_files(folder: Path) -> list[str]:
    """The files in a local folder, by name; hidden ones are unfinished, or somebody's own."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if is_plain(entry.name) and entry.is_file())


def content_key(digest: str) -> str:
    """Where the content of this SHA-256 is, of whichever jobs made it."""
    return f"{CONTENTS}/{digest[:2]}/{digest}"


def artifacts_of(job_id: int, attempt: int | None = None) -> str:
    """The folder of a job's files, or of those of one attempt: what is not stored by content, yet or as of old."""
    return f"{ARTIFACTS}/{job_id}" if attempt is None else f"{ARTIFACTS}/{job_id}/{attempt}"
