"""A lease that was lost: the attempt that held it changes nothing any more."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.errors import TransientError
from engine.events import AttemptEnded
from engine.jobs.base import Context
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.attempt import Attempt, LogLine
from models.effect import Effect
from models.job import Job
from models.states import Phase, Status
from tests.support.engine import Recorder, Speak, running, scripted, submitted, until, until_set


@pytest.mark.parametrize("late", ["progress and return", "fail", "begin an effect"])
async def test_an_attempt_that_lost_its_lease_changes_nothing(settings: Settings, late: str) -> None:
    """A zombie: it slept, another engine has taken its job over, and it wakes up."""
    asleep, wake, spoken = asyncio.Event(), asyncio.Event(), list[dict[str, Any]]()

    async def work(context: Context) -> dict[str, Any]:
        asleep.set()
        await wake.wait()
        if late == "fail":
            raise TransientError("Busy")
        if late == "begin an effect":
            return await context.effect("world", {"id": "zombie"}, _said(spoken))
        await context.progress(99)
        return {"message": "From the grave"}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(asleep)
        await _taken_over(job_id)
        before = await Job.filter(id=job_id).values()
        wake.set()
        await until(atlas, lambda: Attempt.exists(job_id=job_id, number=1, outcome="lost"))
        assert await Job.filter(id=job_id).values() == before
        assert spoken == []
        assert not await Effect.exists()
        (line,) = await LogLine.filter(job_id=job_id)
        assert line.attempt == 1
        assert line.text.startswith("Too late, so nothing was changed: the attempt ")
        await Job.filter(id=job_id).update(status=Status.CANCELLED)


@pytest.mark.parametrize("answer", ["done", "refused"])
async def test_what_a_zombie_did_changes_nothing_either_but_its_log_tells_it(settings: Settings, answer: str) -> None:
    """It spoke for so long that its job was failed with outcome unknown: a person decides, and can read it there."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        if answer == "refused":
            raise TransientError("421 Busy")
        return {"url": "https://example.org/1"}

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", {"id": 1}, speak)

    async with running(settings, scripted(work, retry=RetryPolicy(attempts=3))) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        rescued = {"status": Status.FAILED, "outcome": "unknown", "lease_token": None, "lease_expires_at": None}
        await Job.filter(id=job_id).update(**rescued)
        await Attempt.filter(job_id=job_id).update(outcome="unknown", finished_at=clock.now())
        before = [await rows.filter(**which).values() for rows, which in _rows_of(job_id)]
        over = Recorder(atlas)
        go_on.set()

        async def ended() -> bool:
            return AttemptEnded(job_id) in over.events

        await until(atlas, ended)
        assert [await rows.filter(**which).values() for rows, which in _rows_of(job_id)] == before
        assert (await Effect.get(job_id=job_id)).phase is Phase.SENDING
        lines = [(line.attempt, line.text) for line in await LogLine.filter(job_id=job_id).order_by("id")]
        told = {"done": 'world has it: {"url": "https://example.org/1"}', "refused": "world: 421 Busy"}[answer]
        assert lines[0] == (1, f"Too late, so nothing was changed: {told}")
        assert all(text.startswith("Too late, so nothing was changed: ") for _, text in lines)


def _said(spoken: list[dict[str, Any]]) -> Speak:
    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        spoken.append(identity)
        return {}

    return speak


async def _taken_over(job_id: int) -> None:
    """What another engine's rescuer and claim do to a job whose lease ran out."""
    expires = clock.now() + timedelta(minutes=5)
    await Job.filter(id=job_id).update(
        attempt=2, lease_token="another engine's", engine_id="another engine", lease_expires_at=expires
    )


def _rows_of(job_id: int) -> list[tuple[Any, dict[str, int]]]:
    return [(Job, {"id": job_id}), (Attempt, {"job_id": job_id}), (Effect, {"job_id": job_id})]
