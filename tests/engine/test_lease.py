"""A lease that was lost: the attempt that held it changes nothing any more."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.errors import TransientError
from engine.jobs.base import Context
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.job import Job
from models.states import Phase, Status
from tests.support.engine import Speak, held, running, scripted, submitted, until, until_set


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
        await Job.filter(id=job_id).update(status=Status.CANCELLED)


async def test_what_a_zombie_did_do_is_still_recorded(settings: Settings) -> None:
    """It spoke for so long that its job was failed with outcome unknown, but the truth about the effect counts."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        return await context.effect("world", {"id": 1}, held(begun, go_on))

    async with running(settings, scripted(work, retry=RetryPolicy(attempts=3))) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        await Job.filter(id=job_id).update(status=Status.FAILED, outcome="unknown", lease_token=None)
        go_on.set()
        await until(atlas, lambda: Effect.exists(job_id=job_id, phase=Phase.DONE))
        await until(atlas, lambda: Attempt.exists(job_id=job_id, outcome="lost"))
        assert (await atlas.queries.job(job_id)).outcome == "unknown"


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
