"""Every POLL_SECONDS: claim what is due and hand it to the executor."""

import asyncio
import logging
import math
import uuid
from datetime import timedelta
from time import monotonic

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.executor import Executor
from engine.health import Health
from engine.jobs import Registry
from engine.ledger import Ledger
from engine.settings import Settings
from models.claim import Claimed, claim_due, come_due

log = logging.getLogger(__name__)

RELEASE_SECONDS = 2.0


class Dispatcher:
    """Looks for due jobs; while there are more than free slots, a freed slot takes the next at once."""

    def __init__(
        self, settings: Settings, registry: Registry, engine_id: str, executor: Executor, ledger: Ledger, health: Health
    ) -> None:
        self._settings = settings
        self._types = [job_type.key for job_type in registry]
        self._engine_id = engine_id
        self._executor = executor
        self._ledger = ledger
        self._health = health
        self._attempts: set[asyncio.Task[None]] = set()
        self._slot_freed = asyncio.Event()
        self._stopping = False
        self._drain_until = 0.0
        self._backlog = False
        self._came_due_at = -math.inf  # on a clock that nobody sets back
        executor.on_ending = self._on_slot_freed

    async def run(self) -> None:
        """Look until told to stop."""
        while not self._stopping:
            self._slot_freed.clear()  # before the look: a slot that is freed during it is looked at next
            try:
                await self._look()
                self._health.worked("claiming")
            except Exception as error:
                self._health.failed("claiming", error)
                self._backlog = False
            await self._until_next_look()

    def stop(self) -> None:
        """Claim nothing more; the time that what runs is given begins now."""
        if self._stopping:
            return
        self._stopping = True
        self._drain_until = asyncio.get_running_loop().time() + self._settings.drain_seconds
        self._slot_freed.set()

    async def drain(self) -> None:
        """Wait for what runs, as long as is allowed, then put the rest back."""
        if self._attempts:
            left = self._drain_until - asyncio.get_running_loop().time()
            await asyncio.wait(self._attempts, timeout=max(0, left))
        for running in list(self._executor.running.values()):
            running.release()
        if self._attempts:  # one that ignores its cancellation is left to the rescuer
            await asyncio.wait(self._attempts, timeout=RELEASE_SECONDS)

    async def _look(self) -> None:
        jobs: list[Claimed] = []
        self._backlog = True
        if self._free_slots() > 0:
            jobs, self._backlog = await self._ledger.write(self._claim)
        for job in jobs:
            task = asyncio.create_task(self._executor.execute(job), name=f"attempt of job {job.id}")
            self._attempts.add(task)
            task.add_done_callback(self._on_attempt_done)

    def _free_slots(self) -> int:
        return self._settings.concurrency - len(self._attempts) + self._executor.ending

    async def _claim(self, writer: BaseDBAsyncClient) -> tuple[list[Claimed], bool]:
        if self._stopping:
            return [], False
        now = clock.now()
        if (at := monotonic()) - self._came_due_at >= self._settings.poll_seconds:
            await come_due(writer, now)
            self._came_due_at = at
        return await claim_due(
            writer,
            engine_id=self._engine_id,
            lease_token=uuid.uuid4().hex,
            now=now,
            lease_expires_at=now + timedelta(seconds=self._settings.lease_seconds),
            types=self._types,
            limit=max(0, self._free_slots()),  # SQLite takes a negative limit for none
        )

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
        self._on_slot_freed()

    def _on_slot_freed(self) -> None:
        if self._backlog:
            self._slot_freed.set()
