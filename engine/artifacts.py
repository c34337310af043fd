"""The files that an attempt makes, from where they are written to where everybody finds them.

A content is stored once, whoever made it, and named by rows under the attempt's number. A job's files are those of its
latest attempt: which one that is says the job's row, which only the holder of the lease moves on. So an attempt that
lost its job shows nobody its files, and takes away nobody's.
"""

import asyncio
import logging
import math
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from engine.errors import PermanentError, StorageFault
from engine.ledger import Ledger
from engine.settings import PREFIX, Settings
from engine.storage import artifacts_of, content_key, is_plain, open_storage, plain_files
from engine.storage.folder import folder_fault
from engine.storage.named import Made, name_files
from models.artifact import Artifact
from models.attempt import Attempt
from models.ending import Lease

PATIENCE_SECONDS = 120.0
ASK_AGAIN_SECONDS = 5.0
MB = 1024 * 1024  # bytes

log = logging.getLogger(__name__)

T = TypeVar("T")


class Artifacts:
    """The files of one attempt; one that makes none costs nothing."""

    def __init__(self, lease: Lease, settings: Settings, ledger: Ledger) -> None:
        self._lease = lease
        self._settings = settings
        self._ledger = ledger
        self._workplace: Path | None = None

    def path(self, name: str) -> Path:
        """Where to write the file of this name.

        Raises:
            ValueError: the name is not that of a plain file.
            StorageFault: its folder cannot be made.
        """
        if not is_plain(name):
            raise ValueError(f"an artifact's name must be a plain file name, not {name!r}")
        self._workplace = open_storage(self._settings).workplace(self._folder, self._spare)
        return self._workplace / name

    async def keep(self, patience: float | None = None) -> None:
        """Store what was written, and forget what earlier attempts have left.

        A storage that is away is asked again for `patience` seconds: an hour's work is not done anew for a short fault.

        Raises:
            PermanentError: a file, or all of them together, is too large; nothing is stored.
            StorageFault: it could not be stored.
        """
        if self._workplace is None:
            await self._forget_superseded()
            return
        storage, workplace = open_storage(self._settings), self._workplace
        give_up_at = monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        made = await self._patiently(lambda: self._made(workplace), give_up_at)
        for file in made:
            await self._patiently(partial(storage.take, content_key(file.digest), workplace / file.name), give_up_at)
        await self._ledger.write(lambda _: name_files(self._lease, made))
        await self._empty_workplace()
        await self.remove_superseded()

    async def keep_what_there_is(self) -> None:
        """Store what a failed attempt has made, if that can be done: why it failed is what counts."""
        try:
            await self.keep(patience=0)
        except (PermanentError, StorageFault) as fault:
            log.warning("what job %s made before it failed is not stored: %s", self._lease.job_id, fault)

    async def clear(self) -> None:
        """Remove what lies on this machine and is stored elsewhere, and what the work hid for itself."""
        if self._workplace is not None:
            await asyncio.to_thread(_remove_hidden, self._workplace)
        if self._workplace is not None and self._workplace == self._spare:
            await asyncio.to_thread(shutil.rmtree, self._spare, ignore_errors=True)

    async def remove_superseded(self) -> None:
        """What earlier attempts left is seen by nobody; a later attempt's files are never touched."""
        if self._lease.attempt == 1:
            return
        await self._forget_superseded()
        storage = open_storage(self._settings)
        try:
            for number in await storage.folders(artifacts_of(self._lease.job_id)):
                if number.isdecimal() and int(number) < self._lease.attempt:
                    await storage.delete(artifacts_of(self._lease.job_id, int(number)))
        except StorageFault as fault:
            log.warning("files of earlier attempts of job %s stay for now: %s", self._lease.job_id, fault)

    @property
    def _spare(self) -> Path:
        return self._settings.work_dir / f"{self._lease.job_id}-{self._lease.attempt}-{self._lease.token}"

    @property
    def _folder(self) -> str:
        return artifacts_of(self._lease.job_id, self._lease.attempt)

    async def _made(self, workplace: Path) -> list[Made]:
        """What was written, its size before anything else: what is too large is not even read."""
        try:
            sizes = await asyncio.to_thread(_sizes, workplace)
            if fault := size_fault(self._settings, sizes, sizes):
                await self._empty_workplace()
                raise PermanentError(fault)
            return await asyncio.to_thread(lambda: [Made.of(name, workplace / name) for name in sizes])
        except OSError as error:
            raise folder_fault(workplace, error) from error

    async def _patiently(self, work: Callable[[], Awaitable[T]], give_up_at: float) -> T:
        while True:
            try:
                return await work()
            except StorageFault as fault:
                if monotonic() + ASK_AGAIN_SECONDS > give_up_at:
                    raise
                log.warning("the files of job %s are not stored yet: %s", self._lease.job_id, fault)
                await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _empty_workplace(self) -> None:
        """What is worth keeping is stored by now."""
        workplace, self._workplace = self._workplace, None
        if workplace is not None:
            await asyncio.to_thread(_remove, workplace, with_parent=workplace != self._spare)

    async def _forget_superseded(self) -> None:
        if self._lease.attempt > 1:
            earlier = Artifact.filter(job_id=self._lease.job_id, attempt__lt=self._lease.attempt)
            await self._ledger.write(lambda _: earlier.delete())


def size_fault(settings: Settings, sizes: Mapping[str, int], new: Collection[str]) -> str | None:
    """What is wrong with the sizes in bytes of an attempt's files, told of the largest new one; None if nothing is."""
    if not new:
        return None
    largest = max(new, key=lambda name: sizes[name])
    has = f"The file {largest} has {_shown(sizes[largest])}"
    if sizes[largest] > settings.max_artifact_mb * MB:
        most = f"a file may have at most {settings.max_artifact_mb:,.10g} MB ({PREFIX}MAX_ARTIFACT_MB)"
        return f"{has}, and {most}"
    if (total := sum(sizes.values())) > settings.max_job_artifacts_mb * MB:
        most = f"at most {settings.max_job_artifacts_mb:,.10g} MB ({PREFIX}MAX_JOB_ARTIFACTS_MB)"
        return f"{has}, which makes {_shown(total)} of all files together, and an attempt's may have {most}"
    return None


def _shown(size: int) -> str:
    """Rounded up, so that what is above a limit is seen to be."""
    return f"{math.ceil(size / MB * 10) / 10:,.10g} MB"


def _sizes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in plain_files(folder)}


def _remove(workplace: Path, *, with_parent: bool) -> None:
    shutil.rmtree(workplace, ignore_errors=True)
    if with_parent:
        with suppress(OSError):  # another attempt has a folder there
            workplace.parent.rmdir()


def _remove_hidden(folder: Path) -> None:
    for hidden in folder.glob(".*"):
        if hidden.is_dir():
            shutil.rmtree(hidden, ignore_errors=True)


async def remove_leftovers(settings: Settings) -> None:
    """Remove the work folders that attempts of this machine left when they were killed."""
    if not settings.work_dir.is_dir():
        return
    for folder in list(settings.work_dir.iterdir()):
        job_id, number, token = [*folder.name.split("-"), "", ""][:3]
        if not job_id.isdecimal() or not number.isdecimal():
            continue
        own = Attempt.filter(job_id=int(job_id), number=int(number), lease_token=token, outcome=None)
        if not await own.exists():
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
