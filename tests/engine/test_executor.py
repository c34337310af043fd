"""One attempt from its lease to its outcome, by a real Atlas on a real file."""

import asyncio
import sqlite3
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tortoise.exceptions import OperationalError

from engine import clock, executor
from engine.errors import LeaseLost, OutcomeUnknown, PermanentError, TransientError
from engine.events import AttemptEnded, EngineChanged, JobChanged, JobLogged, JobProgressed
from engine.jobs.base import Context, EffectKind
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.job import Job
from models.statement import SQLITE
from models.states import Phase, Status
from models.type_policy import TypePolicy
from tests.support.engine import (
    Recorder,
    changed,
    held,
    running,
    scripted,
    submitted,
    until,
    until_set,
    until_status,
)

QUICK = RetryPolicy(attempts=3, base=0.01, jitter=0)


async def outcomes(job_id: int) -> list[str]:
    rows = await Attempt.filter(job_id=job_id).order_by("number")
    return [str(row.outcome) for row in rows]


async def test_a_job_that_returns_is_completed_with_its_result(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        await context.log("Half of it")
        await context.progress(50)
        return {"message": "Done", "pages": 7}

    async with running(settings, scripted(work)) as atlas:
        heard = Recorder(atlas)
        job_id = await submitted(atlas)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert (job.result, job.progress, job.error, job.attempt) == ({"message": "Done", "pages": 7}, 100, None, 1)
        assert job.started_at
        assert job.finished_at
        assert job.created_at <= job.started_at <= job.finished_at
        (attempt,) = await atlas.queries.attempts(job_id)
        assert (attempt.number, attempt.outcome, attempt.engine) == (1, "succeeded", atlas.id)
        assert [line.text for line in attempt.log] == ["Half of it"]
        assert [event for event in heard.events if event != EngineChanged()] == [
            JobChanged(job_id),  # submitted
            JobChanged(job_id),  # running
            JobLogged(job_id, 1, "Half of it"),
            JobProgressed(job_id, 50),
            JobChanged(job_id),  # completed
            AttemptEnded(job_id),
        ]


async def test_a_permanent_fault_fails_at_once(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise PermanentError("No such user", result={"message": "Nothing"})

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.error, job.outcome, job.attempt, job.result) == ("No such user", None, 1, {"message": "Nothing"})
        assert await outcomes(job.id) == ["failed"]


async def test_a_bug_in_a_job_type_fails_the_job_and_nothing_else(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise KeyError("price")

    async def other(context: Context) -> dict[str, Any]:
        return {}

    async with running(settings, scripted(work), scripted(other, key="OTHER")) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert job.error == "The job stopped on an unexpected KeyError: 'price'"
        await until_status(atlas, await submitted(atlas, "OTHER"), Status.COMPLETED)


async def test_what_certainly_did_not_happen_is_tried_again_under_the_same_identity(settings: Settings) -> None:
    identities: list[dict[str, Any]] = []

    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            identities.append(identity)
            if len(identities) < 3:
                raise TransientError("Busy")
            return {"message": "Said"}

        return await context.effect("world", {"id": f"attempt {len(identities) + 1}"}, speak)

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        assert identities == [{"id": "attempt 1"}] * 3
        assert await outcomes(job.id) == ["retrying", "retrying", "succeeded"]
        assert [attempt.error for attempt in await atlas.queries.attempts(job.id)] == ["Busy", "Busy", None]


async def test_between_attempts_a_job_is_queued_and_says_why_and_until_when(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise TransientError("Busy", retry_after=timedelta(minutes=7), result={"message": "Half"})

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        before = clock.now()
        job_id = await submitted(atlas)
        await until(atlas, lambda: Job.exists(id=job_id, due_at__isnull=False), "the next try has its time")
        job = await until_status(atlas, job_id, Status.QUEUED)
        assert (job.error, job.result, job.finished_at, job.started_at) == ("Busy", {"message": "Half"}, None, None)
        assert job.due_at
        assert before + timedelta(minutes=7) <= job.due_at <= clock.now() + timedelta(minutes=7)
        assert job.waiting_for == f"Next try at {job.due_at:%Y-%m-%d %H:%M:%S} UTC"


async def test_it_gives_up_after_the_last_attempt(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise TransientError("Busy")

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.error, job.attempt) == ("Gave up after 3 attempts: Busy", 3)
        assert await outcomes(job.id) == ["retrying", "retrying", "failed"]


@pytest.mark.parametrize(
    "fault", [OutcomeUnknown("No clear answer"), KeyError("id"), ConnectionResetError("cut")], ids=repr
)
async def test_what_may_have_happened_waits_for_a_person(settings: Settings, fault: Exception) -> None:
    """Whatever breaks while the world is spoken to, a bug in the reading of its answer too."""
    spoken = 0

    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            nonlocal spoken
            spoken += 1
            raise fault

        return await context.effect("world", {"id": 1}, speak)

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.outcome, spoken) == ("unknown", 1)
        assert str(fault) in (job.error or "")
        assert sorted(job.allowed) == ["cancel", "prioritize", "resolve"]
        assert await outcomes(job.id) == ["unknown"]
        (effect,) = await atlas.queries.effects(job.id)
        assert effect.phase == "sending"


async def test_a_job_that_outlives_its_time_limit_is_stopped(settings: Settings) -> None:
    stopped = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    async with running(settings, scripted(work, time_limit_seconds=0.5)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.error, job.outcome) == ("It ran longer than its time limit", None)
        assert stopped.is_set()


async def test_a_time_limit_that_people_set_for_a_type_wins_over_its_own(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async with running(settings, scripted(work, time_limit_seconds=3600)) as atlas:
        await TypePolicy.create(type="SCRIPTED", time_limit_seconds=0.5)
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert job.error == "It ran longer than its time limit"


class Deaf:
    """Work that swallows every cancellation, until the test wakes it; then it tries to speak to the world."""

    def __init__(self) -> None:
        self.begun, self.wake, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.spoken = 0
        self.fault: BaseException | None = None

    async def __call__(self, context: Context) -> dict[str, Any]:
        self.begun.set()
        while not self.wake.is_set():
            with suppress(asyncio.CancelledError):
                await self.wake.wait()
        try:
            return await context.effect("world", {"id": 1}, self._speak)
        except BaseException as fault:
            self.fault = fault
            raise
        finally:
            self.over.set()

    async def _speak(self, identity: dict[str, Any]) -> dict[str, Any]:
        self.spoken += 1
        return {}


@pytest.fixture
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "CANCEL_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(executor, "FORCE_SECONDS", 0.05)


@pytest.mark.usefixtures("_no_patience")
@pytest.mark.parametrize("why", ["cancelled", "time limit"])
async def test_a_job_that_ignores_that_it_was_stopped_is_left_behind_and_cannot_do_anything_any_more(
    settings: Settings, why: str
) -> None:
    deaf = Deaf()
    types = scripted(deaf, time_limit_seconds=0.5 if why == "time limit" else 3600), scripted(done, key="OTHER")
    async with running(changed(settings, concurrency=1), *types) as atlas:
        job_id = await submitted(atlas)
        await until_set(deaf.begun)
        if why == "cancelled":
            await atlas.commands.cancel(job_id)
        job = await until_status(atlas, job_id, Status.CANCELLED if why == "cancelled" else Status.FAILED)
        told = {
            "cancelled": "Cancelled while running. Nothing had gone out.",
            "time limit": "It ran longer than its time limit",
        }
        assert job.error == told[why]
        await until_status(atlas, await submitted(atlas, "OTHER"), Status.COMPLETED)  # in the only slot
        before = await Job.filter(id=job_id).values()
        deaf.wake.set()
        await until_set(deaf.over)
        assert isinstance(deaf.fault, LeaseLost)
        assert deaf.spoken == 0
        assert not await Effect.exists()
        assert await Job.filter(id=job_id).values() == before


@pytest.mark.usefixtures("_no_patience")
async def test_a_job_that_is_retried_while_its_former_work_is_left_behind_has_an_effect_of_its_own(
    settings: Settings,
) -> None:
    deaf, tries = Deaf(), 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        return await (deaf(context) if tries == 1 else context.effect("world", {"id": 2}, _said))

    async with running(settings, scripted(work, time_limit_seconds=0.5)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.FAILED)
        await TypePolicy.create(type="SCRIPTED", time_limit_seconds=60)
        await atlas.commands.retry(job_id)
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.result == {"said": {"id": 2}}
        deaf.wake.set()
        await until_set(deaf.over)
        assert deaf.spoken == 0


async def test_a_time_limit_that_ends_it_while_it_speaks_leaves_the_outcome_unknown(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        return await context.effect("world", {"id": 1}, speak)

    async with running(settings, scripted(work, time_limit_seconds=3)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.error, job.outcome) == (
            "The time limit ended it before the world had given a clear answer",
            "unknown",
        )


async def test_a_time_out_of_the_jobs_own_is_not_taken_for_its_time_limit(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise TimeoutError("the camera did not answer")

    async with running(settings, scripted(work)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert job.error == "The job stopped on an unexpected TimeoutError: the camera did not answer"


async def test_a_job_that_cancels_itself_fails_and_does_not_run_for_ever(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        raise asyncio.CancelledError

    async with running(settings, scripted(work)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.error, job.attempt) == ("The job stopped on an unexpected CancelledError", 1)


async def test_a_stored_payload_that_no_longer_fits_says_so(settings: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        return {}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas, run_at=clock.now() + timedelta(hours=1))
        await Job.filter(id=job_id).update(payload={"colour": "red"}, due_at=None)
        job = await until_status(atlas, job_id, Status.FAILED)
        assert (job.error or "").startswith("The stored payload no longer fits SCRIPTED")


async def test_what_an_earlier_attempt_did_is_not_done_again(settings: Settings) -> None:
    spoken: list[str] = []

    async def work(context: Context) -> dict[str, Any]:
        for target in ("one", "two"):

            async def speak(identity: dict[str, Any], target: str = target) -> dict[str, Any]:
                spoken.append(target)
                if spoken == ["one", "two"]:
                    raise TransientError("Busy")
                return {"said": target}

            result = await context.effect(target, {"id": target}, speak)
        return result

    async with running(settings, scripted(work, retry=QUICK)) as atlas:
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        assert spoken == ["one", "two", "two"]
        assert await Effect.filter(phase="done").count() == 2


async def done(context: Context) -> dict[str, Any]:
    return {}


async def _said(identity: dict[str, Any]) -> dict[str, Any]:
    return {"said": identity}


async def test_two_effects_at_once_each_keep_their_grace(settings: Settings) -> None:
    begun, go_on, other = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def quick(_: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def script(context: Context) -> dict[str, Any]:
        async def do_quickly() -> None:
            await context.effect("quick", {}, quick)
            other.set()

        await asyncio.gather(context.effect("slow", {}, held(begun, go_on)), do_quickly())
        return {}

    async with running(settings, scripted(script)) as atlas:
        job_id = await submitted(atlas, payload={"where": ["slow", "quick"]})
        await until_set(begun)
        await until_set(other)
        cancelling = asyncio.create_task(atlas.commands.cancel(job_id))
        await until(atlas, lambda: Job.exists(id=job_id, status=Status.CANCELLED))
        go_on.set()
        await cancelling
        assert (await Effect.get(job_id=job_id, target="slow")).phase is Phase.DONE


async def test_a_pause_after_an_effect_that_got_no_clear_answer_asks_about_it_first(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def lost(_: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        raise OutcomeUnknown("The line went dead")

    async def script(context: Context) -> dict[str, Any]:
        with suppress(OutcomeUnknown):  # as a post goes on with its next channel
            await context.effect("one", {}, lost)
        await context.progress(50)
        return {}

    async with running(settings, scripted(script)) as atlas:
        job_id = await submitted(atlas, payload={"where": ["one"]})
        await until_set(begun)
        await atlas.commands.pause(job_id)
        go_on.set()
        view = await until_status(atlas, job_id, Status.FAILED)
        assert view.outcome == "unknown"


async def test_a_result_that_no_json_can_hold_is_kept_as_text_or_fails_the_job_once(settings: Settings) -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    moment = clock.now()
    results, runs = iter([{"at": moment}, circle]), list[int]()

    async def script(context: Context) -> dict[str, Any]:
        runs.append(context.job_id)
        return next(results)

    async with running(settings, scripted(script, effect=EffectKind.REPEATABLE)) as atlas:
        kept = await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        assert kept.result == {"at": str(moment)}
        refused = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert "its result cannot be stored" in str(refused.error)
        assert len(runs) == 2, "the work is not done again"


async def test_a_database_that_cannot_be_read_for_a_moment_fails_no_job(
    settings: Settings, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def quick(_: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def script(context: Context) -> dict[str, Any]:
        return await context.effect("one", {}, quick)

    real, left = Effect.get_or_none, [1]

    def broken(*args: Any, **filters: Any) -> Any:
        if left:
            left.pop()
            raise disk_error(kind)
        return real(*args, **filters)

    async with running(settings, scripted(script)) as atlas:
        monkeypatch.setattr(Effect, "get_or_none", broken)
        await until_status(atlas, await submitted(atlas, payload={"where": ["one"]}), Status.COMPLETED)
        assert not left


def disk_error(kind: str) -> Exception:
    """What the ORM raises when the disk refuses to give data back."""
    if kind == SQLITE:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        return error
    raised = OperationalError("could not read blocks: Input/output error")
    raised.__cause__ = asyncpg.exceptions.PostgresIOError("could not read blocks: Input/output error")
    return raised
