"""In the background, a few jobs at a time: stopped, undone, taken over, and always on somebody's behalf."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import NotAllowed, NotFound, Superseded
from engine.events import Event, JobChanged, OperationChanged
from engine.operations import carrier
from engine.settings import Settings
from models.job import Job
from models.operation import Operation, OperationItem
from models.person import Person
from models.rights import Role
from models.states import Approval, Priority, Status
from tests.engine.operations.support import carried_out, desk, done, jobs, somebody, statuses, undone
from tests.support.engine import changed, running, submitted, until
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.each

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


@pytest.fixture
def _in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs a transaction, however long they take."""
    monkeypatch.setattr(carrier, "BATCH", 2)
    monkeypatch.setattr(carrier, "HOLD_SECONDS", 60)
    monkeypatch.setattr(carrier, "TELL_SECONDS", 60)


async def audited(atlas: Atlas) -> list[tuple[str, str, Any]]:
    """The audit log's entries of operations, the oldest first."""
    entries = await atlas.audit.entries(action="operation.")
    return [(entry.actor, entry.action, entry.after) for entry in entries[::-1]]


def faults_of(atlas: Atlas) -> list[str]:
    """What keeps the engine from its work."""
    return list(atlas._health._faults.values())


# -- begin, proceed, end -------------------------------------------------------------------------------------


async def test_the_audit_log_tells_when_it_begins_and_when_it_ends(atlas: Atlas) -> None:
    failed, queued = await jobs(2), await jobs(1, status=Status.QUEUED)
    operation = await done(atlas, "retry", [*failed, *queued])
    assert await audited(atlas) == [
        ("local", "operation.begin", {"move": "retry", "jobs": 3}),
        ("local", "operation.end", {"move": "retry", "done": 2, "refused": 1, "left": 0}),
    ]
    assert (await atlas.audit.entries())[0].target == f"operation {operation.id}"
    await atlas.audit.verify()


@pytest.mark.either
@pytest.mark.usefixtures("_in_pairs")
async def test_pages_hear_of_it_when_it_begins_ends_and_not_too_often_between(atlas: Atlas) -> None:
    heard: list[Event] = []
    atlas.bus.subscribe(heard.append)
    ids = await jobs(20)
    operation = await done(atlas, "retry", ids)
    changes = [event for event in heard if event == OperationChanged(operation.id)]
    assert len(changes) == 3, "of ten transactions the first and the last"
    assert {event.job_id for event in heard if isinstance(event, JobChanged)} == set(ids)


async def test_an_engine_carries_it_out_by_itself(settings: Settings) -> None:
    async with running(settings) as atlas:
        ids = await jobs(30, type="GONE")
        begun = await desk(atlas).begin_operation("cancel", ids=ids)

        async def is_over() -> bool:
            return (await atlas.queries.operations.operation(begun.id)).finished_at is not None

        await until(atlas, is_over)
        assert set(await statuses(ids)) == {"cancelled"}


# -- stop ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_in_pairs")
async def test_what_is_stopped_leaves_the_rest_as_it_is(atlas: Atlas) -> None:
    ids = await jobs(6)
    begun = await desk(atlas).begin_operation("retry", ids=ids)
    assert await atlas._carrier.step(begun.id)
    assert (await desk(atlas).stop_operation(begun.id)).stop_asked
    operation = await carried_out(atlas, begun)
    assert (operation.total, operation.done, operation.refused) == (6, 2, 0)
    assert operation.finished_at
    assert await statuses(ids) == ["queued"] * 2 + ["failed"] * 4
    assert [action for _, action, _ in await audited(atlas)] == ["operation.begin", "operation.stop", "operation.end"]
    assert (await audited(atlas))[-1][2]["left"] == 4


@pytest.mark.either
async def test_stopping_what_is_over_changes_nothing(atlas: Atlas) -> None:
    operation = await done(atlas, "retry", await jobs(1))
    assert await desk(atlas).stop_operation(operation.id) == operation
    with pytest.raises(NotFound, match="there is no operation 99"):
        await desk(atlas).stop_operation(99)


# -- undo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("move", "status", "between"), [("pause", "queued", "paused"), ("resume", "paused", "queued")])
async def test_pausing_and_resuming_undo_each_other(atlas: Atlas, move: str, status: str, between: str) -> None:
    ids, other = await jobs(3, status=Status(status)), await jobs(1)
    operation = await done(atlas, move, [*ids, *other])
    assert operation.undoable
    assert await statuses(ids) == [between] * 3
    undoing = await undone(atlas, operation)
    assert (undoing.undo_of, undoing.total, undoing.done) == (operation.id, 3, 3)
    assert await statuses([*ids, *other]) == [status] * 3 + ["failed"]
    after = await atlas.queries.operations.operation(operation.id)
    assert (after.undoable, after.undone_by) == (False, undoing.id)
    with pytest.raises(Superseded, match=f"local has undone operation {operation.id} already"):
        await desk(atlas).undo_operation(operation.id)
    with pytest.raises(Superseded, match="there is no undoing of an undoing"):
        await desk(atlas).undo_operation(undoing.id)


async def test_undoing_gives_each_job_its_own_former_priority_unless_somebody_set_another(atlas: Atlas) -> None:
    ids = [(await jobs(1, priority=priority))[0] for priority in (*Priority, Priority.LOW)]
    operation = await done(atlas, "prioritize", ids, priority="high")
    await atlas.commands.set_priority(ids[-1], "medium")
    undoing = await undone(atlas, operation)
    now = [(await Job.get(id=job_id)).priority for job_id in ids]
    assert now == [*Priority, Priority.MEDIUM]
    (refusal,) = await atlas.queries.operations.refusals(undoing.id)
    assert (refusal.reason, refusal.job_ids) == ("somebody has changed its priority since", (ids[-1],))


async def test_approvals_can_be_undone_for_a_while(settings: Settings, database: None) -> None:
    atlas = Atlas(changed(settings, undo_seconds=60))
    ids = [(await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True)).id for _ in range(2)]
    operation = await done(atlas, "approve", ids)
    assert operation.undoable
    await undone(atlas, operation)
    assert [(await Job.get(id=job_id)).approval for job_id in ids] == [Approval.PENDING] * 2
    again = await done(atlas, "approve", ids)
    await Operation.filter(id=again.id).update(finished_at=clock.now() - timedelta(seconds=61))
    assert not (await atlas.queries.operations.operation(again.id)).undoable
    with pytest.raises(Superseded, match="could be undone for 60 s, and that is over"):
        await desk(atlas).undo_operation(again.id)


@pytest.mark.either
@pytest.mark.parametrize("move", ["cancel", "retry", "run_now"])
async def test_what_cannot_be_taken_back_is_not_undone(atlas: Atlas, move: str) -> None:
    waits = {"status": Status.QUEUED, "due_at": clock.now() + timedelta(hours=1)} if move == "run_now" else {}
    operation = await done(atlas, move, await jobs(1, **waits))
    assert operation.done == 1
    assert not operation.undoable
    with pytest.raises(Superseded, match=f"there is no undoing of {move.replace('_', ' ')}$"):
        await desk(atlas).undo_operation(operation.id)


@pytest.mark.either
async def test_what_is_under_way_or_changed_nothing_is_not_undone(atlas: Atlas) -> None:
    begun = await desk(atlas).begin_operation("pause", ids=await jobs(1))
    with pytest.raises(Superseded, match="is under way: stop it, then undo it"):
        await desk(atlas).undo_operation(begun.id)
    await carried_out(atlas, begun)
    with pytest.raises(Superseded, match="changed no job"):
        await desk(atlas).undo_operation(begun.id)


# -- on whose behalf -----------------------------------------------------------------------------------------


@pytest.mark.either
@pytest.mark.parametrize(("role", "move"), [(Role.VIEWER, "retry"), (Role.OPERATOR, "approve")])
async def test_it_takes_the_right_to_move_one_job(atlas: Atlas, role: Role, move: str) -> None:
    ada = await somebody("ada", role)
    with pytest.raises(NotAllowed, match=r"ada \("):
        await desk(atlas, ada).begin_operation(move, ids=await jobs(1))


@pytest.mark.usefixtures("_in_pairs")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("viewer", r"ada (viewer) may not create, cancel, retry, pause and settle jobs"),
        ("removed", "ada may not come in any more, and nothing more is done in that name"),
    ],
)
async def test_whoever_loses_the_right_midway_has_the_rest_refused(atlas: Atlas, change: str, told: str) -> None:
    ada, ids = await somebody("ada", Role.OPERATOR), await jobs(6)
    begun = await desk(atlas, ada).begin_operation("retry", ids=ids)
    await atlas._carrier.step(begun.id)
    person = Person.filter(id=ada.key)
    await (person.delete() if change == "removed" else person.update(role=Role.VIEWER))
    operation = await carried_out(atlas, begun)
    assert (operation.done, operation.refused) == (2, 4)
    assert await statuses(ids) == ["queued"] * 2 + ["failed"] * 4
    (refusal,) = await atlas.queries.operations.refusals(operation.id)
    assert refusal.reason.startswith(told)
    assert refusal.jobs == 4


@pytest.mark.either
async def test_a_revoked_token_does_nothing_more(atlas: Atlas) -> None:
    view, secret = await atlas.tokens.create("bot", ["jobs:write"], days=None, created_by="admin")
    bot = await atlas.tokens.holder(secret)
    assert bot
    (job_id,) = await jobs(1)
    begun = await desk(atlas, bot).begin_operation("retry", ids=[job_id])
    await atlas.tokens.revoke(view.id)
    assert (await carried_out(atlas, begun)).refused == 1
    assert await statuses([job_id]) == ["failed"]


@pytest.mark.either
async def test_whoever_sat_at_this_machine_is_nobody_once_people_sign_in(atlas: Atlas) -> None:
    (job_id,) = await jobs(1)
    begun = await desk(atlas).begin_operation("retry", ids=[job_id])
    await somebody("ada", Role.ADMIN)
    assert (await carried_out(atlas, begun)).refused == 1
    assert await statuses([job_id]) == ["failed"]


# -- by whom -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_in_pairs")
async def test_another_engine_takes_over_what_one_left_and_does_nothing_twice(
    atlas: Atlas, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "SILENT", timedelta(hours=1))
    ids = await jobs(6)
    begun = await desk(atlas).begin_operation("retry", ids=ids)
    await atlas._carrier.step(begun.id)
    await Job.filter(id__in=ids[:2]).update(status=Status.FAILED, max_attempts=1)  # they failed again
    other = Atlas(settings)
    assert not await other._carrier.step(begun.id), "the first was heard of just now"
    await Operation.filter(id=begun.id).update(beat_at=clock.now() - carrier.SILENT - timedelta(seconds=1))
    operation = await carried_out(other, begun)
    assert (operation.done, operation.refused) == (6, 0)
    assert await statuses(ids) == ["failed"] * 2 + ["queued"] * 4, "nobody retried the first two again"
    assert not await atlas._carrier.step(begun.id)


@pytest.mark.postgres
@pytest.mark.usefixtures("_in_pairs")
async def test_two_engines_at_once_do_each_job_once(atlas: Atlas, settings: Settings) -> None:
    ids = await jobs(10, attempt=1, max_attempts=1)
    begun = await desk(atlas).begin_operation("retry", ids=ids)
    other = Atlas(settings)
    await asyncio.gather(*(engine._carrier.step(begun.id) for engine in (atlas, other) for _ in range(3)))
    taken = (await Operation.get(id=begun.id)).engine_id
    assert taken in (atlas.id, other.id, None)
    winner = atlas if taken == atlas.id else other
    operation = await carried_out(winner, begun)
    assert (operation.done, operation.refused) == (10, 0)
    assert {(await Job.get(id=job_id)).max_attempts for job_id in ids} == {2}


@pytest.mark.either
async def test_an_engine_that_stops_lets_go_at_once(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL, requires_approval=True)
        begun = await desk(atlas).begin_operation("pause", ids=[job_id])
        await Operation.filter(id=begun.id).update(engine_id=atlas.id, beat_at=clock.now(), finished_at=None)
        await atlas._carrier._let_go()
        assert (await Operation.get(id=begun.id)).engine_id is None


@pytest.mark.usefixtures("_in_pairs")
async def test_what_is_done_and_that_it_was_done_are_stored_together(
    atlas: Atlas, other_program: OtherProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two would retry jobs that were retried already."""
    ids = await jobs(2)
    begun = await desk(atlas).begin_operation("retry", ids=ids)
    heard: list[Event] = []
    atlas.bus.subscribe(heard.append)

    async def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(carrier, "note_outcomes", crash)
        with pytest.raises(KeyboardInterrupt):
            async with asyncio.timeout(5):
                await atlas._carrier._batch(begun.id, 2)
    assert {row[0] for row in await other_program.run("SELECT status FROM job")} == {"failed"}
    assert await OperationItem.filter(outcome=None).count() == 2
    assert heard == [], "nobody hears of what did not happen"


@pytest.mark.either
async def test_while_the_database_is_in_trouble_it_waits_and_then_goes_on(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job_id,) = await jobs(1)
    begun = await desk(atlas).begin_operation("retry", ids=[job_id])

    async def broken(*_: Any) -> bool:
        raise OSError("no answer")

    with monkeypatch.context() as away:
        away.setattr(carrier, "take", broken)
        away.setattr(carrier, "RETRY_SECONDS", 0)
        await atlas._carrier._go_on()
        assert faults_of(atlas) == ["an unexpected OSError: no answer"]
    await atlas._carrier._go_on()
    assert faults_of(atlas) == []
    assert (await atlas.queries.operations.operation(begun.id)).done == 1
