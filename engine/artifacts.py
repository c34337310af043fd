"""The files that an attempt makes, from where they are written to where everybody finds them.

They are stored under the attempt's number, and a job's files are those of its latest attempt: which one that is says
the job's row, which only the holder of the lease moves on. So an attempt that lost its job overwrites nobody's files.
"""

import asyncio
import logging
import shutil
from pathlib import Path
from time import monotonic

from engine.errors import StorageFault
from engine.settings import Settings
from engine.storage import artifacts_of, is_plain, open_storage
from models.attempt import Attempt
from models.ending import Lease

PATIENCE_SECONDS = 120.0
ASK_AGAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


class Artifacts:
    """The files of one attempt; one that makes none costs nothing."""

    def __init__(self, lease: Lease, settings: Settings) -> None:
        self._lease = lease
        self._settings = settings
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
            StorageFault: it could not be stored.
        """
        if self._workplace is None:
            return
        give_up_at = monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        while True:
            try:
                await open_storage(self._settings).keep(self._folder, self._workplace)
                break
            except StorageFault as fault:
                if monotonic() + ASK_AGAIN_SECONDS > give_up_at:
                    raise
                log.warning("the files of job %s are not stored yet: %s", self._lease.job_id, fault)
                await asyncio.sleep(ASK_AGAIN_SECONDS)
        await self.remove_superseded()

    async def keep_what_there_is(self) -> None:
        """Store what a failed attempt has made, if that can be done: why it failed is what counts."""
        try:
            await self.keep(patience=0)
        except StorageFault as fault:
            log.warning("what job %s made before it failed is not stored: %s", self._lease.job_id, fault)

    async def clear(self) -> None:
        """Remove what lies on this machine and is stored elsewhere, and what the work hid for itself."""
        if self._workplace is not None:
            await asyncio.to_thread(_remove_hidden, self._workplace)
        if self._workplace is not None and self._workplace == self._spare:
            await asyncio.to_thread(shutil.rmtree, self._spare, ignore_errors=True)

    @property
    def _spare(self) -> Path:
        return self._settings.work_dir / f"{self._lease.job_id}-{self._lease.attempt}-{self._lease.token}"

    @property
    def _folder(self) -> str:
        return artifacts_of(self._lease.job_id, self._lease.attempt)

    async def remove_superseded(self) -> None:
        """What earlier attempts left is seen by nobody; a later attempt's files are never touched."""
        if self._lease.attempt == 1:
            return
        storage = open_storage(self._settings)
        try:
            for number in await storage.folders(artifacts_of(self._lease.job_id)):
                if number.isdecimal() and int(number) < self._lease.attempt:
                    await storage.delete(artifacts_of(self._lease.job_id, int(number)))
        except StorageFault as fault:
            log.warning("files of earlier attempts of job %s stay for now: %s", self._lease.job_id, fault)


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
