"""Processes on one database tell each other what happens, and one of them leads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import pytest

from engine.cluster import EVENTS_A_MESSAGE, Cluster
from engine.events import (
    AccessChanged,
    AttemptEnded,
    BudgetsChanged,
    Bus,
    ChannelsChanged,
    EngineChanged,
    Event,
    JobChanged,
    JobLogged,
    JobProgressed,
    OperationChanged,
    PolicyChanged,
    SchedulesChanged,
    SecretsChanged,
    StopAsked,
    TypesChanged,
    WebhooksChanged,
    WorkflowsChanged,
)
from engine.settings import Settings
from models.states import Move
from tests.support.engine import until_set

ALL: list[Event] = [
    JobChanged(7),
    JobProgressed(7, 12.5),
    JobLogged(7, 2, ""),
    StopAsked(7, Move.PAUSE),
    AttemptEnded(7),
    ChannelsChanged(),
    TypesChanged(),
    WebhooksChanged(),
    SecretsChanged(),
    PolicyChanged(),
    WorkflowsChanged(),
    BudgetsChanged(),
    OperationChanged(7),
    SchedulesChanged(),
    AccessChanged(),
    EngineChanged(),
]


class Process:
    """As much of a process as the cluster needs."""

    def __init__(self, settings: Settings, name: str, *, may_lead: bool = True) -> None:
        self.bus = Bus()
        self.heard: list[Event] = []
        self.cluster = Cluster(settings, name, self.bus, may_lead=may_lead)
        self.task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._news = asyncio.Event()
        self.bus.subscribe(self._on_event)

    async def start(self) -> None:
        """Come to where it hears others."""
        self.task = asyncio.create_task(self.cluster.run())
        await until_set(self._connected)
        self.heard.clear()

    async def until_heard(self, *events: Event) -> None:
        """Wait until each of these was heard."""
        async with asyncio.timeout(10):
            while not set(events) <= set(self.heard):
                self._news.clear()
                await self._news.wait()

    async def stop(self) -> None:
        """As a process that ends does."""
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        self.heard.append(event)
        self._news.set()
        if isinstance(event, EngineChanged):
            self._connected.set()


async def first_leading(*these: Process) -> None:
    """Wait until one of them leads, whichever was quicker."""
    waiting = [asyncio.ensure_future(process.cluster.leading.wait()) for process in these]
    done, pending = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    for late in pending:
        late.cancel()
    assert done


@asynccontextmanager
async def processes(settings: Settings, *names: str, **more: Any) -> AsyncIterator[list[Process]]:
    """Processes that hear each other."""
    made = [Process(settings, name, **more) for name in names]
    try:
        for process in made:
            await process.start()
        yield made
    finally:
        for process in made:
            await process.stop()


def test_on_sqlite_this_process_leads_and_there_is_nobody_to_tell(tmp_path: Any) -> None:
    settings = Settings(data_dir=tmp_path)
    bus = Bus()
    cluster = Cluster(settings, "one", bus)
    assert cluster.leading.is_set()
    assert bus._handlers == []


@pytest.mark.postgres
async def test_every_kind_of_event_reaches_the_others_once_and_nobody_twice(settings: Settings) -> None:
    async with processes(settings, "one", "two", "three") as (one, *others):
        for event in ALL:
            one.bus.publish(event)
        for other in others:
            await other.until_heard(*ALL)
            assert other.heard.count(JobChanged(7)) == 1
        assert one.heard.count(JobChanged(7)) == 1, "its own, not told back"


@pytest.mark.postgres
async def test_many_events_at_once_are_told_in_a_few_messages(settings: Settings) -> None:
    many = 10 * EVENTS_A_MESSAGE
    async with processes(settings, "one", "two") as (one, two):
        for job_id in chain(range(many), range(many)):
            one.bus.publish(JobChanged(job_id))
        await two.until_heard(*[JobChanged(job_id) for job_id in range(many)])
        told = [event for event in two.heard if isinstance(event, JobChanged)]
        assert len(told) == many, "what happened twice meanwhile is told once"


@pytest.mark.postgres
async def test_one_leads_and_another_takes_over_when_it_ends(settings: Settings) -> None:
    async with processes(settings, "one") as (one,):
        await until_set(one.cluster.leading)
        async with processes(settings, "two") as (two,):
            assert not two.cluster.leading.is_set()
            await one.stop()
            await until_set(two.cluster.leading)


@pytest.mark.postgres
async def test_a_worker_never_leads(settings: Settings) -> None:
    async with processes(settings, "worker", may_lead=False) as (worker,), processes(settings, "engine") as (engine,):
        await until_set(engine.cluster.leading)
        assert not worker.cluster.leading.is_set()


@pytest.mark.postgres
async def test_a_broken_line_is_replaced_and_what_happens_meanwhile_is_told_then(
    settings: Settings, postgres: Any
) -> None:
    async with processes(settings, "one", "two") as (one, two):
        await first_leading(one, two)
        for each in (one, two):
            each.heard.clear()
        name = settings.database.rpartition("/")[2]
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        for each in (one, two):  # each has a line of its own, and what is told while one is broken is lost
            await each.until_heard(EngineChanged())
        one.bus.publish(JobChanged(1))
        await two.until_heard(JobChanged(1))
        await first_leading(one, two)
        assert [process.cluster.leading.is_set() for process in (one, two)].count(True) == 1
