"""What is asked before anything is said about the installation's health."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine import clock
from engine.backup import LastBackup, last_backup
from engine.health import DRIVER_ERRORS, trouble
from engine.queries import Queries
from engine.settings import Settings
from engine.version import version
from engine.views import EngineState, EngineView, JobView
from models.about import DatabaseFacts, about_database
from models.depth import claimable, failing_webhooks, undelivered
from models.states import Status


@dataclass(frozen=True)
class Disk:
    """Where the data folder is, in bytes."""

    free: int
    total: int


@dataclass(frozen=True)
class Queue:
    """`claimable` jobs only wait for a free place; `oldest` has waited longest, for whatever reason."""

    queued: int
    claimable: int
    oldest: JobView | None


@dataclass(frozen=True)
class Outside:
    """How many webhooks there are whose latest message was not taken, and how many messages are still to be sent."""

    failing: int
    waiting: int


@dataclass(frozen=True)
class Facts:
    """At one moment; what only the database knows is None while it does not answer."""

    at: datetime
    version: str
    settings: Settings
    engine: EngineState
    disk: Disk | None
    backup: LastBackup | None
    processes: Sequence[EngineView] = ()
    database: DatabaseFacts | None = None
    queue: Queue | None = None
    webhooks: Outside | None = None


async def read_facts(settings: Settings, queries: Queries) -> Facts:
    """Ask the disk, and the database unless it is known to be in trouble."""
    engine = await queries.engine()
    backup, disk = await asyncio.gather(asyncio.to_thread(last_backup, settings), asyncio.to_thread(_disk, settings))
    facts = Facts(clock.now(), version(), settings, engine, disk, backup)
    if engine.fault:
        return facts
    try:
        return await _with_database(facts, queries)
    except DRIVER_ERRORS as error:
        if (fault := trouble(error)) is None:
            raise
        return replace(facts, engine=replace(engine, online=False, fault=fault))


async def _with_database(facts: Facts, queries: Queries) -> Facts:
    oldest = await queries.overview.oldest()
    queue = Queue(
        (await queries.counts_by_status()).get(Status.QUEUED, 0),
        sum(depth.jobs for depth in await claimable()),
        oldest[0] if oldest else None,
    )
    return replace(
        facts,
        processes=await queries.engines(),
        database=await about_database(facts.settings.database),
        queue=queue,
        webhooks=Outside(await failing_webhooks(), await undelivered()),
        at=clock.now(),
    )


def _disk(settings: Settings) -> Disk | None:
    try:
        usage = shutil.disk_usage(settings.data_dir)
    except OSError:
        return None
    return Disk(usage.free, usage.total)
