"""Jobs that wait for jobs: none starts before its parents are over, and whoever waits tells why."""

from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock, releaser
from engine.engine import Atlas
from engine.errors import InvalidInput
from engine.events import JobChanged
from engine.jobs import Registry
from engine.jobs.base import Context
from engine.settings import Settings
from engine.submission import After
from models.attempt import Attempt
from models.dependency import Dependency, release
from models.states import Status
from tests.support.engine import changed, counted_commits, opened, scripted, submitted, until, until_status
from tests.support.waiting import MADE, World, world_of

pytestmark = pytest.mark.each


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    """Its engine claims what it may, and has begun nothing yet."""
    async with world_of(settings) as made:
        yield made


async def test_a_job_starts_when_all_that_it_waits_for_are_done_and_has_what_they_made(world: World) -> None:
    first = await world.parent()
    await until_status(world.atlas, first, Status.RUNNING)
    second = await world.parent()
    await until_status(world.atlas, second, Status.COMPLETED)
    note = f"{{{{ jobs.film.result.url }}}} and {{{{ jobs.job_{second}.result.length }}}}"
    child = await world.child(After(first, "film"), After(second), note=note)
    assert (await world.atlas.queries.job(child)).blocked
    assert await world.waits(child) == f"Waits for job {first}, Scripted"
    world.go_on.set()
    done = await until_status(world.atlas, child, Status.COMPLETED)
    assert done.payload["note"] == "https://films.test/7 and 3"
    assert not done.blocked
    assert world.begun == [first, second, child]


async def test_a_failed_parent_explains_the_waiting_child_and_its_retry_lets_the_child_go(world: World) -> None:
    world.failing = True
    parent = await world.parent()
    child = await world.child(After(parent))
    grandchild = await world.child(After(child))
    world.go_on.set()
    await until_status(world.atlas, parent, Status.FAILED)
    told = f"Waits for job {parent}, Scripted, which failed: retry it, or cancel this one"
    assert await world.waits(child) == told
    await world.atlas.commands.retry(parent)
    await until_status(world.atlas, grandchild, Status.COMPLETED)
    assert world.begun == [parent, parent, child, grandchild]


async def test_a_child_that_takes_any_outcome_goes_when_its_parent_failed_or_was_cancelled(world: World) -> None:
    world.failing = True
    failed = await world.parent()
    after_failed = await world.child(
        After(failed, "it", any_outcome=True), note="{{ jobs.it.status }}: {{ jobs.it.error }}"
    )
    cancelled = await submitted(world.atlas, run_at=clock.now() + timedelta(hours=1))
    strict = await world.child(After(cancelled))
    after_cancelled = await world.child(After(cancelled, any_outcome=True))
    world.go_on.set()
    done = await until_status(world.atlas, after_failed, Status.COMPLETED)
    assert done.payload["note"] == "failed: The footage is missing"
    await world.atlas.commands.cancel(cancelled)
    await until_status(world.atlas, after_cancelled, Status.COMPLETED)
    assert await world.waits(strict) == f"Waits for job {cancelled}, Scripted, which was cancelled: cancel this one too"


async def test_a_paused_child_stays_paused_and_goes_when_it_is_resumed(world: World) -> None:
    parent = await world.parent()
    child = await world.child(After(parent))
    await world.atlas.commands.pause(child)
    world.go_on.set()
    await until_status(world.atlas, parent, Status.COMPLETED)
    await until(world.atlas, lambda: Dependency.exists(job_id=child, met_at__not_isnull=True))
    assert (await world.atlas.queries.job(child)).status is Status.PAUSED
    await world.atlas.commands.resume(child)
    await until_status(world.atlas, child, Status.COMPLETED)


@pytest.mark.parametrize(
    ("after", "note", "field", "said"),
    [
        ((After(999),), "", "after.0", "after must name jobs that exist, not 999"),
        ((After(1, "a b"),), "", "after.0.name", "not 'a b'"),
        ((After(1, "a"), After(1, "a")), "", "after.1.name", "another one for each job, not 'a' again"),
        ((After(1, "a"),), "{{ jobs.b.id }}", "payload.note", "note uses the job b, which is not among"),
    ],
)
async def test_what_cannot_be_waited_for_or_filled_in_is_refused_at_once(
    world: World, after: tuple[After, ...], note: str, field: str, said: str
) -> None:
    await world.parent()
    with pytest.raises(InvalidInput) as refused:
        await world.child(*after, note=note)
    (fault,) = refused.value.errors
    assert fault.field == field
    assert said in fault.message


async def test_whoever_looks_at_a_waiting_job_is_told_when_the_reason_changes(world: World) -> None:
    world.failing = True
    parent = await world.parent()
    child = await world.child(After(parent))
    await until_status(world.atlas, parent, Status.RUNNING)
    told: list[int] = []
    world.atlas.bus.subscribe(lambda event: told.append(event.job_id) if isinstance(event, JobChanged) else None)
    world.go_on.set()
    await until_status(world.atlas, parent, Status.FAILED)

    async def is_told() -> bool:
        return child in told

    await until(world.atlas, is_told)


async def test_without_parents_a_text_about_jobs_is_a_text_and_the_policy_is_asked(world: World) -> None:
    note = "{{ jobs.render.id }} x {{ jobs }}"
    job_id = await world.child(note=note, requires_approval=True)
    job = await world.atlas.queries.job(job_id)
    assert (job.approval, job.blocked, job.payload["note"]) == ("pending", False, note)
    assert world.begun == []


async def _made(_: Context) -> dict[str, Any]:
    return MADE


async def test_what_is_let_go_starts_at_once_and_not_at_the_next_look(settings: Settings) -> None:
    atlas = Atlas(changed(settings, poll_seconds=60), Registry([scripted(_made)]))
    async with opened(settings):
        last = await submitted(atlas)
        for _ in range(3):
            last = await submitted(atlas, after=(After(last),))
        await atlas.start()  # which looks once
        try:
            await until_status(atlas, last, Status.COMPLETED)
        finally:
            await atlas.stop()


@pytest.mark.sqlite
async def test_where_one_process_writes_the_next_step_is_let_go_and_claimed_in_the_commit_that_ends_the_one_before_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = counted_commits(monkeypatch)
    atlas = Atlas(changed(settings, poll_seconds=60), Registry([scripted(_made)]))
    async with opened(settings):
        last = first = await submitted(atlas)
        for _ in range(20):
            last = await submitted(atlas, after=(After(last),))
        await atlas.start()
        try:
            await until_status(atlas, first, Status.COMPLETED)
            commits.clear()
            await until_status(atlas, last, Status.COMPLETED)
        finally:
            await atlas.stop()
    assert len(commits) <= 25, "one for each step, and what else there is to be written"


async def test_a_look_that_fails_spoils_no_ending_and_is_made_up_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await world.parent()
    child = await world.child(After(parent))
    failed: list[int] = []

    async def fail(writer: BaseDBAsyncClient, ids: Collection[int]) -> list[int]:
        if child in ids and len(failed) < 3:
            failed.append(child)
            raise ValueError("a fault of ours")
        return await release(writer, ids)

    monkeypatch.setattr(releaser, "release", fail)
    monkeypatch.setattr(releaser, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(releaser, "LOOK_SECONDS", 60)
    world.go_on.set()
    await until_status(world.atlas, child, Status.COMPLETED)
    assert len(failed) == 3
    assert await Attempt.filter(job_id=parent).count() == 1


async def test_that_an_attempt_begins_is_no_reason_to_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Collection[int]] = []

    async def look(self: releaser.Releaser, concerned: Collection[int] | None) -> bool:
        looks.append(concerned or ())
        return await found(self, concerned)

    found = releaser.Releaser.look
    monkeypatch.setattr(releaser.Releaser, "look", look)
    monkeypatch.setattr(releaser, "LOOK_SECONDS", 60)  # no look at everything
    first = await world.parent()
    await until_status(world.atlas, first, Status.RUNNING)
    second = await world.parent()

    async def is_looked_at() -> bool:
        return any(second in concerned for concerned in looks)

    await until(world.atlas, is_looked_at)
    assert sum(first in concerned for concerned in looks) <= 1, "when it was created, and no more"
