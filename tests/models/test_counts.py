"""The database keeps the numbers of jobs itself, whoever creates, moves or removes them."""

import pytest

from models import counts
from models.counts import fold_counts, job_counts
from models.database import connection, transaction
from models.job import Job
from models.states import Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")


async def counted() -> dict[tuple[str, Status], int]:
    """What the database keeps."""
    kept = await job_counts()
    return {kind: kept.among([kind[0]], statuses=[kind[1]]).total for kind in kept.kinds()}


async def test_every_way_of_a_job_is_counted() -> None:
    job = await stored_job(type="A")
    await stored_job(type="A", status=Status.FAILED)
    await stored_job(type="B", category="video")
    assert await counted() == {("A", Status.QUEUED): 1, ("A", Status.FAILED): 1, ("B", Status.QUEUED): 1}
    await Job.filter(type="A").update(status=Status.COMPLETED)
    assert await counted() == {("A", Status.COMPLETED): 2, ("B", Status.QUEUED): 1}
    assert (await job_counts()).by_category(without=[Status.COMPLETED]) == {"video": 1}
    await job.delete()
    await Job.filter(type="B").update(type="C")
    assert await counted() == {("A", Status.COMPLETED): 1, ("C", Status.QUEUED): 1}
    assert (await job_counts()).by_status == {"completed": 1, "queued": 1}


async def test_what_is_rolled_back_is_not_counted() -> None:
    async def submit_in_vain() -> None:
        async with transaction():
            await stored_job()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await submit_in_vain()
    assert await counted() == {}


async def test_numbers_that_are_folded_together_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "FOLD_FROM", 1)
    await stored_job(type="A")
    gone = await stored_job(type="B")
    await Job.filter(type="A").update(status=Status.RUNNING)
    await gone.delete()
    before = await counted()
    async with transaction() as writer:
        await fold_counts(writer)
    assert await counted() == before == {("A", Status.RUNNING): 1}
    rows = await connection().execute_query_dict("SELECT COUNT(*) AS n FROM job_count WHERE jobs <> 0")
    assert rows[0]["n"] == 1
