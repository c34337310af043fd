"""Beginning an effect: only under a held lease, once per target, with one identity for ever."""

import asyncio
from typing import Any

import pytest

from engine import clock
from models.effect import Effect, begin_effect
from models.job import Job
from models.states import Phase, Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

FIRST, SECOND = {"message_id": "<1@example.org>"}, {"message_id": "<2@example.org>"}


async def a_running_job() -> Job:
    return await stored_job(status=Status.RUNNING, attempt=1, lease_token="lease")


async def begin(job: Job, identity: dict[str, Any] = FIRST, **other: Any) -> dict[str, Any] | None:
    asked = {"attempt": 1, "lease_token": "lease", "target": "mail", **other}
    return await begin_effect(job_id=job.id, identity=identity, now=clock.now(), **asked)


async def test_beginning_stores_the_identity_and_that_it_is_being_sent() -> None:
    job = await a_running_job()
    assert await begin(job) == FIRST
    effect = await Effect.get(job_id=job.id)
    assert (effect.target, effect.phase, effect.identity, effect.attempt) == ("mail", Phase.SENDING, FIRST, 1)
    assert effect.finished_at is None


@pytest.mark.parametrize(
    "other", [{"attempt": 2}, {"attempt": 0}, {"lease_token": "another's"}, {"lease_token": ""}], ids=str
)
async def test_an_attempt_that_does_not_hold_the_lease_begins_nothing(other: dict[str, Any]) -> None:
    job = await a_running_job()
    assert await begin(job, **other) is None
    assert not await Effect.exists()


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
async def test_a_job_that_is_not_running_begins_nothing(status: Status) -> None:
    job = await stored_job(status=status, attempt=1, lease_token="lease")
    assert await begin(job) is None
    assert not await Effect.exists()


async def test_after_a_certain_failure_it_begins_again_under_the_first_identity() -> None:
    job = await a_running_job()
    await begin(job, FIRST)
    await Effect.filter(job_id=job.id).update(phase=Phase.FAILED, error="refused", finished_at=clock.now())
    await Job.filter(id=job.id).update(attempt=2, lease_token="lease 2")
    assert await begin(job, SECOND, attempt=2, lease_token="lease 2") == FIRST
    effect = await Effect.get(job_id=job.id)
    assert (effect.identity, effect.phase, effect.attempt) == (FIRST, Phase.SENDING, 2)
    assert [effect.error, effect.finished_at] == [None, None]


@pytest.mark.parametrize("phase", [Phase.SENDING, Phase.DONE])
async def test_what_may_have_happened_is_not_begun_again(phase: Phase) -> None:
    job = await a_running_job()
    await begin(job, FIRST)
    await Effect.filter(job_id=job.id).update(phase=phase)
    before = await Effect.all().values()
    assert await begin(job, SECOND) is None
    assert await Effect.all().values() == before


async def test_each_target_is_an_effect_of_its_own() -> None:
    job = await a_running_job()
    assert await begin(job, FIRST, target="one") == FIRST
    assert await begin(job, SECOND, target="two") == SECOND


async def test_of_many_that_begin_at_once_one_does() -> None:
    job = await a_running_job()
    begun = await asyncio.gather(*(begin(job, {"number": n}) for n in range(20)))
    assert sum(identity is not None for identity in begun) == 1
