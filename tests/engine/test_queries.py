"""What pages look at: lists by page, newest first, and counts that agree with them."""

from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import NotFound
from engine.queries import PAGE_SIZE
from engine.settings import Settings
from models.states import Approval, Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    return Atlas(settings)


async def jobs(count: int, **columns: Any) -> list[int]:
    return [(await stored_job(**columns)).id for _ in range(count)]


async def test_active_jobs_are_all_but_the_completed_and_cancelled_newest_first(atlas: Atlas) -> None:
    for status in Status:
        await stored_job(status=status)
    page = await atlas.queries.active_page()
    assert [job.status for job in page.jobs] == [Status.FAILED, Status.PAUSED, Status.RUNNING, Status.QUEUED]


async def test_completed_jobs_come_in_the_order_of_their_completion(atlas: Atlas) -> None:
    now = clock.now()
    early, late, middle = [
        (await stored_job(status=Status.COMPLETED, finished_at=now - timedelta(minutes=age))).id for age in (9, 1, 5)
    ]
    page = await atlas.queries.completed_page()
    assert [job.id for job in page.jobs] == [late, middle, early]


@pytest.mark.parametrize(
    ("asked", "number", "length"),
    [(1, 1, PAGE_SIZE), (2, 2, PAGE_SIZE), (3, 3, 1), (99, 3, 1), (0, 1, PAGE_SIZE), (-5, 1, PAGE_SIZE)],
)
async def test_a_page_that_does_not_exist_is_the_nearest_that_does(
    atlas: Atlas, asked: int, number: int, length: int
) -> None:
    ids = await jobs(2 * PAGE_SIZE + 1)
    page = await atlas.queries.active_page(number=asked)
    assert (page.number, page.pages, page.total, len(page.jobs)) == (number, 3, len(ids), length)
    start = (number - 1) * PAGE_SIZE
    assert [job.id for job in page.jobs] == ids[::-1][start : start + PAGE_SIZE]


async def test_an_empty_list_is_page_one_of_one(atlas: Atlas) -> None:
    page = await atlas.queries.active_page(number=7)
    assert (page.jobs, page.number, page.pages, page.total) == ((), 1, 1, 0)


async def test_a_category_filters_lists_and_its_count_is_what_they_show(atlas: Atlas) -> None:
    await jobs(3, category="video")
    await jobs(2, category="video", status=Status.COMPLETED, finished_at=clock.now())
    await jobs(4, category="video", status=Status.CANCELLED)
    await jobs(1, category="task")
    active, completed = await atlas.queries.active_page("video"), await atlas.queries.completed_page("video")
    assert (active.total, completed.total) == (3, 2)
    assert await atlas.queries.counts_by_category() == {"video": 5, "task": 1}
    assert (await atlas.queries.active_page("document")).total == 0


async def test_counts_by_status_are_of_all_jobs(atlas: Atlas) -> None:
    await jobs(2)
    await jobs(1, status=Status.CANCELLED)
    assert await atlas.queries.counts_by_status() == {"queued": 2, "cancelled": 1}


async def test_what_waits_for_approval_is_listed_oldest_first_until_it_is_decided(atlas: Atlas) -> None:
    queued = await jobs(1, approval=Approval.PENDING)
    paused = await jobs(1, approval=Approval.PENDING, status=Status.PAUSED)
    for columns in ({"approval": Approval.APPROVED}, {}, {"approval": Approval.PENDING, "status": Status.CANCELLED}):
        await jobs(1, **columns)
    assert [job.id for job in await atlas.queries.awaiting_approval()] == [*queued, *paused]


async def test_a_job_that_does_not_exist_is_not_found(atlas: Atlas) -> None:
    with pytest.raises(NotFound, match="there is no job 7"):
        await atlas.queries.job(7)
    assert await atlas.queries.jobs([7]) == []


@pytest.mark.parametrize(
    ("progress", "minutes", "left"), [(50, 10, 10), (25, 10, 30), (100, 10, 0), (0.5, 10, None), (0, 10, None)]
)
async def test_the_time_left_follows_from_the_pace_so_far(
    atlas: Atlas, progress: float, minutes: float, left: float | None
) -> None:
    now = clock.now()
    started = now - timedelta(minutes=minutes)
    job = await stored_job(status=Status.RUNNING, progress=progress, started_at=started)
    view = await atlas.queries.job(job.id)
    assert view.time_left(now) == (None if left is None else timedelta(minutes=left))


async def test_a_job_that_does_not_run_has_no_time_left(atlas: Atlas) -> None:
    job = await stored_job(status=Status.PAUSED, progress=50, started_at=clock.now())
    assert (await atlas.queries.job(job.id)).time_left(clock.now()) is None
