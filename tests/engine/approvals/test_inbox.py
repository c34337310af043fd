"""What needs a person, the most urgent first, a page at a time; and one job with its review."""

from time import perf_counter
from typing import Any

import pytest

from engine import clock
from engine.actors import local
from engine.approvals.inbox import INBOX_PAGE
from engine.engine import Atlas
from engine.errors import NotFound
from engine.settings import Settings
from models.job import Job
from models.states import POISONOUS, UNKNOWN, Approval, Priority, Status
from tests.support.engine import running, stored_job, submitted

ROUNDS = 10
OPEN_WITHIN = 0.15  # seconds
MANY = 10_000


async def waiting(**columns: Any) -> int:
    """A job that waits for approval."""
    return int((await stored_job(approval=Approval.PENDING, **columns)).id)


async def failed(outcome: str) -> int:
    """A job that somebody has to settle."""
    return int((await stored_job(status=Status.FAILED, outcome=outcome, attempt=1)).id)


async def ids_of(atlas: Atlas, number: int = 1) -> list[int]:
    """The jobs of a page of the inbox, in their order."""
    return [job.id for job in (await atlas.queries.inbox.page(number)).jobs]


async def test_what_nobody_knows_comes_first_then_what_was_set_aside_then_approvals_by_priority_and_age(
    settings: Settings,
) -> None:
    async with running(settings) as atlas:
        old = await waiting()
        urgent = await waiting(priority=Priority.HIGH)
        paused = await waiting(status=Status.PAUSED)
        aside, unknown = await failed(POISONOUS), await failed(UNKNOWN)
        await stored_job(status=Status.FAILED, attempt=1)
        await stored_job(status=Status.CANCELLED, approval=Approval.PENDING)
        await stored_job(status=Status.COMPLETED, approval=Approval.APPROVED)
        assert await ids_of(atlas) == [unknown, aside, urgent, old, paused]
        assert await atlas.queries.inbox.count() == 5


async def test_it_is_read_a_page_at_a_time_and_each_job_is_on_one_page(settings: Settings) -> None:
    async with running(settings) as atlas:
        first = await failed(UNKNOWN)
        others = [await waiting() for _ in range(INBOX_PAGE + 3)]
        page = await atlas.queries.inbox.page(1)
        assert (page.number, page.pages, page.total) == (1, 2, INBOX_PAGE + 4)
        assert await ids_of(atlas, 1) == [first, *others[: INBOX_PAGE - 1]]
        assert await ids_of(atlas, 2) == others[INBOX_PAGE - 1 :]
        assert await ids_of(atlas, 99) == others[INBOX_PAGE - 1 :]
        for job_id, number in ((first, 1), (others[0], 1), (others[INBOX_PAGE - 2], 1), (others[-1], 2), (0, 1)):
            assert await atlas.queries.inbox.page_of(job_id) == number, job_id


async def test_a_job_that_is_decided_leaves_it(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "BLOG_POST", {"body": "# Spring"}, requires_approval=True)
        assert await ids_of(atlas) == [job_id]
        await atlas.reviews.approve(local(), job_id)
        assert await ids_of(atlas) == []


async def test_an_item_has_its_steps_its_versions_and_what_its_approval_still_takes(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "BLOG_POST", {"body": "# Spring"}, requires_approval=True)
        await atlas.reviews.comment(local(), job_id, "Which spring?")
        await atlas.revisions.revise(local(), job_id, {"body": "# Spring 2027"}, comment="This one")
        item = await atlas.queries.inbox.item(job_id)
        assert [(step.kind, step.comment) for step in item.review.steps] == [
            ("commented", "Which spring?"),
            ("revised", "This one"),
        ]
        assert [version.payload["body"] for version in item.review.versions] == ["# Spring", "# Spring 2027"]
        assert item.review.missing == ("1 more person (asked for when it was submitted)",)
        assert item.job.version == 2
        with pytest.raises(NotFound):
            await atlas.queries.inbox.item(job_id + 1)


async def test_to_open_an_item_takes_no_longer_beside_ten_thousand_others(settings: Settings) -> None:
    async with running(settings) as atlas:
        payload = {"title": "Words", "body": "word " * 300}

        async def opening() -> float:
            middle = (await atlas.queries.inbox.page(1)).jobs[INBOX_PAGE // 2].id
            taken = []
            for _ in range(ROUNDS):
                begun = perf_counter()
                preview = await atlas.queries.preview((await atlas.queries.inbox.item(middle)).job)
                taken.append(perf_counter() - begun)
                assert getattr(preview, "body", None) == payload["body"]
            return min(taken)

        await Job.bulk_create([_row(payload) for _ in range(INBOX_PAGE)])
        beside_few = await opening()
        await Job.bulk_create([_row(payload) for _ in range(MANY - INBOX_PAGE)], batch_size=500)
        beside_many = await opening()
        assert beside_many < OPEN_WITHIN
        assert beside_many < beside_few * 5
        assert (await atlas.queries.inbox.page(7)).total == MANY


def _row(payload: dict[str, Any]) -> Job:
    return Job(
        type="BLOG_POST",
        category="document",
        name="Write blog post",
        payload=payload,
        approval=Approval.PENDING,
        created_by="test",
        created_at=clock.now(),
        max_attempts=2,
    )
