"""The files that anyone may fetch: what jobs made, and pictures of posts."""

from collections.abc import AsyncIterator

from engine.errors import NotFound
from engine.files import FIRST_BYTES, shown_as
from engine.settings import Settings
from engine.storage import FILES, OUTBOX, Stored, is_plain, open_storage
from engine.storage.named import file_names, find_file
from engine.views import JobView
from models.job import Job
from models.states import Status


class Downloads:
    """Reads for pages and API."""

    def __init__(self, settings: Settings) -> None:
        self._storage = open_storage(settings)

    async def artifact(self, job_id: int, name: str) -> Stored:
        """A file that a job's latest attempt made.

        Raises:
            NotFound: there is no such job or file.
            StorageFault: the files cannot be asked for just now.
        """
        job = await Job.get_or_none(id=job_id)
        if job is None:
            raise NotFound("job", job_id)
        if file := await find_file(self._storage, job.id, job.attempt, name):
            return file
        raise NotFound("artifact", f"{name!r} of job {job_id}")

    async def artifact_names(self, job: JobView) -> list[str]:
        """The files that a job's latest attempt made.

        Raises:
            StorageFault: they cannot be asked for just now.
        """
        if job.status is Status.RUNNING and not self._storage.shows_work:
            return []
        return await file_names(self._storage, job.id, job.attempt)

    async def image(self, name: str) -> Stored:
        """An attached picture.

        Raises:
            NotFound: there is no such picture.
            StorageFault: it cannot be asked for just now.
        """
        if is_plain(name) and (file := await self._storage.find(f"{FILES}/{name}")):
            return file
        raise NotFound("file", name)

    async def shown_as(self, file: Stored, name: str) -> str | None:
        """The media type as which a browser may show the file, None if it may only store it."""
        first = b"".join([chunk async for chunk in self._storage.read(file, 0, min(file.size, FIRST_BYTES))])
        return shown_as(name, first)

    def read(self, file: Stored, start: int, end: int) -> AsyncIterator[bytes]:
        """The file's bytes from `start` to before `end`, a few at a time."""
        return self._storage.read(file, start, end)

    def outbox(self) -> str:
        """Where mail goes while no mail server is configured, as a person would look for it."""
        return self._storage.shown(OUTBOX)
