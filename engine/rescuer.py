"""Finds jobs whose engine died, and puts back what certainly did not happen."""

import asyncio
import logging
import os
import socket
from datetime import timedelta
from typing import Any

from engine import clock
from engine.context import Lease
from engine.events import Bus, JobChanged
from engine.executor import Executor
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.engine_record import EngineRecord
from models.job import Job
from models.states import UNKNOWN, AttemptOutcome, Phase, Status

log = logging.getLogger(__name__)

ENGINE_DIED = "The engine died before anything went out"
RETIRED_ENGINES_KEPT = timedelta(days=1)


class Rescuer:
    """At the start, and twice a lease time: rescues running jobs that nobody renews.

    What this process itself runs is never an orphan: after the machine slept, its leases are merely late.
    """

    def __init__(self, settings: Settings, engine_id: str, executor: Executor, bus: Bus) -> None:
        self._settings = settings
        self._engine_id = engine_id
        self._executor = executor
        self._bus = bus

    async def run(self) -> None:
        """Rescue for ever."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 2)
            try:
                await self.rescue_expired()
            except Exception:
                log.exception("a rescue failed; the next one is in %g s", self._settings.lease_seconds / 2)

    async def rescue_expired(self) -> None:
        """One look for leases that ran out."""
        expired = await Job.filter(status=Status.RUNNING, lease_expires_at__lt=clock.now())
        await self._rescue([job for job in expired if job.id not in self._executor.running])

    async def after_restart(self) -> None:
        """Rescue at once what an engine left that certainly is dead: its process on this host is gone."""
        for engine in await EngineRecord.filter(stopped_at=None).exclude(id=self._engine_id):
            if engine.host == socket.gethostname() and not _is_alive(engine.pid):
                await EngineRecord.filter(id=engine.id).update(stopped_at=clock.now(), running=0)
                await self._rescue(await Job.filter(status=Status.RUNNING, engine_id=engine.id))
        await EngineRecord.filter(last_beat_at__lt=clock.now() - RETIRED_ENGINES_KEPT).delete()

    async def _rescue(self, orphans: list[Job]) -> None:
        for job in orphans:
            lease = Lease(job.id, job.attempt, job.lease_token or "")
            outcome, error, changes = await _verdict(job)
            if await lease.give_up(changes):
                log.warning("job %s was rescued: %s", job.id, error)
                await Attempt.filter(job_id=job.id, number=job.attempt, outcome=None).update(
                    outcome=outcome, error=error, finished_at=clock.now()
                )
                self._bus.publish(JobChanged(job.id))


async def _verdict(job: Job) -> tuple[AttemptOutcome, str, dict[str, Any]]:
    common = {"lease_expires_at": None, "pause_requested": False}
    if await Effect.exists(job_id=job.id, phase=Phase.SENDING):
        error = "The engine died while the world was being spoken to"
        failed = {"status": Status.FAILED, "outcome": UNKNOWN, "error": error, "finished_at": clock.now()}
        return AttemptOutcome.UNKNOWN, error, {**failed, **common}
    done = await Effect.filter(job_id=job.id, phase=Phase.DONE).values_list("target", flat=True)
    error = f"The engine died; already done: {', '.join(map(str, done))}" if done else ENGINE_DIED
    if job.attempt >= job.max_attempts:
        failed = {"status": Status.FAILED, "error": f"{error}, in each of {job.attempt} attempts"}
        return AttemptOutcome.LOST, error, {**failed, "finished_at": clock.now(), **common}
    queued = {"status": Status.QUEUED, "due_at": clock.now(), "started_at": None, "error": error}
    return AttemptOutcome.LOST, error, {**queued, **common}


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():  # a container's process is number 1 each time: the former one is gone
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
