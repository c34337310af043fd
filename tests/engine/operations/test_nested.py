"""A decision that is made within an operation's transaction is stored with it, or not at all."""

import pytest

from models.database import transaction
from models.job import Job
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.usefixtures("database")


async def renamed(job: Job, name: str, *, fails: bool = False) -> None:
    """A transaction of its own, which may fail after it has written."""
    async with transaction():
        await Job.filter(id=job.id).update(name=name)
        if fails:
            raise ValueError("no")


async def names(other_program: OtherProgram) -> list[str]:
    """What others see."""
    return [row[0] for row in await other_program.run("SELECT name FROM job ORDER BY id")]


async def test_a_transaction_within_another_is_committed_with_it(other_program: OtherProgram) -> None:
    job = await stored_job(name="former")
    async with transaction():
        await Job.filter(id=job.id).update(summary="x")
        await renamed(job, "latter")
        assert await names(other_program) == ["former"], "nothing is committed before the end"
    assert await names(other_program) == ["latter"]


async def test_what_fails_within_is_taken_back_alone(other_program: OtherProgram) -> None:
    first, second = await stored_job(name="one"), await stored_job(name="two")
    async with transaction():
        await renamed(first, "first")
        with pytest.raises(ValueError, match="no"):
            await renamed(second, "second", fails=True)
        await Job.filter(id=second.id).update(summary="still there")
    assert await names(other_program) == ["first", "two"]
    assert (await Job.get(id=second.id)).summary == "still there"


async def test_what_fails_around_takes_everything_back(other_program: OtherProgram) -> None:
    job = await stored_job(name="former")
    with pytest.raises(ValueError, match="late"):
        await _renamed_then_failed(job)
    assert await names(other_program) == ["former"]
    await renamed(job, "latter")
    assert await names(other_program) == ["latter"]


async def _renamed_then_failed(job: Job) -> None:
    async with transaction():
        await renamed(job, "latter")
        raise ValueError("late")
