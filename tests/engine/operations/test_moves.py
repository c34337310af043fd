"""One wish about many jobs: each is moved as if somebody had moved it alone, and what was refused is told."""

from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound
from engine.finding import Criteria
from engine.operations import begin
from engine.views import RefusalView
from models.job import Job
from models.operation import OperationItem
from models.states import UNKNOWN, Approval, Priority, Status
from tests.engine.operations.support import carried_out, desk, done, jobs, statuses
from tests.support.engine import stored_job

LATER = clock.now() + timedelta(hours=1)
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
MOVES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cancel": ({"status": Status.QUEUED}, {"status": Status.CANCELLED}),
    "pause": ({"status": Status.QUEUED}, {"status": Status.PAUSED}),
    "resume": ({"status": Status.PAUSED}, {"status": Status.QUEUED}),
    "retry": ({"status": Status.FAILED, "error": "No"}, {"status": Status.QUEUED, "error": None}),
    "run_now": ({"status": Status.QUEUED, "due_at": LATER}, {"due_at": None}),
    "approve": ({"status": Status.QUEUED, "approval": Approval.PENDING}, {"approval": Approval.APPROVED}),
}


@pytest.mark.parametrize("move", MOVES)
async def test_each_job_is_moved(atlas: Atlas, move: str) -> None:
    before, after = MOVES[move]
    ids = await jobs(3, type="EMAIL_SEND", payload=MAIL, **{"attempt": 0, **before})
    operation = await done(atlas, move, ids)
    assert (operation.total, operation.done, operation.refused) == (3, 3, 0)
    assert operation.finished_at
    for job_id in ids:
        row = await Job.get(id=job_id)
        assert {name: getattr(row, name) for name in after} == after


@pytest.mark.either
async def test_a_job_that_runs_is_asked_to_stop_once_that_is_stored(atlas: Atlas) -> None:
    """Its attempt would otherwise read that nobody has cancelled it."""
    (job_id,) = await jobs(1, status=Status.RUNNING)
    seen: list[str] = []
    atlas.bus.subscribe(lambda event: seen.append(type(event).__name__))
    await done(atlas, "cancel", [job_id])
    assert await statuses([job_id]) == ["cancelled"]
    assert {"JobChanged", "StopAsked"} <= set(seen)


@pytest.mark.either
async def test_the_report_groups_jobs_that_were_refused_for_the_same_reason(atlas: Atlas) -> None:
    failed, queued = await jobs(2), await jobs(7, status=Status.QUEUED)
    unknown = await jobs(1, outcome=UNKNOWN)
    operation = await done(atlas, "retry", [*failed, *queued, *unknown, 4711])
    assert (operation.total, operation.done, operation.refused) == (11, 2, 9)
    assert await atlas.queries.operations.refusals(operation.id) == [
        RefusalView("a job that is queued cannot be retried", 7, tuple(queued[:5])),
        RefusalView("a job that is failed and whose outcome is unknown cannot be retried", 1, tuple(unknown)),
        RefusalView("there is no such job", 1, (4711,)),
    ]


async def test_everything_that_matches_at_that_moment_is_moved_and_nothing_that_comes_later(atlas: Atlas) -> None:
    ids = await jobs(3, name="Render the trailer")
    other = await jobs(1, name="Something else")
    begun = await desk(atlas).begin_operation("retry", criteria=Criteria(q="trailer", statuses=(Status.FAILED,)))
    later = await jobs(1, name="Render the trailer")
    operation = await carried_out(atlas, begun)
    assert (operation.total, operation.criteria) == (3, {"q": "trailer", "statuses": ["failed"]})
    assert await statuses(ids) == ["queued"] * 3
    assert await statuses([*other, *later]) == ["failed"] * 2


async def test_a_priority_is_changed_and_the_former_one_kept(atlas: Atlas) -> None:
    (low,) = await jobs(1, priority=Priority.LOW)
    (running,) = await jobs(1, status=Status.RUNNING)
    operation = await done(atlas, "prioritize", [low, running], priority="high")
    assert ((await Job.get(id=low)).priority, (await Job.get(id=running)).priority) == (Priority.HIGH, Priority.MEDIUM)
    assert (operation.done, operation.refused, operation.arguments) == (1, 1, {"priority": "high"})
    assert (await OperationItem.get(job_id=low)).before == "low"


async def test_an_approval_holds_only_for_what_was_there_when_it_was_asked_for(atlas: Atlas) -> None:
    pending = {"status": Status.QUEUED, "attempt": 0, "approval": Approval.PENDING, "type": "EMAIL_SEND"}
    made = [(await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True)).id for _ in range(2)]
    assert (await Job.get(id=made[0])).approval == pending["approval"]
    begun = await desk(atlas).begin_operation("approve", ids=made)
    await desk(atlas).revise(made[1], {**MAIL, "subject": "Something else"})
    operation = await carried_out(atlas, begun)
    assert (operation.done, operation.refused) == (1, 1)
    assert [(await Job.get(id=job_id)).approval for job_id in made] == ["approved", "pending"]
    (refusal,) = await atlas.queries.operations.refusals(operation.id)
    assert refusal.reason == "it would do something else by now than was shown: look at it, then decide"


async def test_nothing_is_approved_that_was_not_there_yet_when_the_approval_was_asked_for(atlas: Atlas) -> None:
    job_id = (await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True)).id
    shown = await Job.get(id=job_id)
    await Job.filter(id=job_id).update(
        approval=None, content_hash=None, approval_terms=None
    )  # as before its filling in
    begun = await desk(atlas).begin_operation("approve", ids=[job_id])
    await Job.filter(id=job_id).update(
        approval=shown.approval, content_hash=shown.content_hash, approval_terms=shown.approval_terms
    )
    operation = await carried_out(atlas, begun)
    assert (operation.done, operation.refused) == (0, 1)
    assert (await Job.get(id=job_id)).approval == Approval.PENDING


@pytest.mark.either
@pytest.mark.parametrize(
    ("move", "more", "told"),
    [
        ("reject", {"ids": [1]}, "move must be one of cancel, pause, resume, retry, approve, run_now, prioritize"),
        ("retry", {"ids": []}, "ids must name at least one job"),
        ("retry", {"ids": [0]}, "ids must be whole numbers from 1 on, not 0"),
        ("retry", {}, "ids or criteria must say which jobs"),
        ("retry", {"ids": [1], "criteria": Criteria()}, "one of them and not both"),
        ("retry", {"criteria": Criteria(q="nowhere")}, "criteria must match at least one job, and nothing matches"),
        ("retry", {"criteria": Criteria(q="!!!")}, "nothing matches"),
        ("retry", {"criteria": Criteria(needs="money")}, "needs must be approval or answer.*, not 'money'"),
        ("prioritize", {"ids": [1]}, "priority must be high, medium or low, not ''"),
        ("prioritize", {"ids": [1], "arguments": {"priority": "top"}}, "priority must be high, medium or low"),
        ("retry", {"ids": [1], "arguments": {"priority": "high"}}, "arguments must fit the move: retry takes none"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(
    atlas: Atlas, move: str, more: dict[str, Any], told: str
) -> None:
    await jobs(1)
    with pytest.raises(InvalidInput, match=told):
        await desk(atlas).begin_operation(move, **more)
    assert await atlas.queries.operations.recent(None) == []


@pytest.mark.either
async def test_too_many_jobs_are_refused_and_none_is_touched(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begin, "MOST", 2)
    monkeypatch.setattr("engine.operations.terms.MOST", 2)
    ids = await jobs(3)
    with pytest.raises(InvalidInput, match="ids must name at most 2 jobs, not 3"):
        await desk(atlas).begin_operation("retry", ids=ids)
    with pytest.raises(InvalidInput, match="criteria must match at most 2 jobs, and more do: narrow them"):
        await desk(atlas).begin_operation("retry", criteria=Criteria())
    assert await OperationItem.all().count() == 0


@pytest.mark.either
async def test_a_job_that_is_named_twice_is_moved_once(atlas: Atlas) -> None:
    (job_id,) = await jobs(1)
    assert (await done(atlas, "retry", [job_id, job_id])).total == 1


@pytest.mark.either
async def test_a_job_that_cannot_even_be_read_keeps_no_other_from_its_turn(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await jobs(4)
    retry = atlas.commands.__class__.retry

    async def odd(self: Any, job_id: int) -> None:
        if job_id == ids[1]:
            raise TypeError("no such thing")
        await retry(self, job_id)

    monkeypatch.setattr(atlas.commands.__class__, "retry", odd)
    operation = await done(atlas, "retry", ids)
    assert (operation.done, operation.refused) == (3, 1)
    assert await atlas.queries.operations.refusals(operation.id) == [
        RefusalView("the move failed: no such thing", 1, (ids[1],))
    ]


async def test_what_operations_did_to_a_job_is_told_with_when_they_did_it(atlas: Atlas) -> None:
    job = await stored_job(status=Status.FAILED)
    begun = await desk(atlas).begin_operation("retry", ids=[job.id])
    its_turn = clock.now()
    await carried_out(atlas, begun)
    second = await done(atlas, "pause", [job.id])
    after = clock.now()
    await done(atlas, "retry", [job.id])  # refused
    told = await atlas.queries.operations.of_job(job.id)
    assert [(one.operation_id, one.actor, one.move) for one in told] == [
        (begun.id, "local", "retry"),
        (second.id, "local", "pause"),
    ]
    assert begun.created_at < its_turn <= told[0].at <= told[1].at <= after


@pytest.mark.either
async def test_those_under_way_are_listed_first_and_each_by_its_number(atlas: Atlas) -> None:
    (job_id,) = await jobs(1)
    open_one = await desk(atlas).begin_operation("retry", ids=[job_id])
    over = await done(atlas, "pause", [job_id])
    recent = await atlas.queries.operations.recent("local")
    assert [operation.id for operation in recent] == [open_one.id, over.id]
    assert await atlas.queries.operations.recent("ada") == []
    with pytest.raises(NotFound, match="there is no operation 99"):
        await atlas.queries.operations.operation(99)
