"""Failures by cause, and what else the home screen tells: as many as the lists behind it have."""

from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from engine import clock
from engine.causes import MOST_GROUPS
from engine.engine import Atlas
from engine.errors import PermanentError
from engine.finding import Criteria
from engine.jobs.base import Context
from engine.overview import FAILED_LATELY, OLDEST, Needs
from engine.settings import Settings
from models.cause import MAX_CAUSE, cause_of
from models.database import connection
from models.job import Job
from models.states import POISONOUS, UNKNOWN, Approval, Status
from tests.support.engine import running, scripted, stored_job, submitted, until_status

NOW = clock.now()


@pytest.fixture
def atlas(settings: Settings, database: None) -> Atlas:
    return Atlas(settings)


async def failed(error: str = "The farm answered 503", *, minutes: float = 0, **columns: Any) -> int:
    """A job that failed so long ago."""
    usual = {"error": error, "cause": cause_of(error), "finished_at": NOW - timedelta(minutes=minutes)}
    job = await stored_job(**{"status": Status.FAILED, **usual, **columns})
    return int(job.id)


async def test_what_failed_alike_is_one_group_and_the_largest_comes_first(atlas: Atlas) -> None:
    await failed("Frame 1 is broken", minutes=1)
    first = await failed(minutes=30)
    await failed(minutes=5)
    newest = await failed(minutes=10)
    other = await failed(type="OTHER")
    await stored_job(status=Status.COMPLETED)
    farm, same_elsewhere, frame = await atlas.queries.overview.causes()
    assert (farm.type, farm.cause, farm.jobs, farm.newest_id) == ("SCRIPTED", "The farm answered 503", 3, newest)
    assert (farm.since, farm.last_at) == (NOW - timedelta(minutes=30), NOW - timedelta(minutes=5))
    assert first < newest
    assert (same_elsewhere.type, same_elsewhere.jobs, same_elsewhere.newest_id) == ("OTHER", 1, other)
    assert frame.cause == "Frame … is broken"


async def test_those_that_nobody_knows_the_outcome_of_cannot_be_retried(atlas: Atlas) -> None:
    for outcome in (None, UNKNOWN, UNKNOWN, POISONOUS):
        await failed(outcome=outcome)
    (group,) = await atlas.queries.overview.causes()
    assert (group.jobs, group.retryable) == (4, 2)


async def test_a_group_has_as_many_jobs_as_the_list_that_it_leads_to(atlas: Atlas) -> None:
    for number in range(7):
        await failed(f"{'abcd'[number % 3] * 3} is broken", type="ONE" if number % 2 else "TWO")
    for group in await atlas.queries.overview.causes():
        assert group.jobs == await atlas.queries.finder.count(Criteria(types=(group.type,), cause=group.cause))


async def test_only_the_largest_groups_are_told(atlas: Atlas) -> None:
    for number in range(MOST_GROUPS + 3):
        await failed(f"{chr(97 + number) * 4} is broken")
    groups = await atlas.queries.overview.causes()
    assert len(groups) == MOST_GROUPS
    assert groups[0].cause == f"{chr(97 + MOST_GROUPS + 2) * 4} is broken"


async def test_ten_thousand_failures_are_grouped_in_a_moment(atlas: Atlas) -> None:
    usual = {
        "category": "task",
        "name": "A job",
        "payload": {},
        "created_by": "x",
        "created_at": NOW,
        "max_attempts": 5,
    }
    causes = [f"{'abcdefghijklmnopqrst'[number % 20]} is broken" for number in range(10_000)]
    rows = [Job(type="T", status=Status.FAILED, cause=cause, finished_at=NOW, **usual) for cause in causes]
    await Job.bulk_create(rows, batch_size=2000)
    if connection().capabilities.dialect == "postgres":
        await connection().execute_script("ANALYZE job")
    taken = []
    for _ in range(5):
        begun = perf_counter()
        groups = await atlas.queries.overview.causes()
        taken.append(perf_counter() - begun)
    assert min(taken) < 0.25
    assert {group.jobs for group in groups} == {500}


async def test_a_job_that_fails_has_a_cause_and_one_that_is_retried_has_none(settings: Settings) -> None:
    tries: list[int] = []

    async def fail(_: Context) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise PermanentError(f"film7.mp4 is broken: {'why not ' * 100}")
        return {}

    async with running(settings, scripted(fail)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.FAILED)
        cause = (await Job.get(id=job_id)).cause
        assert cause is not None
        assert cause.startswith("… is broken: why not")
        assert len(cause) <= MAX_CAUSE
        await atlas.commands.retry(job_id)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert (await Job.get(id=job_id)).cause is None
        assert await atlas.queries.overview.causes() == []


async def test_what_needs_a_person_is_counted_as_the_lists_count_it(atlas: Atlas) -> None:
    for outcome, minutes in ((None, 5), (None, 60 * 25), (UNKNOWN, 10), (UNKNOWN, 60 * 50), (POISONOUS, 60 * 26)):
        await failed(outcome=outcome, minutes=minutes)
    for status in (Status.QUEUED, Status.PAUSED, Status.CANCELLED):
        await stored_job(status=status, approval=Approval.PENDING)
    needs = await atlas.queries.overview.needs()
    assert needs == Needs(approvals=2, unknown=2, set_aside=1, failed_lately=2)
    assert not needs.nothing
    criteria = [Criteria(needs=word) for word in ("approval", "answer", "set-aside")]
    counts = [await atlas.queries.finder.count(each) for each in (*criteria, FAILED_LATELY)]
    assert counts == [needs.approvals, needs.unknown, needs.set_aside, needs.failed_lately]


async def test_an_empty_database_needs_nobody(atlas: Atlas) -> None:
    board = await atlas.queries.board()
    assert board.needs.nothing
    assert (board.statuses.total(), board.causes, board.oldest, board.online_since) == (0, [], [], None)


async def test_the_oldest_waiting_jobs_are_queued_and_their_time_has_come(atlas: Atlas) -> None:
    await stored_job(due_at=NOW + timedelta(days=1))
    await stored_job(status=Status.PAUSED)
    waiting = [(await stored_job(due_at=due)).id for due in (None, NOW - timedelta(hours=1), *[None] * OLDEST)]
    oldest = await atlas.queries.overview.oldest()
    assert [job.id for job in oldest] == waiting[:OLDEST]
    assert all(job.waiting_for for job in oldest)
