"""Every POLL_SECONDS: claim what is due and hand it to the executor."""

import asyncio
import logging
import uuid
from datetime import timedelta

from engine import clock
from engine.executor import Executor
from engine.settings import Settings
from models.attempt import Attempt
from models.claim import claim_due
from models.job import Job

log = logging.getLogger(__name__)

RELEASE_SECONDS = 2.0


class Dispatcher:
    """Looks for due jobs; while there are more than free slots, a freed slot takes the next at once."""

    def __init__(self, settings: Settings, engine_id: str, executor: Executor) -> None:
        self._settings = settings
        self._engine_id = engine_id
        self._executor = executor
        self._attempts: set[asyncio.Task[None]] = set()
        self._slot_freed = asyncio.Event()
        self._stopping = False
        self._backlog = False

    async def run(self) -> None:
        """Look until told to stop."""
        while not self._stopping:
            self._slot_freed.clear()  # before the look: a slot that is freed during it is looked at next
            try:
                await self._look()
            except Exception:
                log.exception("a look for due jobs failed; the next one is in %g s", self._settings.poll_seconds)
                self._backlog = False
            await self._until_next_look()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._slot_freed.set()

    async def drain(self) -> None:
        """Wait for what runs, as long as is allowed, then put the rest back."""
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=self._settings.drain_seconds)
        for running in list(self._executor.running.values()):
            running.release()
        if self._attempts:  # one that ignores its cancellation is left to the rescuer
            await asyncio.wait(self._attempts, timeout=RELEASE_SECONDS)

    async def _look(self) -> None:
        free = self._settings.concurrency - len(self._attempts)
        if free <= 0:
            self._backlog = True
            return
        jobs = await self._claim(free)
        self._backlog = len(jobs) == free
        for job in jobs:
            task = asyncio.create_task(self._executor.execute(job), name=f"attempt of job {job.id}")
            self._attempts.add(task)
            task.add_done_callback(self._on_attempt_done)

    async def _claim(self, limit: int) -> list[Job]:
        now = clock.now()
        token = uuid.uuid4().hex
        expires = now + timedelta(seconds=self._settings.lease_seconds)
        jobs = await claim_due(
            engine_id=self._engine_id, lease_token=token, now=now, lease_expires_at=expires, limit=limit
        )
        for job in jobs:
            await Attempt.create(
                job_id=job.id,
                number=job.attempt,
                lease_token=token,
                engine_id=self._engine_id,
                started_at=now,
            )
        return jobs

    async def _until_next_look(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._slot_freed.wait()
        except TimeoutError:
            pass

    def _on_attempt_done(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an attempt could not be recorded", exc_info=error)
        if self._backlog:
            self._slot_freed.set()
