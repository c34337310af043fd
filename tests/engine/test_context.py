"""What a running job holds in its hand: safe points, progress, effects, and a lease that can be lost."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock, context, executor
from engine.context import no_longer_recognised
from engine.engine import Atlas
from engine.errors import OutcomeUnknown, TransientError
from engine.events import JobLogged, JobProgressed, StopAsked
from engine.jobs.base import Context
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.ending import Lease
from models.job import Job
from models.states import Move, Phase, Status
from tests.support.engine import (
    Recorder,
    Script,
    changed,
    held,
    opened,
    running,
    scripted,
    submitted,
    until,
    until_set,
    until_status,
)


async def at_safe_points(context: Context) -> dict[str, Any]:
    """Work that can be stopped at any of its steps."""
    while True:
        await context.checkpoint()


async def telling_progress(context: Context) -> dict[str, Any]:
    """Work whose only safe points are where it tells how far it is."""
    while True:
        await context.progress(50)


@pytest.mark.parametrize("endless", [at_safe_points, telling_progress])
async def test_pausing_stops_a_running_job_at_its_next_safe_point_and_resuming_runs_it_again(
    settings: Settings, endless: Script
) -> None:
    tries = 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        return await endless(context) if tries == 1 else {"message": f"Try {tries}"}

    async with running(settings, scripted(work, retry=RetryPolicy(attempts=1))) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        await atlas.commands.pause(job_id)
        paused = await until_status(atlas, job_id, Status.PAUSED)
        assert (paused.pause_requested, paused.error) == (False, None)
        await atlas.commands.resume(job_id)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.result == {"message": "Try 2"}, "a pause uses up no attempt"
        assert [attempt.outcome for attempt in await atlas.queries.attempts(job_id)] == ["paused", "succeeded"]


async def test_a_pause_does_not_cut_an_effect_short(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", {"id": 1}, held(begun, go_on))

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        await atlas.commands.pause(job_id)
        go_on.set()
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.result == {"said": {"id": 1}}


async def test_a_job_that_would_be_tried_again_pauses_instead_if_that_was_asked(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        raise TransientError("Busy")

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        await atlas.commands.pause(job_id)
        go_on.set()
        assert (await until_status(atlas, job_id, Status.PAUSED)).error == "Busy"


async def test_a_pause_that_another_process_asked_for_is_seen_at_the_next_beat(settings: Settings) -> None:
    async with running(settings, scripted(at_safe_points)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        await Job.filter(id=job_id).update(pause_requested=True)
        await until_status(atlas, job_id, Status.PAUSED)


async def test_cancelling_stops_the_work_and_says_that_nothing_had_gone_out(settings: Settings) -> None:
    stopped = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()  # in the middle of something, far from any safe point
        finally:
            stopped.set()
        return {}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.RUNNING)
        await atlas.commands.cancel(job_id)
        job = await atlas.queries.job(job_id)
        assert (job.status, job.error) == (Status.CANCELLED, "Cancelled while running. Nothing had gone out.")
        assert stopped.is_set()
        assert [attempt.outcome for attempt in await atlas.queries.attempts(job_id)] == ["cancelled"]


async def test_cancelling_during_an_effect_waits_for_it_and_says_that_it_was_done(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        await context.effect("ada", {"id": 1}, held(begun, go_on))
        return await context.effect("bob", {"id": 2}, held(asyncio.Event(), asyncio.Event()))

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        cancelling = asyncio.create_task(atlas.commands.cancel(job_id))
        await until_status_in_database(atlas, job_id, Status.CANCELLED)
        assert not cancelling.done(), "it waits to be told what became of the effect"
        go_on.set()
        await cancelling
        job = await atlas.queries.job(job_id)
        assert job.error == "Cancelled while running. Already done, and not taken back: ada."
        assert await Effect.filter(job_id=job_id).values_list("target", "phase") == [("ada", Phase.DONE)]


async def test_an_effect_that_fails_certainly_while_its_job_is_cancelled_did_not_go_out(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            begun.set()
            await go_on.wait()
            raise TransientError("Refused")

        return await context.effect("ada", {"id": 1}, speak)

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        cancelling = asyncio.create_task(atlas.commands.cancel(job_id))
        await until_status_in_database(atlas, job_id, Status.CANCELLED)
        go_on.set()
        await cancelling
        assert (await atlas.queries.job(job_id)).error == "Cancelled while running. Nothing had gone out."


# -- stopped in the middle of a commit -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancelled", "released"])
async def test_stopping_a_job_while_sending_is_stored_leaves_it_certain_that_nothing_was_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    spoken: list[dict[str, Any]] = []

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        spoken.append(identity)
        return {}

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("ada", {"id": 1}, speak)

    async with running(settings, scripted(work)) as atlas:
        interrupt(atlas, monkeypatch, "begin_effect", how)
        job_id = await submitted(atlas)
        await until(atlas, lambda: Attempt.exists(job_id=job_id, outcome=how))
        job = await atlas.queries.job(job_id)
        assert job.status is (Status.CANCELLED if how == "cancelled" else Status.QUEUED)
        assert spoken == []
        effect = await Effect.get(job_id=job_id)
        assert (effect.phase, effect.error) == (Phase.FAILED, "The attempt was stopped before it sent anything")
        assert job.error == ("Cancelled while running. Nothing had gone out." if how == "cancelled" else None)


async def test_stopping_a_job_while_done_is_stored_keeps_that_it_was_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("ada", {"id": 1}, _said)

    async with running(settings, scripted(work)) as atlas:
        interrupt(atlas, monkeypatch, "settle_effect", "released")
        job_id = await submitted(atlas)
        await until(atlas, lambda: Attempt.exists(job_id=job_id, outcome="released"))
        effect = await Effect.get(job_id=job_id)
        assert (effect.phase, effect.result) == (Phase.DONE, {"said": {"id": 1}})
        assert (await atlas.queries.job(job_id)).status is Status.QUEUED


async def test_stopping_a_job_while_done_waits_for_its_turn_to_be_stored_keeps_that_it_was_done(
    settings: Settings,
) -> None:
    writing, go_on, others = asyncio.Event(), asyncio.Event(), list[asyncio.Task[None]]()

    async def slow(_: BaseDBAsyncClient) -> None:
        writing.set()
        await go_on.wait()

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        others.append(asyncio.create_task(atlas._ledger.write(slow)))
        await writing.wait()
        return {"said": identity}

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("ada", {"id": 1}, speak)

    async def done_waits() -> bool:
        return writing.is_set() and bool(atlas._ledger._entries)

    async with running(changed(settings, concurrency=1), scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until(atlas, done_waits)
        atlas.stop_claiming()
        atlas._executor.running[job_id].release()
        go_on.set()
        await asyncio.gather(*others)
        await until_status(atlas, job_id, Status.QUEUED)
        assert (await Effect.get(job_id=job_id)).phase is Phase.DONE


def interrupt(atlas: Atlas, monkeypatch: pytest.MonkeyPatch, function: str, how: str) -> None:
    """Stop the job while this write of its effect is in its transaction, and claim nothing more."""
    real = getattr(context, function)

    async def stopped_meanwhile(writer: BaseDBAsyncClient, lease: Lease, *arguments: Any, **more: Any) -> Any:
        written = await real(writer, lease, *arguments, **more)
        monkeypatch.undo()
        atlas.stop_claiming()
        if how == "cancelled":
            await Job.filter(id=lease.job_id).update(status=Status.CANCELLED, finished_at=clock.now())
            atlas.bus.publish(StopAsked(lease.job_id, Move.CANCEL))
        else:
            atlas._executor.running[lease.job_id].release()
        return written

    monkeypatch.setattr(context, function, stopped_meanwhile)


async def _said(identity: dict[str, Any]) -> dict[str, Any]:
    return {"said": identity}


# -- a server that recognises a repetition for a while only --------------------------------------------------

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UNTIL_TEN = {"expires_at": "2026-11-23T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("identity", "denied", "now", "asks"),
    [
        (UNTIL_TEN, NINE, NINE + timedelta(minutes=30), False),  # the server would recognise it
        (UNTIL_TEN, NINE, NINE + timedelta(minutes=60), False),
        (UNTIL_TEN, NINE, NINE + timedelta(minutes=61), True),
        (UNTIL_TEN, NINE + timedelta(minutes=61), NINE + timedelta(minutes=62), False),  # said when it was over
        (UNTIL_TEN, NINE + timedelta(minutes=60), NINE + timedelta(minutes=62), False),
        (UNTIL_TEN, None, NINE + timedelta(minutes=61), False),  # nobody was ever asked: it certainly failed
        ({"id": 1}, NINE, NINE + timedelta(days=9), False),  # nothing that expires
    ],
)
def test_a_person_is_asked_again_when_the_server_forgot_the_identity_since(
    identity: dict[str, Any], denied: datetime | None, now: datetime, asks: bool
) -> None:
    reason = no_longer_recognised(identity, denied, now)
    assert (reason is not None) is asks
    assert reason is None or "recognised a repetition until 2026-11-23 10:00 UTC and does so no more" in reason


async def test_what_a_person_denied_is_not_repeated_after_the_server_forgot_it_until_denied_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[dict[str, Any]] = []

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        spoken.append(identity)
        if len(spoken) == 1:
            raise OutcomeUnknown("No answer")
        return {"message": "Said"}

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", identity, speak)

    identity = {"id": 1, "expires_at": (clock.now() + timedelta(minutes=55)).isoformat()}
    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.FAILED)
    async with opened(settings):  # the answer comes in time, but no engine is at work until it is too late
        await atlas.commands.resolve(job_id, went_out=False)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    async with running(settings, scripted(work)) as atlas:
        job = await until_status(atlas, job_id, Status.FAILED)
        assert (job.outcome, len(spoken)) == ("unknown", 1)
        assert (job.error or "").startswith("The server recognised a repetition until ")
        await atlas.commands.resolve(job_id, went_out=False)
        assert (await until_status(atlas, job_id, Status.COMPLETED)).result == {"message": "Said"}
        assert spoken == [identity, identity]


async def test_cancelling_a_job_ends_the_program_that_it_runs(settings: Settings) -> None:
    said, ended = list[str](), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        async def on_line(line: str) -> None:
            said.append(line)
            begun.set()

        try:
            await context.run_program(sys.executable, "-c", PRINT_AND_SLEEP, on_line=on_line)
        finally:
            ended.set()
        return {}

    begun = asyncio.Event()
    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        await atlas.commands.cancel(job_id)
        assert ended.is_set()
        with pytest.raises(ProcessLookupError):
            os.kill(int(said[0]), 0)


async def test_no_more_programs_compute_at_once_than_processors_but_one_and_whoever_waits_can_be_stopped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "processors", lambda: 3)
    begun, go_on = list[str](), settings.data_dir / "go on"

    async def work(context: Context) -> dict[str, Any]:
        async def on_line(line: str) -> None:
            begun.append(line)

        code = await context.compute(sys.executable, "-c", UNTIL_THERE.format(str(go_on)), on_line=on_line)
        return {"code": code}

    async with running(settings, scripted(work)) as atlas:
        heard = Recorder(atlas)
        ids = [await submitted(atlas) for _ in range(4)]
        await until(atlas, lambda: _as_many(heard, begun), "two at work, two told that they wait")
        waiting = sorted(event.job_id for event in heard.events if isinstance(event, JobLogged))
        await atlas.commands.cancel(waiting[0])
        await atlas.commands.pause(waiting[1])
        await until_status(atlas, waiting[1], Status.PAUSED)
        assert len(begun) == 2
        go_on.touch()
        for job_id in set(ids) - set(waiting):
            assert (await until_status(atlas, job_id, Status.COMPLETED)).result == {"code": 0}
        await atlas.commands.resume(waiting[1])
        assert (await until_status(atlas, waiting[1], Status.COMPLETED)).result == {"code": 0}
        assert len(begun) == 3


async def _as_many(heard: Recorder, begun: list[str]) -> bool:
    told = [
        event for event in heard.events if isinstance(event, JobLogged) and event.text == "Waits for a free processor"
    ]
    return len(told) == 2 and len(begun) == 2


UNTIL_THERE = """
import os, time
print("begun", flush=True)
while not os.path.exists({!r}):
    time.sleep(0.01)
"""
PRINT_AND_SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


@pytest.mark.parametrize(("told", "shown"), [(-5, 0), (0, 0), (37.5, 37.5), (100, 100), (1000, 100)])
async def test_progress_is_told_between_0_and_100(settings: Settings, told: float, shown: float) -> None:
    async def work(context: Context) -> dict[str, Any]:
        await context.progress(told)
        return {}

    async with running(settings, scripted(work)) as atlas:
        heard = Recorder(atlas)
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert JobProgressed(job_id, shown) in heard.events


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../secret.key", "/etc/passwd"])
async def test_an_artifact_cannot_lie_outside_its_jobs_folder(settings: Settings, name: str) -> None:
    async def work(context: Context) -> dict[str, Any]:
        context.artifact(name).write_text("x")
        return {}

    async with running(settings, scripted(work)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert "an artifact's name must be a plain file name" in (job.error or "")


async def test_a_very_long_log_line_is_cut(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        await context.log("x" * 100_000)
        return {}

    async with running(settings, scripted(work)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        (line,) = (await atlas.queries.attempts(job.id))[0].log
        assert line.text == "x" * 4000


async def until_status_in_database(atlas: Atlas, job_id: int, status: Status) -> None:
    """The row has the status; its attempt may still be under way."""
    await until(atlas, lambda: Job.exists(id=job_id, status=status))
