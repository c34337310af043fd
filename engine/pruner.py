"""Forgets what happened long ago, and jobs too if the settings say so: a few at a time, so that nobody waits for it."""

import asyncio
import logging
from datetime import timedelta

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from engine import clock
from engine.cluster import Cluster
from engine.errors import StorageFault
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from engine.storage import artifacts_of, open_storage
from models.attempt import Attempt, LogLine
from models.effect import Effect
from models.job import Job
from models.job_event import prune_events
from models.states import TERMINAL
from models.webhook import Delivery

log = logging.getLogger(__name__)

STEP = 100
EVENTS_STEP = 1000
KEYS_KEPT = timedelta(days=1)  # in which the same key gives the first job, whatever the setting
EVENTS_KEPT = timedelta(days=7)
FOLDERS_AT_ONCE = 10
PAUSE_SECONDS = 0.05
LOOK_SECONDS = 60.0
RETRY_SECONDS = 2.0


class Pruner:
    """Removes completed and cancelled jobs past their age, with their attempts, logs, effects and files."""

    def __init__(self, settings: Settings, ledger: Ledger, health: Health, cluster: Cluster) -> None:
        self._cluster = cluster
        self._settings = settings
        self._ledger = ledger
        self._health = health

    async def run(self) -> None:
        """Look every minute, for ever."""
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("pruning")  # another process does it
                await self._cluster.leading.wait()
            try:
                removed = await self.step() + await self.forget_events()
                pause = PAUSE_SECONDS if removed else LOOK_SECONDS
                self._health.worked("pruning")
            except StorageFault as fault:  # keeps no job from running
                log.warning("old jobs stay for now: %s", fault)
                pause = LOOK_SECONDS
            except Exception as error:
                self._health.failed("pruning", error)
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def step(self) -> int:
        """Remove at most a hundred jobs, if the setting lets any go; returns how many."""
        if not self._settings.retention_days:
            return 0
        too_old = clock.now() - timedelta(days=self._settings.retention_days)
        kept = Q(idempotency_key=None) | Q(created_at__lt=clock.now() - KEYS_KEPT)
        old = Job.filter(kept, status__in=list(TERMINAL), finished_at__lt=too_old)
        rows = old.order_by("finished_at").limit(STEP)
        ids = [row["id"] for row in await rows.values("id")]
        if ids:
            storage = open_storage(self._settings)
            for first in range(0, len(ids), FOLDERS_AT_ONCE):  # before the rows: what dies in between is found again
                some = ids[first : first + FOLDERS_AT_ONCE]
                await asyncio.gather(*(storage.delete(artifacts_of(job_id)) for job_id in some))
            await self._ledger.write(lambda writer: _remove(writer, ids))
        return len(ids)

    async def forget_events(self) -> int:
        """Forget at most a thousand events that nobody comes back for; returns how many."""
        return await self._ledger.write(_forget_events)


async def _forget_events(writer: BaseDBAsyncClient) -> int:
    too_old = clock.now() - EVENTS_KEPT
    delivered = Delivery.filter(finished_at__lt=too_old).order_by("finished_at").limit(EVENTS_STEP)
    old = await delivered.values_list("id", flat=True)
    if old:
        await Delivery.filter(id__in=list(old)).delete()
    return len(old) + await prune_events(writer, too_old, EVENTS_STEP)


async def _remove(_: BaseDBAsyncClient, ids: list[int]) -> None:
    for model in (LogLine, Effect, Attempt):
        await model.filter(job_id__in=ids).delete()
    await Job.filter(id__in=ids, status__in=list(TERMINAL)).delete()
