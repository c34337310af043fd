"""A worker: executes on its machine what the engines send, and nothing else."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status as JobStatus
from psycopg_pool import AsyncConnectionPool
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.approvals.policy import Policy
from engine.artifacts import remove_leftovers
from engine.audit import Audit
from engine.backup import settle_restored_dump
from engine.budgets.limits import RateLimits
from engine.cluster import Cluster
from engine.commands import Commands
from engine.errors import SettingsError
from engine.events import AttemptEnded, Bus, EngineChanged
from engine.executor import RELEASE_SECONDS, Executor
from engine.health import Health
from engine.heartbeat import Heartbeat
from engine.jobs import Registry, load_registry
from engine.ledger import Ledger, close_cancelled
from engine.queries import Queries
from engine.settings import Settings
from models.ending import Lease
from models.message import TASK, TakenUp, queue_of, take_up
from models.states import ProcessRole

log = logging.getLogger(__name__)

CONNECTIONS = 4
POLL_SECONDS = 5.0  # how often it looks for messages of which it did not hear
STALLED_SECONDS = 30.0  # after which a silent worker's messages are swept away: its attempts were rescued before
LONGEST_PAUSE_SECONDS = 2.0
NOTICE_CUT = {  # libpq's: a line that is cut is noticed within seconds
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
SWEEP_CRON = "* * * * *"
SWEEP_QUEUE = "job-runner-sweep"


class Worker:
    """The database must be open from `start` to after `stop`. `only` are the types or categories that it runs."""

    def __init__(self, settings: Settings, registry: Registry | None = None, only: Sequence[str] = ()) -> None:
        self.id = uuid.uuid4().hex
        self.bus = Bus()
        self._settings = settings
        self._registry = registry or load_registry()
        self.types = chosen_types(self._registry, only)
        health = Health(self.bus)
        self._ledger = Ledger(health)
        self.metrics = health.metrics
        audit, queries = Audit(settings, self._ledger), Queries(settings, self._registry, health)
        self._policy = Policy(self.bus)
        commands = Commands(settings, self._registry, self.bus, audit, queries, self._policy)
        self._limits = RateLimits(self.bus)
        self._executor = Executor(settings, self._registry, self.bus, self._ledger, commands.submit, self._limits)
        self._cluster = Cluster(settings, self.id, self.bus, may_lead=False)
        self._heartbeat = Heartbeat(
            settings, self.id, self._executor, self.bus, health, role=ProcessRole.WORKER, types=self.types
        )
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._stopping = asyncio.Event()
        self._arrived: _Arrived | None = None
        self._duties: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make itself known, and take messages."""
        await settle_restored_dump(self._settings, self._registry)
        await self._policy.load()
        await self._limits.load()
        self._ledger.open()
        await self._heartbeat.register()
        await remove_leftovers(self._settings)
        duties = (
            *(self._receive(), self._heartbeat.run(), self._cluster.run(), self._policy.run()),
            self._limits.run(),
        )
        self._duties = [asyncio.create_task(duty) for duty in duties]
        log.info("worker online: runs %d jobs at once, of %s", self._settings.concurrency, ", ".join(self.types))

    def stop_receiving(self) -> None:
        """Take no more messages; what runs goes on."""
        self._stopping.set()

    async def stop(self) -> None:
        """Take nothing more, let what runs finish for a while, put the rest back."""
        self.stop_receiving()
        until = monotonic() + self._settings.drain_seconds
        with contextlib.suppress(Exception):  # a broken database must not keep what runs from its drain
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._heartbeat.offer_nothing()
            self.bus.publish(EngineChanged())
        await asyncio.wait(self._duties[:1], timeout=self._settings.drain_seconds)
        await self._executor.drain(until - monotonic())
        await self._ledger.close()
        with contextlib.suppress(Exception):  # a broken database must not keep the process alive
            await self._heartbeat.retire()
        self.bus.publish(EngineChanged())
        await asyncio.sleep(0)  # the last news are told
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)

    async def _receive(self) -> None:
        """Run the queue's own worker, and another one whenever it ends, as it does when the database goes away."""
        pause = 0.1
        while not self._stopping.is_set():
            began = monotonic()
            try:
                await self._receive_until_broken()
            except Exception as error:
                log.warning("no messages can be received, trying again: %s", _in_one_line(error.__cause__ or error))
            pause = 0.1 if monotonic() - began > STALLED_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _receive_until_broken(self) -> None:
        pool = AsyncConnectionPool(
            self._settings.database,
            kwargs=NOTICE_CUT,
            min_size=2,
            max_size=CONNECTIONS,
            open=False,
            timeout=5,
            configure=make_autocommit,
        )
        app = self._app()
        try:  # an opening that is broken off leaves tasks that only closing ends
            await pool.open(wait=True, timeout=5)
            async with app.open_async(pool):
                receiving = asyncio.create_task(
                    app.run_worker_async(
                        name=self.id,
                        queues=[*map(queue_of, self.types), SWEEP_QUEUE],
                        concurrency=self._settings.concurrency,
                        install_signal_handlers=False,
                        delete_jobs="always",
                        fetch_job_polling_interval=POLL_SECONDS,
                        stalled_worker_timeout=STALLED_SECONDS,
                        shutdown_graceful_timeout=0.1,
                    )
                )
                stopping = asyncio.create_task(self._stopping.wait())
                await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                receiving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await receiving
        finally:
            await pool.close(timeout=1)

    def _app(self) -> App:
        app = App(connector=PsycopgConnector())

        @app.task(name=TASK)
        async def attempt(job_id: int, attempt: int, token: str) -> None:
            """The work outlives this call, as it does a broken database."""
            await asyncio.shield(asyncio.ensure_future(self._execute(Lease(job_id, attempt, token))))

        @app.periodic(cron=SWEEP_CRON)
        @app.task(name="sweep", queue=SWEEP_QUEUE)
        async def sweep(timestamp: int) -> None:
            """Remove the messages of workers that died; the attempts themselves are rescued by their leases."""
            for message in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
                await app.job_manager.finish_job(message, JobStatus.FAILED, delete_job=True)

        return app

    async def _execute(self, lease: Lease) -> None:
        async with self._slots:  # what outlived a broken queue still holds its place
            taken = await self._take_up(lease)
            if taken is None:
                await self._ledger.write(lambda _: close_cancelled(lease))
                self.bus.publish(AttemptEnded(lease.job_id))
                return
            await self._executor.start(taken.claimed, pause=taken.pause)

    async def _take_up(self, lease: Lease) -> TakenUp | None:
        """What arrives until the ledger's next turn is taken up in one go."""
        if (arrived := self._arrived) is None:
            arrived = self._arrived = _Arrived()
            arrived.taken = asyncio.ensure_future(self._ledger.write(partial(self._take_all, arrived)))
            arrived.taken.add_done_callback(lambda _: self._close(arrived))
        arrived.leases.append(lease)
        return (await arrived.taken).get(lease)

    def _close(self, arrived: "_Arrived") -> None:
        """Nothing more joins it, also when its transaction never began."""
        if self._arrived is arrived:
            self._arrived = None

    async def _take_all(self, arrived: "_Arrived", writer: BaseDBAsyncClient) -> dict[Lease, TakenUp]:
        self._close(arrived)
        expires = clock.now() + timedelta(seconds=self._settings.lease_seconds)
        return await take_up(writer, arrived.leases, engine_id=self.id, lease_expires_at=expires)


class _Arrived:
    """Attempts that are to be taken up together."""

    taken: asyncio.Future[dict[Lease, TakenUp]]

    def __init__(self) -> None:
        self.leases: list[Lease] = []


def chosen_types(registry: Registry, only: Sequence[str]) -> list[str]:
    """The keys of the types that are named, by key or category; all of them if none is.

    Raises:
        SettingsError: a word names neither.
    """
    known = {word: True for job_type in registry for word in (job_type.key.lower(), str(job_type.category))}
    for word in only:
        if word.lower() not in known:
            raise SettingsError(f"--only must name job types or categories ({', '.join(sorted(known))}), not {word!r}")
    words = {word.lower() for word in only}
    return [t.key for t in registry if not words or {t.key.lower(), str(t.category)} & words]


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def make_autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    """What a pool of connections does with a new one: a transaction a statement, as the queue's are."""
    await connection.set_autocommit(True)
