"""Beginning and settling an effect: only under a held lease, once per target, with one identity for ever."""

import asyncio
from typing import Any

import pytest

from engine import clock
from models.database import transaction
from models.effect import Effect, begin_effect, settle_effect
from models.ending import Lease
from models.job import Job
from models.states import Phase, Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

FIRST, SECOND = {"message_id": "<1@example.org>"}, {"message_id": "<2@example.org>"}


async def a_running_job() -> Job:
    return await stored_job(status=Status.RUNNING, attempt=1, lease_token="lease")


async def begin(
    job: Job, identity: dict[str, Any] = FIRST, *, attempt: int = 1, token: str = "lease", target: str = "mail"
) -> dict[str, Any] | None:
    async with transaction() as writer:
        return await begin_effect(writer, Lease(job.id, attempt, token), target, identity, clock.now())


async def settle(job: Job, phase: Phase = Phase.DONE, *, attempt: int = 1, token: str = "lease", **told: Any) -> bool:
    async with transaction() as writer:
        return await settle_effect(writer, Lease(job.id, attempt, token), "mail", phase, clock.now(), **told)


async def test_beginning_stores_the_identity_and_that_it_is_being_sent() -> None:
    job = await a_running_job()
    assert await begin(job) == FIRST
    effect = await Effect.get(job_id=job.id)
    assert (effect.target, effect.phase, effect.identity, effect.attempt) == ("mail", Phase.SENDING, FIRST, 1)
    assert effect.finished_at is None


@pytest.mark.parametrize("other", [{"attempt": 2}, {"attempt": 0}, {"token": "another's"}, {"token": ""}], ids=str)
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
    assert await begin(job, SECOND, attempt=2, token="lease 2") == FIRST
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


@pytest.mark.parametrize("phase", [Phase.DONE, Phase.FAILED])
async def test_what_came_of_it_is_stored_with_what_the_world_said(phase: Phase) -> None:
    job = await a_running_job()
    await begin(job)
    assert await settle(job, phase, result={"url": "https://example.org/1"}, error="Why")
    effect = await Effect.get(job_id=job.id)
    assert (effect.phase, effect.result, effect.error) == (phase, {"url": "https://example.org/1"}, "Why")
    assert effect.finished_at


@pytest.mark.parametrize("other", [{"attempt": 2}, {"token": "another's"}, {"token": ""}], ids=str)
async def test_an_attempt_that_does_not_hold_the_lease_settles_nothing(other: dict[str, Any]) -> None:
    job = await a_running_job()
    await begin(job)
    before = await Effect.all().values()
    assert not await settle(job, **other)
    assert await Effect.all().values() == before


async def test_an_attempt_does_not_settle_what_a_later_one_has_begun() -> None:
    job = await a_running_job()
    await begin(job)
    await Effect.filter(job_id=job.id).update(attempt=2)
    assert not await settle(job)


@pytest.mark.parametrize("status", Status)
async def test_what_a_cancelled_job_had_begun_is_settled_and_no_other_that_is_over(status: Status) -> None:
    job = await a_running_job()
    await begin(job)
    await Job.filter(id=job.id).update(status=status)
    assert await settle(job) is (status in {Status.RUNNING, Status.CANCELLED})


@pytest.mark.parametrize("phase", [Phase.DONE, Phase.FAILED])
async def test_what_is_settled_stays_as_it_was_settled(phase: Phase) -> None:
    job = await a_running_job()
    await begin(job)
    await settle(job, phase)
    before = await Effect.all().values()
    assert not await settle(job, Phase.DONE if phase is Phase.FAILED else Phase.FAILED)
    assert await Effect.all().values() == before
