"""What happens is told as it happens, in batches that a page can bear, and read only while anybody watches."""

import asyncio
from typing import Any

import pytest

from engine import activity, clock
from engine.activity import Batch, Item
from engine.engine import Atlas
from engine.events import JobLogged
from engine.jobs.base import Context
from engine.settings import Settings
from models.agent import Agent
from models.attempt import LogLine
from models.job import Job
from models.states import Status
from tests.support.engine import SECONDS, running, scripted, submitted, until, until_status


class Watching:
    """Somebody who watches; `told` is everything that came, the oldest first."""

    def __init__(self, atlas: Atlas) -> None:
        self.batches: list[Batch] = []
        self._came = asyncio.Event()
        self.end = atlas.activity.follow(self._on_batch)

    @property
    def told(self) -> list[Item]:
        return [item for batch in self.batches for item in batch.items]

    async def until(self, what: str, many: int = 1) -> None:
        async with asyncio.timeout(SECONDS):
            while sum(what in (item.what, item.text) for item in self.told) < many:
                await self._came.wait()
                self._came.clear()

    def _on_batch(self, batch: Batch) -> None:
        self.batches.append(batch)
        self._came.set()


async def logs(context: Context) -> dict[str, Any]:
    await context.log("Half of it")
    return {}


async def followed(atlas: Atlas) -> Watching:
    """Somebody who watches, once they are told of what happens."""
    watching = Watching(atlas)
    await until(atlas, lambda: is_followed(atlas, True), "somebody is told")
    return watching


async def is_followed(atlas: Atlas, expected: bool) -> bool:
    return atlas.events.is_followed is expected


async def test_moves_and_lines_are_told_in_the_order_in_which_they_happened(settings: Settings) -> None:
    async with running(settings, scripted(logs, agent="Tester")) as atlas:
        watching = await followed(atlas)
        job_id = await submitted(atlas, name="A mail")
        await watching.until("job.completed")
        await watching.until("Half of it")
        told = sorted(watching.told, key=lambda item: item.at)
        assert [item.what for item in told] == ["job.created", "job.started", "line", "job.completed"]
        assert {(item.job_id, item.job, item.type, item.agent) for item in told} == {
            (job_id, "A mail", "SCRIPTED", "tester")
        }
        watching.end()


async def test_what_an_outside_agent_does_is_told_as_its_own(settings: Settings) -> None:
    async with running(settings, scripted(logs, agent="Tester")) as atlas:
        watching, now = await followed(atlas), clock.now()
        await Agent.create(id=7, name="x", token_id=0, types=["T"], concurrency=1, registered_at=now, last_seen_at=now)
        job = await Job.create(
            type="T",
            category="task",
            name="Text",
            payload={},
            created_by="test",
            created_at=now,
            max_attempts=5,
            status=Status.RUNNING,
            attempt=1,
            engine_id="agent-7",
        )
        await LogLine.create(job_id=job.id, attempt=1, at=now, text="Looking words up")
        atlas.bus.publish(JobLogged(job.id, 1, ""))
        await watching.until("Looking words up")
        assert {item.agent for item in watching.told if item.is_line} == {"agent-7"}
        watching.end()


async def test_of_very_much_at_once_the_newest_is_told_and_how_much_was_left_out(settings: Settings) -> None:
    async with running(settings, scripted(logs)) as atlas:
        watching, now = await followed(atlas), clock.now()
        job = await Job.create(
            type="T", category="task", name="Text", payload={}, created_by="t", created_at=now, max_attempts=5
        )
        await watching.until("job.created")
        rows = [LogLine(job_id=job.id, attempt=1, at=now, text=f"Line {number}") for number in range(400)]
        await LogLine.bulk_create(rows)
        atlas.bus.publish(JobLogged(job.id, 1, ""))
        await watching.until("Line 399")
        last = watching.batches[-1]
        assert [item.text for item in last.items] == [f"Line {number}" for number in range(375, 400)]
        assert last.left_out == 375
        watching.end()


async def test_fifty_events_a_second_come_in_at_most_four_batches(settings: Settings) -> None:
    async with running(settings, scripted(logs)) as atlas:
        watching, now = await followed(atlas), clock.now()
        began = asyncio.get_running_loop().time()
        for number in range(25):
            await LogLine.create(job_id=1, attempt=1, at=now, text=f"Line {number}")
            atlas.bus.publish(JobLogged(1, 1, ""))
        await submitted(atlas)
        await watching.until("job.completed")
        seconds = asyncio.get_running_loop().time() - began
        assert len(watching.batches) <= seconds / activity.COLLECT_SECONDS + 1
        watching.end()


async def test_when_nobody_watches_nothing_is_read(settings: Settings) -> None:
    async with running(settings, scripted(logs)) as atlas:
        watching = await followed(atlas)
        watching.end()
        watching.end()  # a page may end it twice
        await until(atlas, lambda: is_followed(atlas, False), "nobody is told")
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        assert not watching.batches
        again = await followed(atlas)
        await submitted(atlas)
        await again.until("job.completed")
        await again.until("line")
        assert sorted(item.what for item in again.told) == ["job.completed", "job.created", "job.started", "line"]
        again.end()


async def test_whoever_comes_later_reads_what_happened_lately(settings: Settings) -> None:
    async with running(settings, scripted(logs, agent="Tester")) as atlas:
        ids = [await submitted(atlas) for _ in range(3)]
        for job_id in ids:
            await until_status(atlas, job_id, Status.COMPLETED)
        everything = await atlas.activity.recent(lambda _: True, 100)
        assert len(everything) == 12
        assert everything == sorted(everything, key=lambda item: item.at)
        lines = await atlas.activity.recent(lambda item: item.is_line, 2)
        assert [(item.what, item.text) for item in lines] == [("line", "Half of it")] * 2
        assert await atlas.activity.recent(lambda item: item.agent == "mailer", 10) == []


@pytest.mark.parametrize(
    ("what", "is_failure"),
    [("job.failed", True), ("job.outcome_unknown", True), ("job.queued", False), ("line", False)],
)
def test_a_failure_is_told_from_everything_else(what: str, is_failure: bool) -> None:
    assert Item(1, clock.now(), what, 1, "A job", "", "T", "tester").is_failure is is_failure
