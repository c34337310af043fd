"""Starting and stopping: nothing is left half done, whenever it is stopped."""

import asyncio
from typing import Any

import pytest

from engine.engine import Atlas
from engine.jobs import Registry
from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.channel import Channel
from models.job import Job
from models.states import Status
from tests.plugin.job_runner_test_jobs import TestNoop
from tests.support.engine import changed, opened, running, scripted, stored_job, submitted, until_set, until_status


async def test_stopping_lets_a_job_finish_that_needs_no_longer_than_the_drain(settings: Settings) -> None:
    go_on = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        await go_on.wait()
        return {"message": "Just in time"}

    async with opened(settings):
        atlas = Atlas(changed(settings, drain_seconds=10), Registry([scripted(work)]))
        await atlas.start()
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        stopping = asyncio.create_task(atlas.stop())
        go_on.set()
        await stopping
        assert (await atlas.queries.job(job_id)).result == {"message": "Just in time"}


async def test_stopping_puts_back_what_takes_longer_and_takes_no_attempt_for_it(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
    async with opened(settings):
        job = await Job.get(id=job_id)
        assert (job.status, job.attempt, job.max_attempts, job.lease_expires_at) == (Status.QUEUED, 1, 6, None)
        (attempt,) = await atlas.queries.attempts(job_id)
        assert (attempt.outcome, attempt.error) == ("released", "The engine was shut down; the work was put back")


async def test_stopping_in_the_middle_of_an_effect_leaves_the_outcome_unknown(settings: Settings) -> None:
    begun = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            begun.set()
            await asyncio.Event().wait()
            return {}

        return await context.effect("world", {"id": 1}, speak)

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
    async with opened(settings):
        job = await Job.get(id=job_id)
        assert (job.status, job.outcome) == (Status.FAILED, "unknown")
        assert job.error == "The engine was stopped while the world was being spoken to"
    async with running(settings, scripted(work)) as atlas:
        assert await Job.exists(id=job_id, status=Status.FAILED, attempt=1), "nor does the next start repeat it"


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
async def test_no_job_is_left_running_at_whatever_moment_it_stops(settings: Settings, turns: int) -> None:
    """Before, in the middle of and after a claim: nobody would touch such a job until its lease ends."""
    async with opened(settings):
        for _ in range(5):
            await stored_job(type="TEST_NOOP")
        atlas = Atlas(changed(settings, poll_seconds=3600), Registry([TestNoop()]))
        await atlas.start()
        for _ in range(turns):
            await asyncio.sleep(0)  # one turn of the loop
        await atlas.stop()
        assert not await Job.exists(status=Status.RUNNING)
        assert not await Attempt.exists(outcome=None)


async def test_what_a_look_claims_while_the_engine_stops_is_put_back_though_nothing_may_finish(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, go_on = asyncio.Event(), asyncio.Event()
    async with opened(settings):
        await stored_job(type="TEST_NOOP")
        atlas = Atlas(changed(settings, drain_seconds=0), Registry([TestNoop()]))
        real = atlas._dispatcher._claim

        async def slow(writer: Any) -> Any:
            jobs = await real(writer)
            claimed.set()
            await go_on.wait()
            return jobs

        monkeypatch.setattr(atlas._dispatcher, "_claim", slow)
        await atlas.start()
        await until_set(claimed)
        stopping = asyncio.create_task(atlas.stop())
        await asyncio.wait({stopping}, timeout=0.3)
        go_on.set()
        await stopping
        assert not await Job.exists(status=Status.RUNNING)
        assert not await Attempt.exists(outcome=None)


async def test_a_new_database_has_the_feed_and_one_that_was_removed_stays_removed(settings: Settings) -> None:
    async with running(settings) as atlas:
        (feed,) = await atlas.queries.channels()
        assert (feed.name, feed.kind, feed.fault) == ("feed", "feed", None)
        await atlas.administration.remove_channel(feed.id)
    async with running(settings) as atlas:
        assert await Channel.all().count() == 0
