"""Tells the database that this engine lives, and renews the leases of what it runs."""

import asyncio
import logging
import os
import socket
from datetime import timedelta
from time import monotonic

from engine import clock
from engine.events import Bus, EngineChanged
from engine.executor import Executor
from engine.health import Health
from engine.settings import Settings
from models.engine_record import EngineRecord
from models.job import Job
from models.states import ProcessRole, Status

log = logging.getLogger(__name__)

BEAT_SECONDS = 3.0
SHORTEST_LOOK_SECONDS = 0.05


def beat_seconds(settings: Settings) -> float:
    """How often every process beats: often enough to renew a lease twice before it runs out."""
    return min(BEAT_SECONDS, settings.lease_seconds / 3)


class Heartbeat:
    """Beats every three seconds, or thrice a lease; an engine silent for ten counts as offline."""

    def __init__(
        self,
        settings: Settings,
        engine_id: str,
        executor: Executor,
        bus: Bus,
        health: Health,
        *,
        role: ProcessRole = ProcessRole.ENGINE,
        types: list[str] | None = None,
    ) -> None:
        self._role = role
        self._types = types
        self._settings = settings
        self._engine_id = engine_id
        self._executor = executor
        self._bus = bus
        self._health = health
        self._renewed_at = monotonic()

    async def register(self) -> None:
        """Make this engine known."""
        now = clock.now()
        await EngineRecord.create(
            id=self._engine_id,
            role=self._role,
            types=self._types,
            host=socket.gethostname(),
            pid=os.getpid(),
            concurrency=self._settings.concurrency,
            poll_seconds=self._settings.poll_seconds,
            started_at=now,
            last_beat_at=now,
        )
        self._bus.publish(EngineChanged())

    async def run(self) -> None:
        """Beat for ever, and see to it that nothing is said to the world under a lease that ran out."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._beat_for_ever())
            both.create_task(self._break_off_expired())

    async def _beat_for_ever(self) -> None:
        """While a beat fails, pages see the engine offline with the reason."""
        while True:
            await asyncio.sleep(beat_seconds(self._settings))
            try:
                await self._beat()
                self._health.worked("the heartbeat")
            except Exception as error:
                self._health.failed("the heartbeat", error)

    async def _break_off_expired(self) -> None:
        while True:
            await asyncio.sleep(
                max(self._renewed_at + self._settings.lease_seconds - monotonic(), SHORTEST_LOOK_SECONDS)
            )
            self._executor.break_off_expired(self._renewed_at)

    async def offer_nothing(self) -> None:
        """Say that this worker takes nothing more, although it lives: nothing is sent to it any longer."""
        await EngineRecord.filter(id=self._engine_id).update(types=[])

    async def retire(self) -> None:
        """Say that this engine stopped on purpose."""
        await EngineRecord.filter(id=self._engine_id).update(stopped_at=clock.now(), running=0)

    async def _beat(self) -> None:
        now, began = clock.now(), monotonic()
        running = list(self._executor.running)
        await EngineRecord.filter(id=self._engine_id).update(last_beat_at=now, running=len(running), stopped_at=None)
        if running:
            expires = now + timedelta(seconds=self._settings.lease_seconds)
            mine = Job.filter(engine_id=self._engine_id, status=Status.RUNNING, id__in=running)
            await mine.update(lease_expires_at=expires)
            held = {row["id"]: row["pause_requested"] for row in await mine.values("id", "pause_requested")}
            for job_id in running:
                if job_id not in held:
                    self._executor.stop(job_id)
                elif held[job_id]:
                    self._executor.pause(job_id)
        self._renewed_at = began
