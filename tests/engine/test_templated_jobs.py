"""What jobs made is filled into the payload of the job that waited for them, which is checked as any other is."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from engine import clock
from engine.settings import Settings
from engine.submission import After
from models.database import storable
from models.job import Job
from models.states import Status
from tests.support.engine import until, until_status
from tests.support.waiting import World, world_of

pytestmark = pytest.mark.each


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    """Its engine claims what it may, and has begun nothing yet."""
    async with world_of(settings) as made:
        yield made


async def test_what_does_not_fit_fails_the_child_in_words_and_a_retry_looks_again(world: World) -> None:
    parent = await world.parent()
    child = await world.child(After(parent, "film"), note="{{ jobs.film.result.missing }}")
    world.go_on.set()
    failed = await until_status(world.atlas, child, Status.FAILED)
    assert failed.error == (
        "What it waited for does not fit: note cannot be filled in: jobs.film.result.missing has no value"
    )
    await Job.filter(id=parent).update(result={"missing": "found"})
    await world.atlas.commands.retry(child)
    done = await until_status(world.atlas, child, Status.COMPLETED)
    assert done.payload["note"] == "found"
    assert child in world.begun


async def test_a_template_that_nobody_can_read_keeps_no_other_job_waiting(world: World) -> None:
    parent = await world.parent()
    broken = await world.child(After(parent, "a"), note="{{ jobs.a.id }}")
    child = await world.child(After(parent, "a"), note="{{ jobs.a.id }}")
    await Job.filter(id=broken).update(template={"of": "another version"})
    world.go_on.set()
    await until_status(world.atlas, child, Status.COMPLETED)
    assert "could not be filled in" in ((await until_status(world.atlas, broken, Status.FAILED)).error or "")


@pytest.mark.parametrize("said", ["{{ jobs }}", "{{ jobs.other.id }}", "\ud800 \x00"])
async def test_whatever_a_parent_made_the_filled_job_is_judged_by_the_policy(world: World, said: str) -> None:
    world.made = {"said": said}
    parent = await world.parent()
    child = await world.child(After(parent, "film"), note="Seen: {{ jobs.film.result.said }}", requires_approval=True)
    world.go_on.set()

    async def is_filled() -> bool:
        return not (await world.atlas.queries.job(child)).blocked

    await until(world.atlas, is_filled)
    job = await world.atlas.queries.job(child)
    assert (job.approval, job.payload["note"]) == ("pending", f"Seen: {storable(said)}")
    assert child not in world.begun


async def test_what_is_still_to_come_of_a_job_waits_for_its_time_after_its_filling_in_was_tried_again(
    world: World,
) -> None:
    parent = await world.parent()
    soon = clock.now() + timedelta(hours=1)
    child = await world.child(After(parent, "film"), note="{{ jobs.film.result.missing }}", run_at=soon)
    world.go_on.set()
    await until_status(world.atlas, child, Status.FAILED)
    await Job.filter(id=parent).update(result={"missing": "found"})
    await world.atlas.commands.retry(child)

    async def is_filled() -> bool:
        return not (await world.atlas.queries.job(child)).blocked

    await until(world.atlas, is_filled)
    assert (await world.atlas.queries.job(child)).due_at == soon
    assert child not in world.begun
