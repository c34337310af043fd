"""What the database tells of the whole installation for Prometheus, read at most once a second."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine import clock
from engine.health import DRIVER_ERRORS, trouble
from engine.jobs import Registry
from engine.metrics import Metrics
from engine.queries import Queries
from engine.settings import Settings
from engine.views import EngineState
from models.depth import Depth, claimable, running_by_type, undelivered
from models.states import Status

KEPT_SECONDS = 1.0


@dataclass(frozen=True)
class Stored:
    """What the database told at a moment."""

    at: datetime
    statuses: Mapping[str, int]
    depths: tuple[Depth, ...]
    running: Mapping[str, int]
    undelivered: int


@dataclass(frozen=True)
class Reading:
    """Whether engines beat, and what is stored; None while the database does not answer."""

    engine: EngineState
    types: tuple[str, ...]
    free_bytes: int | None
    stored: Stored | None = field(default=None)


class Gauges(Collector):
    """Registered with the process's metrics; `read` before each collection."""

    def __init__(self, settings: Settings, registry: Registry, queries: Queries, metrics: Metrics) -> None:
        self._settings = settings
        self._registry = registry
        self._queries = queries
        self._reading: Reading | None = None
        self._read_at = 0.0
        self._turn = asyncio.Lock()
        metrics.registry.register(self)

    async def read(self) -> None:
        """Ask the database, unless that was done a moment ago."""
        async with self._turn:
            if self._reading is None or monotonic() - self._read_at >= KEPT_SECONDS:
                self._reading = await self._read()
                self._read_at = monotonic()

    async def _read(self) -> Reading:
        engine = await self._queries.engine()
        types = tuple(job_type.key for job_type in self._registry)
        reading = Reading(engine, types, free_bytes(self._settings))
        if engine.fault:  # asking a database in trouble may take long
            return reading
        try:
            return replace(reading, stored=await self._stored())
        except DRIVER_ERRORS as error:
            if trouble(error) is None:
                raise
            return reading

    async def _stored(self) -> Stored:
        return Stored(
            clock.now(),
            await self._queries.counts_by_status(),
            tuple(await claimable()),
            await running_by_type(),
            await undelivered(),
        )

    def describe(self) -> list[Metric]:
        """Nothing: what is not read yet has no value."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The latest reading."""
        if (reading := self._reading) is None:
            return
        engine = reading.engine
        yield _one("job_runner_engine_online", "Whether an engine beats.", int(engine.online))
        yield _one("job_runner_engines_online", "Engines that beat.", engine.engines)
        yield _one("job_runner_workers_online", "Workers that beat.", engine.workers)
        yield _one("job_runner_slots", "How many jobs can run at once in all.", engine.concurrency)
        answers = reading.stored is not None
        yield _one("job_runner_database_up", "Whether the database answers.", int(answers))
        if reading.free_bytes is not None:
            yield _one("job_runner_data_free_bytes", "Free space where the data folder is.", reading.free_bytes)
        if reading.stored:
            yield from _of_stored(reading.stored, reading.types)


def free_bytes(settings: Settings) -> int | None:
    """Free space where the data folder is; None if the system does not tell."""
    try:
        return shutil.disk_usage(settings.data_dir).free
    except OSError:
        return None


def _of_stored(stored: Stored, types: tuple[str, ...]) -> Iterator[Metric]:
    yield _by(
        "job_runner_jobs", "Jobs by status.", "status", {str(each): stored.statuses.get(each, 0) for each in Status}
    )
    depths = {depth.type: depth for depth in stored.depths}
    jobs = dict.fromkeys(types, 0) | {key: depth.jobs for key, depth in depths.items()}
    ages = dict.fromkeys(types, 0.0) | {
        key: max(0.0, (stored.at - depth.oldest_at).total_seconds()) for key, depth in depths.items()
    }
    running = dict.fromkeys(types, 0) | dict(stored.running)
    yield _by("job_runner_queue_depth", "Jobs that could be claimed now, by type.", "type", jobs)
    yield _by(
        "job_runner_queue_oldest_age_seconds",
        "Time since the oldest job that could be claimed now was created, by type; 0 where none waits.",
        "type",
        ages,
    )
    yield _by("job_runner_running_jobs", "Jobs that run, by type, in the hands of outside agents too.", "type", running)
    yield _one("job_runner_webhook_backlog", "Messages that are still to be sent to webhooks.", stored.undelivered)


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)


def _by(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
