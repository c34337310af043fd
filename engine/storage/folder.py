"""Files in a folder: this machine's data folder, or one that several machines share."""

import asyncio
import heapq
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from engine.errors import StorageFault
from engine.storage.base import Storage, Stored, plain_files

T = TypeVar("T")

CHUNK = 1 << 20


class Folder(Storage):
    """Every file is written beside its place, flushed to the disk, and then renamed."""

    shows_work = True

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, content: bytes | Path, *, private: bool = False) -> None:
        """Store the content under the key."""
        await self._do(lambda: self._write(self._root / key, content, 0o600 if private else 0o666))

    async def find(self, key: str) -> Stored | None:
        """The file, or None."""
        return await self._do(lambda: _stored(key, self._root / key))

    async def read(self, file: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`."""
        path = self._root / file.key
        with await self._do(lambda: path.open("rb")) as reader:
            await self._do(partial(reader.seek, start))
            while start < end:
                chunk = await self._do(partial(reader.read, min(CHUNK, end - start)))
                if not chunk:
                    raise StorageFault(f"{path} is shorter than it was: ask for it again")
                start += len(chunk)
                yield chunk

    async def names(self, folder: str) -> list[str]:
        """The files in the folder, by name."""
        return await self._do(lambda: _if_there(plain_files, self._root / folder))

    async def folders(self, folder: str) -> list[str]:
        """The folders in the folder, by name."""
        return await self._do(lambda: _if_there(_folders, self._root / folder))

    async def delete(self, folder: str) -> None:
        """Remove the folder with everything in it."""
        await self._do(lambda: _remove(self._root / folder))

    def workplace(self, folder: str, spare: Path) -> Path:
        """The folder itself."""
        try:
            make_folder(self._root, self._root / folder)
        except OSError as error:
            raise folder_fault(self._root, error) from error
        return self._root / folder

    async def take(self, key: str, file: Path) -> None:
        """Move the file to its key, as new as if it had been written now."""
        await self._do(lambda: self._take(self._root / key, file))

    async def page(self, folder: str, after: str, most: int) -> list[Stored]:
        """The next so many files, by name."""
        return await self._do(lambda: _page(self._root, folder, after, most))

    async def remove(self, key: str, before: datetime) -> bool:
        """Remove the file, if it is that old."""
        return await self._do(lambda: _remove_old(self._root / key, before))

    def shown(self, folder: str) -> str:
        """The folder's path."""
        return str(self._root / folder)

    async def _do(self, work: Callable[[], T]) -> T:
        """Run the work beside the event loop; what the disk refuses is a fault that a person can act on."""
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise folder_fault(self._root, error) from error

    def _take(self, path: Path, file: Path) -> None:
        if file.is_symlink():  # what it leads to stays where it is
            self._write(path, file, 0o666)
            return
        make_folder(self._root, path.parent)
        os.utime(file)
        flush(file)
        file.replace(path)
        flush(path.parent)

    def _write(self, path: Path, content: bytes | Path, mode: int) -> None:
        make_folder(self._root, path.parent)
        unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as writer:
                _copy(content, writer)
                writer.flush()
                os.fsync(writer.fileno())
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        flush(path.parent)


def make_folder(root: Path, folder: Path) -> None:
    """Make the folder, but not the root: one that is gone is a share that is not mounted."""
    if not root.is_dir():
        raise NotADirectoryError(0, "there is no such folder", str(root))
    folder.mkdir(parents=True, exist_ok=True)


def flush(path: Path) -> None:
    """Make the file, or the names in the folder, survive a power cut; what cannot be synced is left alone."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def folder_fault(root: Path, error: OSError) -> StorageFault:
    """What went wrong in a sentence that names the folder."""
    why = error.strerror or str(error)
    return StorageFault(f"The folder {root} cannot be used ({why}): make it writable for this user, with space left")


def _copy(content: bytes | Path, writer: BinaryIO) -> None:
    if isinstance(content, bytes):
        writer.write(content)
        return
    with content.open("rb") as reader:
        shutil.copyfileobj(reader, writer, CHUNK)


def _stored(key: str, path: Path) -> Stored | None:
    if not os.path.isfile(path):  # Path.is_file raises on long names
        return None
    told = path.stat()
    modified = datetime.fromtimestamp(told.st_mtime, UTC)
    return Stored(key, told.st_size, modified, f'"{told.st_mtime_ns:x}-{told.st_size:x}"', path)


def _if_there(listed: Callable[[Path], list[str]], folder: Path) -> list[str]:
    try:
        return listed(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def _page(root: Path, folder: str, after: str, most: int) -> list[Stored]:
    names = _if_there(plain_files, root / folder)
    later = heapq.nsmallest(most, (name for name in names if name > after))
    found = (_stored(f"{folder}/{name}", root / folder / name) for name in later)
    return [file for file in found if file]


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _remove_old(path: Path, before: datetime) -> bool:
    """Whoever stores it anew just now keeps it: what is removed is the file that was looked at, and not its name."""
    if not _is_older(path, before):
        return False
    doomed = path.with_name(f".{uuid.uuid4().hex}.part")
    path.rename(doomed)
    if not _is_older(doomed, before):
        doomed.replace(path)
        return False
    doomed.unlink()
    return True


def _is_older(path: Path, before: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
    except FileNotFoundError:
        return False
