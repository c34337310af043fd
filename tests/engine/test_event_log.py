"""Following events: what listeners come and go in the middle of changes nothing of what they are told."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from engine import event_log
from engine.event_log import EventLog
from engine.events import Bus
from models.job_event import START, Happened, Position, events_after
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0)


async def told(log: EventLog, after: Position, many: int) -> list[int]:
    """The jobs of the next events."""
    jobs: list[int] = []
    following: Any = log.follow(after, quiet_seconds=1)
    async with asyncio.timeout(10), aclosing(following) as batches:
        async for batch in batches:
            jobs += [event.job_id for event in batch]
            if len(jobs) >= many:
                return jobs
    return jobs


async def test_a_read_that_its_last_listener_did_not_await_is_nobodys_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [int((await stored_job()).id) for _ in range(3)]
    reading, go_on, is_slow = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(position: Position, limit: int) -> list[Happened]:
        found = await events_after(position, limit)
        if found and is_slow.is_set() and asyncio.current_task() is running:
            reading.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(event_log, "events_after", slow)
    bus = Bus()
    log = EventLog(bus)
    running = asyncio.create_task(log.run())
    before = await log.newest()
    listener = asyncio.create_task(told(log, before, 100))
    await until(lambda: log.is_followed)
    later = [int((await stored_job()).id)]
    await until(lambda: log.remembered == 1)
    is_slow.set()
    later += [int((await stored_job()).id) for _ in range(2)]
    async with asyncio.timeout(10):
        await reading.wait()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    is_slow.clear()
    go_on.set()
    for _ in range(10):  # turns in which the read goes on
        await asyncio.sleep(0)
    assert await told(log, before, 3) == later
    assert await told(log, START, 6) == first + later
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
