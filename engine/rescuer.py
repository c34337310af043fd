"""Finds jobs whose engine died, and puts back what certainly did not happen."""

import asyncio
import logging
import socket
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.cluster import Cluster
from engine.events import Bus, JobChanged
from engine.executor import Executor
from engine.health import Health
from engine.heartbeat import beat_seconds
from engine.ledger import Ledger, close_lost
from engine.processes import is_alive
from engine.settings import Settings
from models.agent import PREFIX, agent_id_of
from models.attempt import Attempt
from models.effect import Effect
from models.ending import Ending, Lease
from models.engine_record import EngineRecord
from models.job import Job
from models.states import POISONOUS, UNKNOWN, AttemptOutcome, Phase, Status

log = logging.getLogger(__name__)

MAX_DEATHS = 3
AGENTS_GRACE = timedelta(seconds=30)
RETIRED_ENGINES_KEPT = timedelta(days=1)
SILENT_ENGINES_SHOWN = timedelta(minutes=10)


class Rescuer:
    """At the start, and twice a lease time: rescues running jobs that nobody renews.

    What this process itself runs is never an orphan: after the machine slept, its leases are merely late.
    """

    def __init__(
        self,
        settings: Settings,
        engine_id: str,
        executor: Executor,
        ledger: Ledger,
        bus: Bus,
        health: Health,
        cluster: Cluster,
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._engine_id = engine_id
        self._executor = executor
        self._ledger = ledger
        self._bus = bus
        self._health = health

    async def run(self) -> None:
        """Rescue for ever."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 2)
            if not self._cluster.leading.is_set():
                self._health.worked("rescuing")  # another process does it
                await self._cluster.leading.wait()
                await self._let_others_beat()
            try:
                await self.rescue_expired()
                await self._retire_silent()
                self._health.worked("rescuing")
            except Exception as error:
                self._health.failed("rescuing", error)
                await self._let_others_beat()

    async def _let_others_beat(self) -> None:
        """The database may have been away for longer than a lease, and whoever lives renews its leases first."""
        if self._settings.is_shared:
            await asyncio.sleep(2 * beat_seconds(self._settings))

    async def rescue_expired(self) -> None:
        """One look for leases that ran out."""
        now = clock.now()
        expired = await Job.filter(status=Status.RUNNING, lease_expires_at__lt=now)
        await self._rescue([job for job in expired if job.id not in self._executor.running], expired_before=now)
        await self._close_cancelled(Job.filter(lease_expires_at__lt=clock.now()))

    async def after_restart(self) -> None:
        """Rescue at once what an engine left that certainly is dead: its process on this host is gone.

        Outside agents may live, and could not renew while nobody was here: they get a while to be heard.
        """
        soon = clock.now() + AGENTS_GRACE
        outside = Job.filter(status=Status.RUNNING, engine_id__startswith=PREFIX, lease_expires_at__lt=soon)
        await outside.update(lease_expires_at=soon)
        for engine in await EngineRecord.filter(stopped_at=None).exclude(id=self._engine_id):
            if engine.host == socket.gethostname() and not is_alive(engine.pid):
                await self._rescue(await Job.filter(status=Status.RUNNING, engine_id=engine.id))
                await self._close_cancelled(Job.filter(engine_id=engine.id))
                await EngineRecord.filter(id=engine.id).update(stopped_at=clock.now(), running=0)
        await EngineRecord.filter(last_beat_at__lt=clock.now() - RETIRED_ENGINES_KEPT).delete()

    async def _retire_silent(self) -> None:
        """Processes that died elsewhere are shown as offline for a while; one that comes back beats again."""
        silent = EngineRecord.filter(stopped_at=None, last_beat_at__lt=clock.now() - SILENT_ENGINES_SHOWN)
        await silent.update(stopped_at=clock.now(), running=0)

    async def _rescue(self, orphans: list[Job], expired_before: datetime | None = None) -> None:
        for job in orphans:
            verdict = replace(await _verdict(job), expired_before=expired_before)
            if await self._ledger.end(verdict):
                log.warning("job %s was rescued: %s", job.id, verdict.error)
                self._bus.publish(JobChanged(job.id))

    async def _close_cancelled(self, jobs: Any) -> None:
        """Jobs that were cancelled while they ran, and whose engine died before it could tell what had happened."""
        open_attempts = await Attempt.filter(outcome=None).values_list("job_id", flat=True)
        for job in await jobs.filter(id__in=list(open_attempts), status=Status.CANCELLED):
            if job.id not in self._executor.running:
                await self._ledger.write(partial(_close, Lease(job.id, job.attempt, job.lease_token or "")))
                self._bus.publish(JobChanged(job.id))


async def _close(lease: Lease, _: BaseDBAsyncClient) -> None:
    await close_lost(lease, "the engine died")


async def _verdict(job: Job) -> Ending:
    lease = Lease(job.id, job.attempt, job.lease_token or "")
    if job.engine_id is None:
        error = "No worker took it up in time"
        return Ending(lease, Status.QUEUED, AttemptOutcome.RELEASED, clock.now(), None, error, more_attempts=1)
    who = "The agent went silent" if agent_id_of(job.engine_id) else "The engine died"
    if await Effect.exists(job_id=job.id, phase=Phase.SENDING):
        error = f"{who} while the world was being spoken to"
        return Ending(lease, Status.FAILED, AttemptOutcome.UNKNOWN, clock.now(), error, outcome=UNKNOWN, died=True)
    done = await Effect.filter(job_id=job.id, phase=Phase.DONE).values_list("target", flat=True)
    error = f"{who}; already done: {', '.join(map(str, done))}" if done else who
    if job.deaths + 1 >= MAX_DEATHS:
        told = f"Set aside as poisonous: {who[:1].lower()}{who[1:]} {MAX_DEATHS} times in a row while running it"
        return Ending(lease, Status.FAILED, AttemptOutcome.LOST, clock.now(), told, error, outcome=POISONOUS, died=True)
    return Ending(lease, Status.QUEUED, AttemptOutcome.LOST, clock.now(), error, more_attempts=1, died=True)
