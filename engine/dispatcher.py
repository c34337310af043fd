"""Every POLL_SECONDS: claim what is due and hand it to the executor."""

import asyncio
import logging
import math
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.budgets.book import Allowance, Budgets
from engine.events import AttemptEnded, Bus, EngineChanged, Event
from engine.executor import Executor
from engine.health import Health
from engine.jobs import Registry
from engine.ledger import Ledger
from engine.places import Places, here, on_workers, within
from engine.settings import Settings
from engine.views import OFFLINE_AFTER
from models.claim import Claimed, claim_due, come_due
from models.message import living_workers, on_the_way, one_sender, send

log = logging.getLogger(__name__)

# With workers a look asks the database more, so it waits until a few places are free, and sends a little ahead.
GATHER_SECONDS = 0.02
MOMENT_SECONDS = 0.1
MOST_AHEAD = 100


class Dispatcher:
    """Looks for due jobs; while there are more than free slots, a freed slot takes the next at once."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        engine_id: str,
        bus: Bus,
        executor: Executor,
        ledger: Ledger,
        health: Health,
        budgets: Budgets,
    ) -> None:
        self._budgets = budgets
        self._settings = settings
        self._registry = registry
        self._engine_id = engine_id
        self._executor = executor
        self._ledger = ledger
        self._health = health
        self._is_shared = settings.is_shared
        self._has_workers = False
        self._ended_at: deque[float] = deque(maxlen=MOST_AHEAD)
        self._slot_freed = asyncio.Event()
        self._stopping = False
        self._drain_until = 0.0
        self._backlog = False
        self._sent: list[Claimed] = []  # to workers, by the latest look
        self._came_due_at = -math.inf  # on a clock that nobody sets back
        executor.on_ending = self._on_slot_freed
        if self._is_shared:
            bus.subscribe(self._on_event)

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
        await self._executor.drain(self._drain_until - asyncio.get_running_loop().time())

    def look_now(self) -> None:
        """Something became due that nobody has to wait for."""
        self._slot_freed.set()

    async def _look(self) -> None:
        jobs: list[Claimed] = []
        self._backlog = True
        if self._is_shared or self._executor.free_slots > 0:
            began = monotonic()
            jobs, self._backlog = await self._ledger.write(self._claim)
            self._ledger.metrics.claim_seconds.observe(monotonic() - began)
            self._ledger.metrics.claimed(job.type for job in (*self._sent, *jobs))
        for job in jobs:
            self._executor.start(job)

    async def _claim(self, writer: BaseDBAsyncClient) -> tuple[list[Claimed], bool]:
        """What this process is to execute, and whether more may be waiting for a place."""
        self._sent = []
        if self._stopping:
            return [], False
        now = clock.now()
        if (at := monotonic()) - self._came_due_at >= self._settings.poll_seconds:
            await come_due(writer, now)
            self._came_due_at = at
        allowance = await self._budgets.allowance(writer, now)
        workers = await self._send(writer, now, allowance) if self._is_shared else _Sent()
        types = [job_type.key for job_type in self._registry if not job_type.is_outside]
        places = within(here(types, workers.types, max(0, self._executor.free_slots)), allowance)
        jobs, more = await self._claim_due(writer, places, self._engine_id, now)
        return jobs, more or workers.more

    async def _send(self, writer: BaseDBAsyncClient, now: datetime, allowance: Allowance) -> "_Sent":
        """Send to workers what they have places for."""
        await one_sender(writer)
        workers = await living_workers(writer, now - OFFLINE_AFTER)
        self._has_workers = bool(workers)
        if not workers:
            return _Sent()
        places = within(on_workers(workers, await on_the_way(writer), self._ahead()), allowance)
        jobs, more = await self._claim_due(writer, places, None, now)
        if jobs:
            await send(writer, jobs)
        self._sent = jobs
        return _Sent(frozenset[str]().union(*(worker.types for worker in workers)), more)

    async def _claim_due(
        self, writer: BaseDBAsyncClient, places: Places, engine_id: str | None, now: datetime
    ) -> tuple[list[Claimed], bool]:
        if not places.total:
            return [], bool(places.of_type)
        return await claim_due(
            writer,
            engine_id=engine_id,
            lease_token=uuid.uuid4().hex,
            now=now,
            lease_expires_at=now + timedelta(seconds=self._settings.lease_seconds),
            places=places.of_type,
            limit=places.total,
        )

    def _ahead(self) -> int:
        """As many as ended a moment ago will have been taken up in a moment."""
        since = monotonic() - MOMENT_SECONDS
        while self._ended_at and self._ended_at[0] < since:
            self._ended_at.popleft()
        return len(self._ended_at)

    async def _until_next_look(self) -> None:
        if self._has_workers:
            await asyncio.sleep(GATHER_SECONDS)
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._slot_freed.wait()
        except TimeoutError:
            pass

    def _on_event(self, event: Event) -> None:
        """An attempt that ended on a worker left a place there."""
        if isinstance(event, AttemptEnded):
            self._ended_at.append(monotonic())
        if isinstance(event, AttemptEnded | EngineChanged):
            self._on_slot_freed()

    def _on_slot_freed(self) -> None:
        if self._backlog:
            self._slot_freed.set()


@dataclass(frozen=True)
class _Sent:
    """The types that workers run, and whether more of them may be waiting for a place."""

    types: frozenset[str] = frozenset()
    more: bool = False
