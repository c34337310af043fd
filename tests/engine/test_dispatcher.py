"""Looking for due jobs: a backlog drains at full speed, and no failing look ends the looking."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock, executor
from engine.actors import local
from engine.jobs.base import Context
from engine.settings import Settings
from models.job import Job
from models.states import Approval, Priority, Status
from models.type_policy import TypePolicy
from tests.plugin.job_runner_test_jobs import TestNoop, TestRender
from tests.support.engine import SECONDS, changed, opened, running, scripted, stored_job, submitted, until, until_status
from tests.support.other_program import LOCKED, OtherProgram

pytestmark = pytest.mark.each


async def done(context: Context) -> dict[str, Any]:
    return {}


def rarely_looking(settings: Settings, **more: Any) -> Settings:
    """So rarely that a test sees the first look only."""
    return changed(settings, poll_seconds=3600, **more)


async def test_a_backlog_drains_without_waiting_for_another_look(settings: Settings) -> None:
    async with opened(settings):
        for _ in range(100):
            await stored_job(type="TEST_NOOP")
    async with running(rarely_looking(settings, concurrency=5), TestNoop()) as atlas:

        async def all_done() -> bool:
            return await Job.filter(status=Status.COMPLETED).count() == 100

        await until(atlas, all_done)
        assert await Job.filter(attempt=1).count() == 100, "each of them once"


async def test_every_slot_that_is_freed_takes_a_job_however_many_are_freed_at_once(settings: Settings) -> None:
    """Slots may be freed while a look is under way; none may stay empty until the next one."""
    async with opened(settings):
        for _ in range(5):
            await stored_job(type="TEST_NOOP")
        for _ in range(5):
            await stored_job(type="SCRIPTED")
    at_work = 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal at_work
        at_work += 1
        await asyncio.Event().wait()
        return {}

    async with running(rarely_looking(settings, concurrency=5), TestNoop(), scripted(work)) as atlas:

        async def all_slots_taken() -> bool:
            return at_work == 5

        await until(atlas, all_slots_taken)


async def test_no_more_jobs_run_at_once_than_there_are_slots(settings: Settings) -> None:
    at_work = most = done = 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal at_work, most, done
        at_work += 1
        most = max(most, at_work)
        for _ in range(20):
            await context.checkpoint()
        at_work -= 1
        done += 1
        return {}

    async with opened(settings):
        for _ in range(30):
            await stored_job()
    async with running(rarely_looking(settings, concurrency=3), scripted(work)) as atlas:

        async def all_done() -> bool:
            return done == 30

        await until(atlas, all_done)
        assert most == 3


async def test_a_job_that_is_not_due_yet_or_waits_for_approval_is_left_alone(settings: Settings) -> None:
    async with running(settings, TestNoop()) as atlas:
        later = await submitted(atlas, "TEST_NOOP", run_at=clock.now() + timedelta(hours=1))
        pending = await submitted(atlas, "TEST_NOOP", requires_approval=True)
        await until_status(atlas, await submitted(atlas, "TEST_NOOP", priority="low"), Status.COMPLETED)
        assert [(await atlas.queries.job(job_id)).attempt for job_id in (later, pending)] == [0, 0]
        await atlas.reviews.approve(local(), pending)
        await until_status(atlas, pending, Status.COMPLETED)
        assert (await atlas.queries.job(pending)).approval == Approval.APPROVED


async def test_a_look_that_fails_is_told_with_its_reason_and_followed_by_the_next(
    settings: Settings, other_program: OtherProgram, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings, TestNoop()) as atlas:
        job_id = await submitted(atlas, "TEST_NOOP", run_at=clock.now() + timedelta(seconds=0.1))
        await other_program.run("ALTER TABLE job RENAME TO job_hidden")  # every look fails from here on

        async def told() -> bool:
            return "claiming cannot go on" in caplog.text

        await until(atlas, told)
        state = await atlas.queries.engine()
        await other_program.run("ALTER TABLE job_hidden RENAME TO job")
        assert (state.online, state.fault) == (
            False,
            f"an unexpected OperationalError: {other_program.no_table('job')}",
        )
        await until_status(atlas, job_id, Status.COMPLETED)

        async def well() -> bool:
            state = await atlas.queries.engine()
            return (state.online, state.fault) == (True, None)

        await until(atlas, well)  # every duty has looked again


async def test_a_database_that_somebody_keeps_locked_is_told_and_the_engine_goes_on_by_itself(
    impatient: None, settings: Settings, other_program: OtherProgram
) -> None:
    async with running(settings, TestNoop()) as atlas:
        job_id = await submitted(atlas, "TEST_NOOP", run_at=clock.now() + timedelta(seconds=0.1))
        async with other_program.keeping_it_locked():

            async def told() -> bool:
                return (await atlas.queries.engine()).fault is not None

            await until(atlas, told)
            state = await atlas.queries.engine()
            assert (state.online, state.fault) == (False, LOCKED[other_program.kind])
        await until_status(atlas, job_id, Status.COMPLETED)

        async def well() -> bool:  # every duty that could not go on has tried again by itself
            return (await atlas.queries.engine()).online

        await until(atlas, well)


async def test_a_job_whose_type_is_not_installed_stays_in_the_queue(settings: Settings) -> None:
    async with opened(settings):
        removed = await stored_job(type="REMOVED", priority=Priority.HIGH)
    async with running(settings, TestNoop()) as atlas:
        await until_status(atlas, await submitted(atlas, "TEST_NOOP"), Status.COMPLETED)
        job = await atlas.queries.job(removed.id)
        assert (job.status, job.attempt) == (Status.QUEUED, 0)
    async with running(settings, TestNoop(), scripted(done, key="REMOVED")) as atlas:
        await until_status(atlas, removed.id, Status.COMPLETED)


async def test_a_type_with_a_limit_takes_its_next_job_as_soon_as_one_ends(settings: Settings) -> None:
    """Without waiting for another look, though slots are free all the time."""
    at_work = most = 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(20):
            await context.checkpoint()
        at_work -= 1
        return {}

    async with opened(settings):
        await TypePolicy.create(type="SCRIPTED", concurrency=2)
        for _ in range(10):
            await stored_job()
    async with running(rarely_looking(settings, concurrency=5), scripted(work)) as atlas:

        async def all_done() -> bool:
            return await Job.filter(status=Status.COMPLETED).count() == 10

        await until(atlas, all_done)
        assert most == 2


async def test_a_database_that_somebody_holds_locked_for_a_while_is_waited_for(
    settings: Settings, other_program: OtherProgram
) -> None:
    async with running(settings, TestNoop()) as atlas:
        job_id = await submitted(atlas, "TEST_NOOP", run_at=clock.now() + timedelta(seconds=0.1))
        async with other_program.keeping_it_locked():
            await asyncio.get_running_loop().run_in_executor(None, other_work)
        await until_status(atlas, job_id, Status.COMPLETED)


def other_work() -> None:
    """What the one who holds the lock does meanwhile: long enough for several looks to run into it."""
    sum(n * n for n in range(5_000_000))


async def test_work_that_runs_when_the_engine_stops_is_put_back_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "RELEASE_SECONDS", SECONDS)  # a busy database takes its time to note it
    async with running(settings, TestRender()) as atlas:
        job_id = await submitted(atlas, "TEST_RENDER", {"hold": str(settings.data_dir / "never")})
        await until_status(atlas, job_id, Status.RUNNING)
    async with opened(settings):
        assert (await Job.get(id=job_id)).status is Status.QUEUED


async def test_a_clock_that_is_set_back_delays_nothing_but_by_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings, scripted(done)) as atlas:
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) - timedelta(hours=1))
        later = clock.now() + timedelta(milliseconds=300)
        await until_status(atlas, await submitted(atlas, run_at=later), Status.COMPLETED)
