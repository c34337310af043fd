"""Forgets what happened long ago, jobs too if the settings say so, and contents that nothing names any more.

A few at a time, so that nobody waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from engine import clock
from engine.cluster import Cluster
from engine.errors import StorageFault
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from engine.storage import CONTENTS, FILES, GRACE, Storage, Stored, artifacts_of, open_storage
from engine.storage.named import attached, made_by_jobs
from models.approval import JobVersion, Review, ReviewLink
from models.artifact import Artifact
from models.attempt import Attempt, LogLine
from models.channel import Channel
from models.counts import fold_counts
from models.database import connection
from models.dependency import Dependency, needed_by_others
from models.effect import Effect
from models.job import Job
from models.job_event import prune_events
from models.operation import prune_operations
from models.person import Person
from models.schedule import ScheduleRun
from models.states import TERMINAL
from models.trace import JobTrace
from models.webhook import Delivery
from models.workflow import prune_runs

log = logging.getLogger(__name__)

STEP = 100
EVENTS_STEP = 1000
KEYS_KEPT = timedelta(days=1)  # in which the same key gives the first job, whatever the setting
EVENTS_KEPT = timedelta(days=7)
OPERATIONS_KEPT = timedelta(days=30)
FOLDERS_AT_ONCE = 10
PAUSE_SECONDS = 0.05
LOOK_SECONDS = 60.0
RETRY_SECONDS = 2.0
FOLD_SECONDS = 5.0
FIRST_SWEEP_SECONDS = 300.0  # in which somebody may notice that it was started on the wrong database
SWEEP_SECONDS = 3600.0
CONTENTS_STEP = 500
FILES_STEP = 5000  # each step reads every payload

Named = Callable[[set[str]], Awaitable[set[str]]]
Span = tuple[datetime, datetime]


class Pruner:
    """Removes completed and cancelled jobs past their age, with their attempts, logs, effects and names of files.

    The files' contents go later, by a sweep: only it knows whether anything else names them.
    """

    def __init__(self, settings: Settings, ledger: Ledger, health: Health, cluster: Cluster) -> None:
        self._cluster = cluster
        self._settings = settings
        self._ledger = ledger
        self._health = health

    async def run(self) -> None:
        """Look every minute, fold counts every few seconds and sweep every hour, for ever."""
        await asyncio.gather(
            self._repeat("pruning", "old jobs", self._look),
            *([self._repeat("counting", "the numbers of jobs", self._fold)] if self._settings.is_shared else []),
            self._repeat("sweeping", "contents that nothing names", self._sweep_now, after=FIRST_SWEEP_SECONDS),
        )

    async def _repeat(self, duty: str, what: str, work: Callable[[], Awaitable[float]], *, after: float = 0) -> None:
        """Do the work while this process leads; it returns after how many seconds it is to be done again."""
        pause = after
        while True:
            await asyncio.sleep(pause)
            if not self._cluster.leading.is_set():
                self._health.worked(duty)  # another process does it
                await self._cluster.leading.wait()
            try:
                pause = await work()
                self._health.worked(duty)
            except StorageFault as fault:  # keeps no job from running
                log.warning("%s stay for now: %s", what, fault)
                pause = LOOK_SECONDS
            except Exception as error:
                self._health.failed(duty, error)
                pause = RETRY_SECONDS

    async def _look(self) -> float:
        removed = await self.step() + await self.forget_events() + await self.forget_operations()
        removed += await self.forget_runs()
        return PAUSE_SECONDS if removed else LOOK_SECONDS

    async def _fold(self) -> float:
        await fold_counts(connection())  # by itself: that it can be stored says nothing of what else waits
        return FOLD_SECONDS

    async def _sweep_now(self) -> float:
        if removed := await self.sweep():
            log.info("removed %d contents that nothing named any more", removed)
        return SWEEP_SECONDS

    async def step(self) -> int:
        """Remove at most a hundred jobs, if the setting lets any go; returns how many."""
        if not self._settings.retention_days:
            return 0
        too_old = clock.now() - timedelta(days=self._settings.retention_days)
        kept = Q(idempotency_key=None) | Q(created_at__lt=clock.now() - KEYS_KEPT)
        old = Job.filter(kept, status__in=list(TERMINAL), finished_at__lt=too_old)
        rows = old.order_by("finished_at").limit(STEP)
        ids = [row["id"] for row in await rows.values("id")]
        ids = sorted(set(ids) - await needed_by_others(connection(), ids)) if ids else []
        if ids:
            storage = open_storage(self._settings)
            for first in range(0, len(ids), FOLDERS_AT_ONCE):  # before the rows: what dies in between is found again
                some = ids[first : first + FOLDERS_AT_ONCE]
                await asyncio.gather(*(storage.delete(artifacts_of(job_id)) for job_id in some))
            await self._ledger.write(lambda writer: _remove(writer, ids))
        return len(ids)

    async def sweep(self) -> int:
        """Remove what no job, post or article names, and nobody stored for `GRACE`; returns how many.

        What is older than the database belongs to another one, which somebody may want back.
        """
        storage, removed = open_storage(self._settings), 0
        span = await _first_moment(), clock.now() - GRACE
        for shard in await storage.folders(CONTENTS):
            removed += await self._sweep(storage, f"{CONTENTS}/{shard}", CONTENTS_STEP, made_by_jobs, span)
        return removed + await self._sweep(storage, FILES, FILES_STEP, attached, span)

    async def _sweep(self, storage: Storage, folder: str, most: int, named: Named, span: Span) -> int:
        """Look at so many files at a time, as long as this process leads."""
        last, removed = "", 0
        while self._cluster.leading.is_set() and (page := await storage.page(folder, last, most)):
            last = page[-1].key.rpartition("/")[2]
            old = {file.key: _digest(file) for file in page if span[0] < file.modified < span[1]}
            needed = await named(set(old.values())) if old else set()
            for key, digest in old.items():
                if digest not in needed:
                    removed += await storage.remove(key, span[1])
            await asyncio.sleep(PAUSE_SECONDS)
        return removed

    async def forget_events(self) -> int:
        """Forget at most a thousand events that nobody comes back for; returns how many."""
        return await self._ledger.write(_forget_events)

    async def forget_operations(self) -> int:
        """Forget at most a thousand rows of operations that ended long ago; returns how many."""
        too_old = clock.now() - OPERATIONS_KEPT
        return await self._ledger.write(lambda writer: prune_operations(writer, too_old, EVENTS_STEP))

    async def forget_runs(self) -> int:
        """Forget runs of workflows of which no job is left, if the setting lets any go; returns how many."""
        if not self._settings.retention_days:
            return 0
        too_old = clock.now() - timedelta(days=self._settings.retention_days)
        return await self._ledger.write(lambda writer: prune_runs(writer, too_old))


async def _forget_events(writer: BaseDBAsyncClient) -> int:
    too_old = clock.now() - EVENTS_KEPT
    delivered = Delivery.filter(finished_at__lt=too_old).order_by("finished_at").limit(EVENTS_STEP)
    old = await delivered.values_list("id", flat=True)
    if old:
        await Delivery.filter(id__in=list(old)).delete()
    return len(old) + await prune_events(writer, too_old, EVENTS_STEP)


async def _first_moment() -> datetime:
    """Since when the database has been in use, as far as it remembers."""
    first = [await model.all().order_by("created_at").first() for model in (Channel, Person)]
    known = [row.created_at for row in (*first, await Job.all().order_by("id").first()) if row]
    return min(known, default=clock.now())


def _digest(file: Stored) -> str:
    """What a key is made of, without the ending that attached files have."""
    return file.key.rpartition("/")[2].partition(".")[0]


async def _remove(_: BaseDBAsyncClient, chosen: list[int]) -> None:
    over = Job.filter(id__in=chosen, status__in=list(TERMINAL)).select_for_update()
    ids = [row["id"] for row in await over.values("id")]  # somebody may have sent one back meanwhile
    for model in (
        LogLine,
        Effect,
        Attempt,
        Artifact,
        JobVersion,
        Review,
        ReviewLink,
        Dependency,
        ScheduleRun,
        JobTrace,
    ):
        await model.filter(job_id__in=ids).delete()
    await Job.filter(id__in=ids).delete()
