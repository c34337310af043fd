"""The heartbeat: others see that the engine lives, and its leases do not run out while it does."""

import asyncio
import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine import clock, heartbeat
from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.engine_record import EngineRecord
from models.job import Job
from models.states import AttemptOutcome, Status
from tests.support.engine import changed, held, opened, running, scripted, submitted, until, until_set, until_status
from tests.support.other_program import OtherProgram


async def for_ever(context: Context) -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def lease_of(job_id: int) -> datetime:
    expires = (await Job.get(id=job_id)).lease_expires_at
    assert expires
    return expires


async def test_an_engine_is_online_from_its_start_to_its_stop(settings: Settings) -> None:
    async with running(settings) as atlas:
        state = await atlas.queries.engine()
        assert (state.online, state.concurrency, state.poll_seconds) == (True, 10, 0.05)
        assert [engine.pid for engine in await atlas.queries.engines()] == [os.getpid()]
    async with opened(settings):
        state = await atlas.queries.engine()
        assert (state.online, state.concurrency) == (False, 0)
        assert state.last_beat_at
        assert await atlas.queries.engines() == []


@pytest.mark.parametrize(("silence", "online"), [(9, True), (11, False)])
async def test_an_engine_that_is_silent_for_ten_seconds_is_offline(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, silence: float, online: bool
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 1000)
    async with running(settings) as atlas:
        now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: now)
        await EngineRecord.all().update(last_beat_at=now - timedelta(seconds=silence))
        assert (await atlas.queries.engine()).online is online
        assert [engine.online for engine in await atlas.queries.engines()] == [online]


async def test_a_job_that_takes_longer_than_its_lease_keeps_it(settings: Settings) -> None:
    async with running(changed(settings, lease_seconds=1), scripted(for_ever)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        first = await lease_of(job_id)

        async def outlived() -> bool:
            return clock.now() > first + timedelta(seconds=0.6) and await lease_of(job_id) > first

        await until(atlas, outlived)
        assert [attempt.outcome for attempt in await atlas.queries.attempts(job_id)] == [None]
        assert (await EngineRecord.get(id=atlas.id)).running == 1


async def test_a_job_that_was_taken_over_elsewhere_is_stopped_here(settings: Settings) -> None:
    stopped = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    async with running(changed(settings, lease_seconds=1), scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        later = clock.now() + timedelta(hours=1)
        await Job.filter(id=job_id).update(engine_id="another", lease_token="another", lease_expires_at=later)
        async with asyncio.timeout(10):
            await stopped.wait()
        assert (await Job.get(id=job_id)).engine_id == "another"


async def test_an_attempt_that_lost_its_job_to_a_later_one_here_leaves_that_one_alone(settings: Settings) -> None:
    """The engine was suspended, its own rescuer put the job back, and it claims it again while the first still runs."""
    tries = 0
    second_may_end = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        await (asyncio.Event() if tries == 1 else second_may_end).wait()
        return {"message": "By the second"}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        await Job.filter(id=job_id).update(status=Status.QUEUED, lease_token=None, lease_expires_at=None)

        async def the_first_is_lost() -> bool:
            return [a.outcome for a in await atlas.queries.attempts(job_id)] == ["lost", None]

        await until(atlas, the_first_is_lost)
        second_may_end.set()
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert (job.result, job.attempt) == ({"message": "By the second"}, 2)


async def test_a_beat_that_fails_is_told_with_its_reason_and_followed_by_the_next(
    settings: Settings, other_program: OtherProgram, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(changed(settings, lease_seconds=1)) as atlas:
        await other_program.run("ALTER TABLE engine RENAME TO engine_hidden")

        async def told() -> bool:
            return "the heartbeat cannot go on" in caplog.text

        await until(atlas, told)
        await other_program.run("ALTER TABLE engine_hidden RENAME TO engine")
        failed = clock.now()
        state = await atlas.queries.engine()
        assert (state.online, state.fault) == (
            False,
            f"an unexpected OperationalError: {other_program.no_table('engine')}",
        )

        async def beats_again() -> bool:
            return (await EngineRecord.get(id=atlas.id)).last_beat_at > failed

        await until(atlas, beats_again)

        async def online_again() -> bool:
            return (await atlas.queries.engine()).online

        await until(atlas, online_again)
        assert (await atlas.queries.engine()).fault is None


async def test_what_is_being_said_to_the_world_is_broken_off_when_its_lease_runs_out(
    settings: Settings, other_program: OtherProgram
) -> None:
    """By then another engine may have rescued the job, and a person may have been asked."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", {"id": 1}, speak)

    async with running(changed(settings, lease_seconds=1), scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        expires = await lease_of(job_id)
        async with other_program.keeping_it_locked():
            await until_set(ended)
            assert clock.now() >= expires
        job = await until_status(atlas, job_id, Status.FAILED)
        assert (job.outcome, job.attempt) == ("unknown", 1)
        assert (await Attempt.get(job_id=job_id)).outcome is AttemptOutcome.UNKNOWN


async def test_what_is_begun_right_after_an_outage_has_a_lease_of_its_own(
    settings: Settings, other_program: OtherProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No beat has renewed anything yet when the ledger lets it begin."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 1000)
    ready, go_on = asyncio.Event(), asyncio.Event()

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.3)  # several looks for leases that ran out
        return {}

    async def work(context: Context) -> dict[str, Any]:
        ready.set()
        await go_on.wait()
        return await context.effect("world", {"id": 1}, speak)

    monkeypatch.setattr(heartbeat, "beat_seconds", lambda _: 1000)
    async with running(changed(settings, lease_seconds=3), scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(ready)
        first = await lease_of(job_id)

        async def over() -> bool:
            return clock.now() > first

        await until(atlas, over, "the lease has run out")
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)


async def test_while_its_lease_is_renewed_it_may_speak_for_longer_than_a_lease(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", {"id": 1}, held(begun, go_on))

    async with running(changed(settings, lease_seconds=4), scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        first = await lease_of(job_id)

        async def outlived() -> bool:
            return clock.now() > first + timedelta(seconds=0.5)

        await until(atlas, outlived, "the first lease is over")
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)
