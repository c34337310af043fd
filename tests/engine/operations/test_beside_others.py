"""Beside somebody who decides about one of the same jobs: on PostgreSQL nobody waits for the other for ever."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from engine.actors import Actor, Kind
from engine.audit import Audit
from engine.engine import Atlas
from engine.errors import Superseded
from engine.operations import carrier
from engine.settings import Settings
from models.job import Job
from models.rights import Right
from models.states import Approval
from tests.engine.operations.support import carried_out, desk, done
from tests.support.engine import changed

pytestmark = pytest.mark.postgres

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
BOB = Actor("bob", Kind.PERSON, frozenset(Right))
ROUNDS = 10
SECONDS = 20.0

Decide = Callable[[Atlas, int], Coroutine[Any, Any, Any]]


def approve(atlas: Atlas, job_id: int) -> Coroutine[Any, Any, Any]:
    return atlas.reviews.approve(BOB, job_id)


def undo(atlas: Atlas, job_id: int) -> Coroutine[Any, Any, Any]:
    return atlas.reviews.undo(BOB, job_id)


@pytest.fixture
def atlas(settings: Settings, database: None, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    """Approvals of mails may be undone for a minute, nothing claims them, and no transaction ends for its length."""
    monkeypatch.setattr(carrier, "HOLD_SECONDS", SECONDS)
    return Atlas(changed(settings, undo_seconds=60))


@pytest.fixture
def other(settings: Settings, atlas: Atlas) -> Atlas:
    """Another process."""
    return Atlas(changed(settings, undo_seconds=60))


async def held(atlas: Atlas, count: int) -> list[int]:
    """Mails that wait for approval."""
    return [(await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True)).id for _ in range(count)]


async def approvals(ids: Sequence[int]) -> list[str | None]:
    """How far these jobs' approvals are."""
    return [(await Job.get(id=job_id)).approval for job_id in ids]


@pytest.mark.parametrize("decide", [approve, undo])
async def test_whoever_decides_about_a_job_whose_turn_comes_is_not_in_the_way(
    atlas: Atlas, other: Atlas, monkeypatch: pytest.MonkeyPatch, decide: Decide
) -> None:
    first, second = await held(atlas, 2)
    approved = await done(atlas, "approve", [first, second]) if decide is undo else None
    has_second, has_first = asyncio.Event(), asyncio.Event()
    append = Audit.append

    async def in_turn(audit: Audit, *given: Any) -> None:
        """The one has locked the second job; the other locks the first, and the log, before the one goes on."""
        if audit is other.audit:
            has_second.set()
            await has_first.wait()
        await append(audit, *given)
        if audit is atlas.audit and has_second.is_set():
            has_first.set()

    monkeypatch.setattr(Audit, "append", in_turn)
    async with asyncio.timeout(SECONDS):
        begun = await (desk(atlas).undo_operation(approved.id) if approved else _begin(atlas, [first, second]))
        alone = asyncio.ensure_future(decide(other, second))
        await has_second.wait()
        operation = await carried_out(atlas, begun)
        await alone
    assert (operation.done, operation.refused) == (1, 1)
    assert await approvals([first, second]) == [Approval.APPROVED if decide is approve else Approval.PENDING] * 2


async def test_many_who_decide_about_the_same_jobs_all_get_their_answer(atlas: Atlas, other: Atlas) -> None:
    for _ in range(ROUNDS):
        ids = await held(atlas, 8)
        begun = await _begin(atlas, ids)
        async with asyncio.timeout(SECONDS):
            operation, approved = await asyncio.gather(carried_out(atlas, begun), _each(other, ids[::-1]))
        assert (operation.done, operation.refused) == (8 - approved, approved)
        assert set(await approvals(ids)) == {Approval.APPROVED}


async def test_an_approval_and_the_undoing_of_another_do_not_wait_for_each_other(atlas: Atlas, other: Atlas) -> None:
    """Both are mails to one domain: what the one forgets the other knows."""
    for _ in range(ROUNDS):
        first, second = await held(atlas, 2)
        await approve(atlas, first)
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(undo(atlas, first), approve(other, second))
        assert await approvals([first, second]) == [Approval.PENDING, Approval.APPROVED]
        await undo(atlas, second)


async def _each(atlas: Atlas, ids: Sequence[int]) -> int:
    """Approves one after the other; how many nobody else had approved."""
    approved = 0
    for job_id in ids:
        with suppress(Superseded):
            await approve(atlas, job_id)
            approved += 1
    return approved


async def _begin(atlas: Atlas, ids: Sequence[int]) -> Any:
    return await desk(atlas).begin_operation("approve", ids=ids)
