"""Files in a bucket of S3-compatible storage, so that several machines see the same ones.

obstore (the Rust object_store) does the talking, by its calls that block, in threads of our own. Its asyncio calls
hand results over from a thread that Python does not know: a process that ends just then is aborted (PyO3's
pyo3-async-runtimes, issue 40).
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from engine.errors import StorageFault
from engine.settings import Settings
from engine.storage.base import Storage, Stored
from engine.storage.folder import folder_fault
from engine.storage.s3_faults import bucket_fault

if TYPE_CHECKING:  # names that the library has for type checkers alone
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, S3Config

T = TypeVar("T")

ANSWER_SECONDS = 15  # for what somebody waits for
REQUEST_SECONDS = 30.0
RETRY_SECONDS = 10.0
MAX_RETRIES = 3
READ_CHUNK = 1 << 20
PART = 5 << 20  # the smallest that S3 takes, in bytes
PARTS_AT_ONCE = 2
BREAK_OFF_SECONDS = 1.0


class Bucket(Storage):
    """Large files go up in parts, and come down in pieces, so no file is ever in memory as a whole."""

    shows_work = False

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.storage_url)
        self._url = settings.storage_url.rstrip("/")
        try:
            self._store = S3Store(
                url.netloc,
                prefix=url.path.strip("/") or None,
                config=_config(settings),
                client_options=_client(settings),
                retry_config={"max_retries": MAX_RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
            )
        except (BaseError, ValueError) as error:  # an AWS_ variable that cannot be used, say
            raise bucket_fault(self._url, error) from error

    async def put(self, key: str, content: bytes | Path, *, private: bool = False) -> None:
        """Store the content under the key; one that is cancelled breaks off before its next part."""
        given_up = threading.Event()
        upload = asyncio.ensure_future(self._do(lambda: self._upload(key, content, given_up), seconds=None))
        try:
            await asyncio.shield(upload)
        except asyncio.CancelledError:
            given_up.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(BREAK_OFF_SECONDS):
                    await asyncio.gather(upload, return_exceptions=True)
            raise

    async def find(self, key: str) -> Stored | None:
        """The object, or None."""
        return await self._do(lambda: self._head(key))

    async def read(self, file: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, each piece a request: a slow reader keeps no connection open."""
        while start < end:
            length = min(READ_CHUNK, end - start)
            yield await self._do(partial(self._piece, file.key, start, length))
            start += length

    async def names(self, folder: str) -> list[str]:
        """The objects in the folder, by name."""
        listed = await self._do(lambda: obstore.list_with_delimiter(self._store, folder))
        parts = (entry["path"].rpartition("/") for entry in listed["objects"])
        # What consoles make to show an empty folder is listed as a file of the folder's own name.
        return sorted(name for where, _, name in parts if where == folder and not name.startswith("."))

    async def folders(self, folder: str) -> list[str]:
        """The folders in the folder, by name."""
        listed = await self._do(lambda: obstore.list_with_delimiter(self._store, folder))
        return sorted(path.rpartition("/")[2] for path in listed["common_prefixes"])

    async def delete(self, folder: str) -> None:
        """Remove every object in the folder."""
        await self._do(lambda: self._delete(folder), seconds=None)

    def workplace(self, folder: str, spare: Path) -> Path:
        """The spare folder: what is in a bucket cannot be written piece by piece."""
        try:
            spare.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise folder_fault(spare, error) from error
        return spare

    async def page(self, folder: str, after: str, most: int) -> list[Stored]:
        """The next so many objects, by name."""
        return await self._do(lambda: self._page(folder, after, most))

    async def remove(self, key: str, before: datetime) -> bool:
        """Remove the object, if it is that old; between the look and the removal is one request."""
        return await self._do(lambda: self._remove(key, before), seconds=None)

    def shown(self, folder: str) -> str:
        """The folder's URL."""
        return f"{self._url}/{folder}"

    async def _do(self, work: Callable[[], T], *, seconds: int | None = ANSWER_SECONDS) -> T:
        """Run the work in a thread; what the storage answers becomes a sentence that a person can act on."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(_in_thread(work))
        except TimeoutError:
            raise StorageFault(f"The storage {self._url} gave no answer in {seconds} s: look after it") from None
        except (BaseError, OSError, ValueError) as error:
            raise bucket_fault(self._url, error) from error

    def _upload(self, key: str, content: bytes | Path, given_up: threading.Event) -> None:
        if isinstance(content, Path):
            content = content.resolve()
            small = content.stat().st_size <= PART
            source = content.read_bytes() if small else _pieces(content, given_up)
        else:
            source = content
        obstore.put(self._store, key, source, chunk_size=PART, max_concurrency=PARTS_AT_ONCE)

    def _head(self, key: str) -> Stored | None:
        try:
            return _stored(key, obstore.head(self._store, key))
        except FileNotFoundError:
            return None

    def _piece(self, key: str, start: int, length: int) -> bytes:
        return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def _page(self, folder: str, after: str, most: int) -> list[Stored]:
        offset = f"{folder}/{after}" if after else None
        entries = next(iter(obstore.list(self._store, folder, offset=offset, chunk_size=most)), [])
        return [_stored(entry["path"], entry) for entry in entries]

    def _remove(self, key: str, before: datetime) -> bool:
        file = self._head(key)
        if file is None or file.modified >= before:
            return False
        obstore.delete(self._store, key)
        return True

    def _delete(self, folder: str) -> None:
        for entries in obstore.list(self._store, folder):
            obstore.delete(self._store, [entry["path"] for entry in entries])


def _stored(key: str, told: "ObjectMeta") -> Stored:
    return Stored(key, told["size"], told["last_modified"], told["e_tag"] or "")


def _in_thread(work: Callable[[], T]) -> Future[T]:
    """Start the work in a thread that no end of the process waits for, as it would for those of a pool.

    A server that says nothing any more must not keep the process alive.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # told to whoever waits
            done.set_exception(error)

    threading.Thread(target=run, name="storage", daemon=True).start()
    return done


def _pieces(file: Path, given_up: threading.Event) -> Iterator[bytes]:
    """The file's content; one that is given up breaks off, and the parts that are stored by then are discarded."""
    with file.open("rb") as reader:
        while chunk := reader.read(PART):
            if given_up.is_set():
                raise StorageFault("given up")
            yield chunk


def _config(settings: Settings) -> "S3Config":
    """What is set; for the rest the library asks the usual AWS_ variables and the machine's role."""
    config: S3Config = {}
    if settings.s3_endpoint:
        config["endpoint"] = settings.s3_endpoint
    if settings.s3_region:
        config["region"] = settings.s3_region
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        config["access_key_id"] = settings.s3_access_key_id
        config["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
    return config


def _client(settings: Settings) -> "ClientConfig":
    options: ClientConfig = {"timeout": timedelta(seconds=REQUEST_SECONDS)}
    if (settings.s3_endpoint or "").startswith("http://"):
        options["allow_http"] = True
    return options
