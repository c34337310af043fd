"""Workers: what engines send is executed there, once, under the same fences."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from engine import clock, executor
from engine.engine import Atlas
from engine.errors import SettingsError
from engine.jobs import AnyJobType, Registry
from engine.jobs.base import Context
from engine.settings import Settings
from engine.worker import Worker, chosen_types
from models.attempt import Attempt
from models.claim import Claimed
from models.database import connection, transaction
from models.effect import Effect
from models.ending import Lease
from models.engine_record import EngineRecord
from models.job import Job
from models.message import MAX_QUEUE, queue_of, send, take_up
from models.states import Category, Move, Phase, ProcessRole, Status
from tests.support.engine import (
    SECONDS,
    changed,
    held,
    opened,
    running,
    scripted,
    stored_job,
    submitted,
    until,
    until_set,
    until_status,
)

pytestmark = pytest.mark.postgres


async def nothing(_: Context) -> dict[str, Any]:
    return {}


@asynccontextmanager
async def working(settings: Settings, *types: AnyJobType, only: Sequence[str] = ()) -> AsyncIterator[Worker]:
    """A worker, online, beside whatever else is in this process."""
    worker = Worker(settings, Registry(types), only)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def messages() -> int:
    rows = await connection().execute_query_dict("SELECT COUNT(*) AS n FROM procrastinate_jobs")
    return int(rows[0]["n"])


async def engine_of(job_id: int) -> str | None:
    return (await Job.get(id=job_id)).engine_id


async def two_more_looks(atlas: Atlas) -> None:
    looks = asyncio.Semaphore(0)
    real = atlas._dispatcher._claim

    async def counted(writer: Any) -> Any:
        looks.release()
        return await real(writer)

    atlas._dispatcher._claim = counted  # type: ignore[method-assign]
    for _ in range(2):
        await looks.acquire()
    atlas._dispatcher._claim = real  # type: ignore[method-assign]


async def test_a_job_is_executed_by_the_worker_and_its_message_is_gone(settings: Settings) -> None:
    job_type = scripted(nothing)
    async with running(settings, job_type) as atlas, working(settings, job_type) as worker:
        await two_more_looks(atlas)  # of which the second knows the worker
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await engine_of(job_id) == worker.id
        assert [attempt.engine for attempt in await atlas.queries.attempts(job_id)] == [worker.id]

        async def delivered() -> bool:
            return await messages() == 0

        await until(atlas, delivered)


async def test_without_a_worker_the_engine_executes_jobs_itself(settings: Settings) -> None:
    job_type, settings = scripted(nothing), changed(settings, lease_seconds=1.0)  # a look may have seen it just yet
    async with running(settings, job_type) as atlas:
        async with working(settings, job_type):
            pass
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await engine_of(job_id) == atlas.id


async def test_a_worker_for_some_types_leaves_the_others_to_the_engine(settings: Settings) -> None:
    mail, video = scripted(nothing, key="MAIL"), scripted(nothing, key="FILM", category=Category.VIDEO)
    async with running(settings, mail, video) as atlas, working(settings, mail, video, only=["video"]) as worker:
        await two_more_looks(atlas)  # of which the second knows the worker
        jobs = [await submitted(atlas, key) for key in ("MAIL", "FILM")]
        for job_id in jobs:
            await until_status(atlas, job_id, Status.COMPLETED)
        assert [await engine_of(job_id) for job_id in jobs] == [atlas.id, worker.id]


async def test_no_more_jobs_are_sent_than_the_worker_has_places(settings: Settings) -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def wait(_: Context) -> dict[str, Any]:
        begun.release()
        await go_on.wait()
        return {}

    job_type = scripted(wait)
    async with running(settings, job_type) as atlas, working(changed(settings, concurrency=2), job_type):
        await two_more_looks(atlas)  # of which the second knows the worker
        jobs = [await submitted(atlas) for _ in range(5)]
        for _ in range(2):
            await begun.acquire()
        await two_more_looks(atlas)
        assert await Job.filter(status=Status.RUNNING).count() == 2
        go_on.set()
        for job_id in jobs:
            await until_status(atlas, job_id, Status.COMPLETED)


@pytest.mark.parametrize("move", [Move.CANCEL, Move.PAUSE])
async def test_cancel_and_pause_reach_a_job_on_a_worker(settings: Settings, move: Move) -> None:
    begun = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        begun.set()
        while True:
            await context.progress(1)

    job_type = scripted(work)
    async with running(settings, job_type) as atlas, working(settings, job_type):
        job_id = await submitted(atlas)
        await until_set(begun)
        await (atlas.commands.cancel if move is Move.CANCEL else atlas.commands.pause)(job_id)
        await until_status(atlas, job_id, Status.CANCELLED if move is Move.CANCEL else Status.PAUSED)


async def test_progress_and_log_of_a_worker_are_heard_by_the_engine(settings: Settings) -> None:
    heard: list[str] = []

    async def work(context: Context) -> dict[str, Any]:
        await context.progress(50)
        await context.log("halfway")
        return {}

    job_type = scripted(work)
    async with running(settings, job_type) as atlas, working(settings, job_type):
        atlas.bus.subscribe(lambda event: heard.append(type(event).__name__))
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)

        async def everything_heard() -> bool:
            return {"JobProgressed", "JobLogged", "AttemptEnded"} <= set(heard)

        await until(atlas, everything_heard)


async def test_the_page_is_told_how_many_engines_and_workers_are_online(settings: Settings) -> None:
    job_type = scripted(nothing)
    async with running(settings, job_type) as atlas:
        assert ((await atlas.queries.engine()).engines, (await atlas.queries.engine()).workers) == (1, 0)
        async with working(changed(settings, concurrency=7), job_type):
            state = await atlas.queries.engine()
            assert (state.online, state.engines, state.workers, state.concurrency) == (True, 1, 1, 7)
            roles = {(view.role, tuple(view.types or ())) for view in await atlas.queries.engines()}
            assert roles == {(ProcessRole.ENGINE, ()), (ProcessRole.WORKER, ("SCRIPTED",))}
        assert (await atlas.queries.engine()).workers == 0


async def test_a_worker_that_is_stopping_is_sent_nothing_more(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first_waits(context: Context) -> dict[str, Any]:
        if not begun.is_set():
            begun.set()
            await go_on.wait()
        return {}

    job_type = scripted(first_waits)
    async with running(settings, job_type) as atlas:
        async with working(changed(settings, drain_seconds=60), job_type) as worker:
            await two_more_looks(atlas)  # of which the second knows the worker
            first = await submitted(atlas)
            await until_set(begun)
            stopping = asyncio.create_task(worker.stop())

            async def offers_nothing() -> bool:
                return (await EngineRecord.get(id=worker.id)).types == []

            await until(atlas, offers_nothing)
            second = await submitted(atlas)
            await until_status(atlas, second, Status.COMPLETED)
            assert (await atlas.queries.job(first)).status is Status.RUNNING
            go_on.set()
            await stopping
        await until_status(atlas, first, Status.COMPLETED)
        assert len(await atlas.queries.attempts(first)) == len(await atlas.queries.attempts(second)) == 1


async def test_work_of_a_worker_that_stops_is_put_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "RELEASE_SECONDS", SECONDS)  # a busy database takes its time to note it
    begun = asyncio.Event()

    async def first_waits(context: Context) -> dict[str, Any]:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return {}

    job_type = scripted(first_waits)
    async with running(settings, job_type) as atlas:
        async with working(settings, job_type):
            await two_more_looks(atlas)  # of which the second knows the worker
            job_id = await submitted(atlas)
            await until_set(begun)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert [attempt.outcome for attempt in await atlas.queries.attempts(job_id)] == ["released", "succeeded"]


async def test_an_effect_on_a_worker_is_stored_as_on_an_engine(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("ada", {"id": 1}, held(begun, go_on))

    job_type = scripted(work)
    async with running(settings, job_type) as atlas, working(settings, job_type):
        job_id = await submitted(atlas, payload={"where": ["ada"]})
        await until_set(begun)
        assert (await Effect.get(job_id=job_id)).phase is Phase.SENDING
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)
        assert (await Effect.get(job_id=job_id)).phase is Phase.DONE


# -- messages ------------------------------------------------------------------------------------------------


async def sent(**columns: Any) -> Claimed:
    """An attempt that is on its way."""
    lease = {"attempt": 1, "lease_token": "t", "lease_expires_at": clock.now() + timedelta(minutes=1)}
    job = await stored_job(**{"status": Status.RUNNING, **lease, **columns})
    await Attempt.create(job_id=job.id, number=1, lease_token="t", engine_id="", started_at=clock.now())
    claimed = Claimed(job.id, job.type, {}, 1, 5, "t")
    async with transaction() as writer:
        await send(writer, [claimed])
    return claimed


async def test_a_message_that_comes_twice_is_executed_once(settings: Settings) -> None:
    times = 0

    async def counted(_: Context) -> dict[str, Any]:
        nonlocal times
        times += 1
        return {}

    job_type = scripted(counted)
    async with opened(settings):
        claimed = await sent()
        async with transaction() as writer:
            await send(writer, [claimed])
    async with running(settings, job_type) as atlas, working(settings, job_type):
        await until_status(atlas, claimed.id, Status.COMPLETED)

        async def delivered() -> bool:
            return await messages() == 0

        await until(atlas, delivered)
        assert times == 1
        assert [attempt.outcome for attempt in await atlas.queries.attempts(claimed.id)] == ["succeeded"]


async def test_a_claim_that_is_rolled_back_sends_nothing(settings: Settings) -> None:
    async with opened(settings):
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with transaction() as writer:
                await send(writer, [Claimed(1, "SCRIPTED", {}, 1, 5, "t")])
                raise ZeroDivisionError
        assert await messages() == 0


async def test_a_job_cancelled_on_its_way_is_not_executed_and_says_so(settings: Settings) -> None:
    job_type = scripted(nothing)
    async with opened(settings):
        claimed = await sent(status=Status.CANCELLED)
    async with running(settings, job_type) as atlas, working(settings, job_type):

        async def told() -> bool:
            return [attempt.outcome for attempt in await atlas.queries.attempts(claimed.id)] == ["cancelled"]

        await until(atlas, told)
        assert (await atlas.queries.job(claimed.id)).error == "Cancelled while running. Nothing had gone out."


async def test_a_job_paused_on_its_way_pauses_before_it_does_anything(settings: Settings) -> None:
    done: list[str] = []

    async def work(context: Context) -> dict[str, Any]:
        await context.checkpoint()
        done.append("worked")
        return {}

    job_type = scripted(work)
    async with opened(settings):
        claimed = await sent(pause_requested=True)
    async with running(settings, job_type) as atlas, working(settings, job_type):
        await until_status(atlas, claimed.id, Status.PAUSED)
        assert done == []


async def test_what_no_worker_takes_up_in_time_goes_back_and_counts_no_death(settings: Settings) -> None:
    job_type = scripted(nothing)
    async with opened(settings):
        claimed = await sent(lease_expires_at=clock.now() - timedelta(seconds=1), deaths=2)
    async with running(changed(settings, lease_seconds=1), job_type) as atlas:
        job = await until_status(atlas, claimed.id, Status.COMPLETED)
        assert (job.attempt, job.max_attempts) == (2, 6)
        first, _ = await atlas.queries.attempts(claimed.id)
        assert (first.outcome, first.error) == ("released", "No worker took it up in time")


@pytest.mark.parametrize(
    "columns",
    [{"status": Status.PAUSED}, {"attempt": 2}, {"lease_token": "another"}, {"engine_id": "another"}],
    ids=lambda columns: next(iter(columns)),
)
async def test_an_attempt_that_is_over_or_taken_cannot_be_taken_up(settings: Settings, columns: dict[str, Any]) -> None:
    async with opened(settings):
        job = await stored_job(**{"status": Status.RUNNING, "attempt": 1, "lease_token": "t", **columns})
        async with transaction() as writer:
            taken = await take_up(writer, [Lease(job.id, 1, "t")], engine_id="me", lease_expires_at=clock.now())
        assert taken == {}
        assert (await Job.get(id=job.id)).engine_id == columns.get("engine_id")


def test_every_type_has_a_queue_of_its_own_with_a_name_that_is_short_enough() -> None:
    long = [f"{'X' * 63}{letter}" for letter in "AB"]
    names = [queue_of(key) for key in ("EMAIL_SEND", *long)]
    assert names[0] == "EMAIL_SEND"
    assert len(set(names)) == 3
    assert all(len(name) <= MAX_QUEUE for name in names)


# -- which types ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "keys"),
    [([], ["MAIL", "FILM"]), (["video"], ["FILM"]), (["mail"], ["MAIL"]), (["FILM", "MAIL"], ["MAIL", "FILM"])],
)
def test_a_worker_runs_all_types_or_those_that_are_named(only: list[str], keys: list[str]) -> None:
    types = Registry([scripted(nothing, key="MAIL"), scripted(nothing, key="FILM", category=Category.VIDEO)])
    assert chosen_types(types, only) == keys


def test_a_word_that_names_no_type_is_refused_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match=r"--only must name job types or categories \(mail, task\), not 'films'"):
        chosen_types(Registry([scripted(nothing, key="MAIL")]), ["films"])
