"""Every move on every status: done where the table of moves allows it, refused with what is allowed where not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import local
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.events import JobChanged
from engine.settings import Settings
from models.effect import Effect
from models.job import Job
from models.states import POISONOUS, UNKNOWN, Approval, Move, Phase, Status, allowed_moves
from tests.support.engine import Recorder, stored_job

pytestmark = pytest.mark.usefixtures("database")

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
ASK: dict[Move, Callable[[Atlas, int], Awaitable[object]]] = {
    Move.CANCEL: lambda atlas, job_id: atlas.commands.cancel(job_id),
    Move.PAUSE: lambda atlas, job_id: atlas.commands.pause(job_id),
    Move.RESUME: lambda atlas, job_id: atlas.commands.resume(job_id),
    Move.RETRY: lambda atlas, job_id: atlas.commands.retry(job_id),
    Move.APPROVE: lambda atlas, job_id: atlas.reviews.approve(local(), job_id),
    Move.REJECT: lambda atlas, job_id: atlas.reviews.reject(local(), job_id),
    Move.RESOLVE: lambda atlas, job_id: atlas.commands.resolve(job_id, went_out=True),
    Move.RUN_NOW: lambda atlas, job_id: atlas.commands.run_now(job_id),
    Move.UNDO_APPROVAL: lambda atlas, job_id: atlas.reviews.undo(local(), job_id),
    Move.REVISE: lambda atlas, job_id: atlas.revisions.revise(local(), job_id, MAIL),
    Move.PRIORITIZE: lambda atlas, job_id: atlas.commands.set_priority(job_id, "high"),
}
LATER = clock.now() + timedelta(days=1)
STATES: list[dict[str, Any]] = [
    *({"status": status} for status in Status),
    {"status": Status.FAILED, "outcome": UNKNOWN},
    {"status": Status.FAILED, "outcome": POISONOUS},
    {"status": Status.QUEUED, "due_at": LATER},
    {"status": Status.PAUSED, "due_at": LATER},
    {"status": Status.QUEUED, "approval": Approval.PENDING},
    {"status": Status.QUEUED, "approval": Approval.PENDING, "due_at": LATER},
    {"status": Status.PAUSED, "approval": Approval.PENDING},
    {"status": Status.QUEUED, "approval": Approval.APPROVED},
    {"status": Status.QUEUED, "approval": Approval.APPROVED, "attempt": 1},
    {"status": Status.PAUSED, "approval": Approval.APPROVED},
    {"status": Status.CANCELLED, "approval": Approval.REJECTED},
    {"status": Status.CANCELLED, "approval": Approval.LAPSED},
    {"status": Status.CANCELLED, "approval": Approval.APPROVED},
]
CANNOT = {
    Move.CANCEL: "be cancelled",
    Move.PAUSE: "be paused",
    Move.RESUME: "be resumed",
    Move.RETRY: "be retried",
    Move.APPROVE: "be approved",
    Move.REJECT: "be rejected",
    Move.RESOLVE: "be resolved",
    Move.RUN_NOW: "be run now",
    Move.UNDO_APPROVAL: "have its approval undone",
    Move.REVISE: "be revised",
    Move.PRIORITIZE: "be given another priority",
}
LEADS_TO = {
    Move.CANCEL: Status.CANCELLED,
    Move.PAUSE: Status.PAUSED,
    Move.RESUME: Status.QUEUED,
    Move.RETRY: Status.QUEUED,
    Move.REJECT: Status.CANCELLED,
    Move.RUN_NOW: Status.QUEUED,
}


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    """Nothing runs the jobs, so each stays where the test has put it."""
    return Atlas(settings)


@pytest.mark.parametrize("move", Move)
async def test_a_move_is_done_or_refused_as_the_table_says(atlas: Atlas, move: Move) -> None:
    for state in STATES:
        await is_done_or_refused(atlas, move, state)


async def is_done_or_refused(atlas: Atlas, move: Move, state: dict[str, Any]) -> None:
    usual = {"type": "EMAIL_SEND", "payload": MAIL, "attempt": 0 if "approval" in state else 1}
    job = await stored_job(**{**usual, **state})
    heard = Recorder(atlas)
    allowed = allowed_moves(
        job.status,
        approval=job.approval,
        outcome=job.outcome,
        waits=job.due_at is not None,
        is_tried=job.attempt > 0,
    )
    if move in allowed:
        await ASK[move](atlas, job.id)
        assert JobChanged(job.id) in heard.events
        after = await Job.get(id=job.id)
        expected = job.status if job.status is Status.RUNNING and move is Move.PAUSE else LEADS_TO.get(move)
        assert expected is None or after.status is expected
        return
    before = await Job.filter(id=job.id).values()
    with pytest.raises(MoveNotAllowed) as caught:
        await ASK[move](atlas, job.id)
    assert caught.value.allowed == sorted(allowed)
    words = ", ".join(sorted(allowed)).replace("_", " ") or "nothing more"
    assert str(caught.value).startswith(f"a job that is {job.status}")
    assert str(caught.value).endswith(f" cannot {CANNOT[move]}; allowed now: {words}")
    assert await Job.filter(id=job.id).values() == before
    assert heard.events == []


@pytest.mark.parametrize("move", Move)
async def test_a_job_that_does_not_exist_is_not_found(atlas: Atlas, move: Move) -> None:
    with pytest.raises(NotFound, match="there is no job 4711"):
        await ASK[move](atlas, 4711)


async def test_a_priority_is_set_and_an_odd_one_refused(atlas: Atlas) -> None:
    job = await stored_job(status=Status.PAUSED)
    await atlas.commands.set_priority(job.id, "high", instead_of="medium")
    assert (await atlas.queries.job(job.id)).priority == "high"
    with pytest.raises(InvalidInput, match="priority must be high, medium or low, not 'top'"):
        await atlas.commands.set_priority(job.id, "top")
    with pytest.raises(Superseded, match="somebody has changed its priority since"):
        await atlas.commands.set_priority(job.id, "low", instead_of="medium")


async def test_pausing_a_running_job_asks_it_to_stop_at_a_safe_point(atlas: Atlas) -> None:
    job = await stored_job(status=Status.RUNNING, attempt=1)
    await atlas.commands.pause(job.id)
    view = await atlas.queries.job(job.id)
    assert (view.status, view.pause_requested) == (Status.RUNNING, True)


async def test_retrying_keeps_the_attempts_that_are_left(atlas: Atlas) -> None:
    job = await stored_job(status=Status.FAILED, attempt=2, max_attempts=5, error="x", finished_at=clock.now())
    await atlas.commands.retry(job.id)
    after = await atlas.queries.job(job.id)
    assert (after.max_attempts, after.error, after.finished_at) == (5, None, None)


@pytest.mark.parametrize(("attempt", "granted"), [(5, 6), (9, 10)])
async def test_retrying_grants_one_attempt_more_when_all_are_used(atlas: Atlas, attempt: int, granted: int) -> None:
    job = await stored_job(status=Status.FAILED, attempt=attempt, max_attempts=5)
    await atlas.commands.retry(job.id)
    assert (await Job.get(id=job.id)).max_attempts == granted


async def test_approving_lets_the_job_go_and_keeps_it_queued(atlas: Atlas) -> None:
    job = await stored_job(approval=Approval.PENDING)
    await atlas.reviews.approve(local(), job.id)
    view = await atlas.queries.job(job.id)
    assert (view.approval, view.status) == ("approved", Status.QUEUED)


async def test_a_paused_job_that_is_approved_stays_paused(atlas: Atlas) -> None:
    job = await stored_job(status=Status.PAUSED, approval=Approval.PENDING)
    await atlas.reviews.approve(local(), job.id)
    assert (await Job.get(id=job.id)).status is Status.PAUSED


@pytest.mark.parametrize(("reason", "told"), [("Too long", "Rejected: Too long"), (None, "Rejected"), ("", "Rejected")])
async def test_rejecting_cancels_with_the_reason(atlas: Atlas, reason: str | None, told: str) -> None:
    job = await stored_job(approval=Approval.PENDING)
    await atlas.reviews.reject(local(), job.id, comment=reason)
    view = await atlas.queries.job(job.id)
    assert (view.status, view.approval, view.error) == (Status.CANCELLED, "rejected", told)
    assert view.finished_at


async def an_unknown_mail(**more: Any) -> Job:
    columns = {"type": "EMAIL_SEND", "payload": MAIL, "status": Status.FAILED, "outcome": UNKNOWN, "attempt": 1}
    job = await stored_job(**{**columns, **more})
    await an_effect(job, "mail", Phase.SENDING)
    return job


async def an_effect(job: Job, target: str, phase: Phase) -> None:
    identity, now = {"message_id": f"<{target}@example.org>"}, clock.now()
    await Effect.create(job_id=job.id, target=target, attempt=1, identity=identity, phase=phase, started_at=now)


async def test_a_person_who_says_that_it_went_out_completes_the_job(atlas: Atlas) -> None:
    job = await an_unknown_mail(error="No answer")
    await atlas.commands.resolve(job.id, went_out=True)
    view = await atlas.queries.job(job.id)
    assert (view.status, view.outcome, view.error, view.progress) == (Status.COMPLETED, None, None, 100)
    assert view.result == {"message": "Went out, as a person confirmed"}
    assert (await Effect.get(job_id=job.id)).phase is Phase.DONE


async def test_a_person_who_says_that_it_did_not_sends_it_back_with_its_identity(atlas: Atlas) -> None:
    job = await an_unknown_mail(attempt=5, max_attempts=5)
    await atlas.commands.resolve(job.id, went_out=False)
    view = await atlas.queries.job(job.id)
    assert (view.status, view.outcome, view.max_attempts) == (Status.QUEUED, None, 6)
    effect = await Effect.get(job_id=job.id)
    assert (effect.phase, effect.identity) == (Phase.FAILED, {"message_id": "<mail@example.org>"})
    assert effect.denied_at, "when it was said counts once the server has forgotten the identity"


@pytest.mark.parametrize(
    ("other", "status"), [(Phase.DONE, Status.COMPLETED), (Phase.FAILED, Status.QUEUED), (None, Status.QUEUED)]
)
async def test_what_is_still_open_is_done_after_the_unknown_one_went_out(
    atlas: Atlas, other: Phase | None, status: Status
) -> None:
    payload = {"text": "Hello", "channels": ["one", "two"]}
    job = await stored_job(type="SOCIAL_POST", payload=payload, status=Status.FAILED, outcome=UNKNOWN, attempt=1)
    await an_effect(job, "one", Phase.SENDING)
    if other:
        await an_effect(job, "two", other)
    await atlas.commands.resolve(job.id, went_out=True)
    assert (await Job.get(id=job.id)).status is status


async def test_each_of_several_effects_in_question_can_be_answered_for_itself(atlas: Atlas) -> None:
    payload = {"text": "Hello", "channels": ["one", "two"]}
    job = await stored_job(type="SOCIAL_POST", payload=payload, status=Status.FAILED, outcome=UNKNOWN, attempt=1)
    await an_effect(job, "one", Phase.SENDING)
    await an_effect(job, "two", Phase.SENDING)
    with pytest.raises(InvalidInput, match="target must be one of one, two, not 'three'"):
        await atlas.commands.resolve(job.id, went_out=True, target="three")
    await atlas.commands.resolve(job.id, went_out=True, target="one")
    view = await atlas.queries.job(job.id)
    assert (view.status, view.outcome) == (Status.FAILED, UNKNOWN), "the other still waits for its answer"
    await atlas.commands.resolve(job.id, went_out=False, target="two")
    assert (await Job.get(id=job.id)).status is Status.QUEUED
    effects = await Effect.filter(job_id=job.id).order_by("target")
    assert [effect.phase for effect in effects] == [Phase.DONE, Phase.FAILED]


async def test_of_two_answers_at_once_one_counts(atlas: Atlas) -> None:
    job = await an_unknown_mail()
    answers = (atlas.commands.resolve(job.id, went_out=answer) for answer in (True, False))
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), MoveNotAllowed]
    assert (await Job.get(id=job.id)).status is Status.COMPLETED


async def test_a_job_whose_type_is_gone_can_still_be_resolved(atlas: Atlas) -> None:
    job = await an_unknown_mail(type="REMOVED_TYPE")
    await atlas.commands.resolve(job.id, went_out=True)
    assert (await Job.get(id=job.id)).status is Status.COMPLETED


async def test_dismissing_a_failed_job_keeps_why_it_failed(atlas: Atlas) -> None:
    job = await stored_job(status=Status.FAILED, error="No such user")
    await atlas.commands.cancel(job.id)
    assert (await atlas.queries.job(job.id)).error == "No such user"


async def test_running_a_job_now_leaves_when_it_was_to_run_but_does_not_wait_for_it(atlas: Atlas) -> None:
    job = await stored_job(run_at=LATER, due_at=LATER)
    await atlas.commands.run_now(job.id)
    view = await atlas.queries.job(job.id)
    assert (view.status, view.due_at, view.run_at) == (Status.QUEUED, None, LATER)


@pytest.mark.parametrize("known", [None, Phase.FAILED, Phase.DONE])
async def test_a_person_who_says_that_a_restored_job_went_out_confirms_all_of_it(
    atlas: Atlas, known: Phase | None
) -> None:
    """The backup is older than what the job did, so no effect says that it was begun."""
    payload = {"text": "Hello", "channels": ["one", "two"]}
    job = await stored_job(type="SOCIAL_POST", payload=payload, status=Status.FAILED, outcome=UNKNOWN, attempt=1)
    if known:
        await an_effect(job, "one", known)
    await atlas.commands.resolve(job.id, went_out=True)
    assert (await Job.get(id=job.id)).status is Status.COMPLETED
    effects = await Effect.filter(job_id=job.id).order_by("target")
    assert [(effect.target, effect.phase) for effect in effects] == [("one", Phase.DONE), ("two", Phase.DONE)]


async def test_retrying_a_poisonous_job_gives_it_its_deaths_back(atlas: Atlas) -> None:
    job = await stored_job(status=Status.FAILED, outcome=POISONOUS, attempt=3, deaths=3)
    await atlas.commands.retry(job.id)
    after = await Job.get(id=job.id)
    assert (after.status, after.outcome, after.deaths) == (Status.QUEUED, None, 0)


async def test_an_answer_that_is_given_again_does_not_answer_for_a_later_attempt(atlas: Atlas) -> None:
    job = await an_unknown_mail(attempt=1)
    await atlas.commands.resolve(job.id, went_out=False, attempt=1)
    await Job.filter(id=job.id).update(status=Status.FAILED, outcome=UNKNOWN, attempt=2)
    await Effect.filter(job_id=job.id).update(phase=Phase.SENDING, attempt=2)
    with pytest.raises(MoveNotAllowed):
        await atlas.commands.resolve(job.id, went_out=False, attempt=1)
    assert (await Job.get(id=job.id)).outcome == UNKNOWN


@pytest.mark.parametrize("type_key", ["TEST_TYPE", "REMOVED_TYPE"])
async def test_no_is_no_for_a_type_that_names_no_targets_too(atlas: Atlas, type_key: str) -> None:
    job = await stored_job(type=type_key, status=Status.FAILED, outcome=UNKNOWN, attempt=1)
    await an_effect(job, "world", Phase.SENDING)
    await atlas.commands.resolve(job.id, went_out=False)
    assert (await Job.get(id=job.id)).status is Status.QUEUED


async def test_no_to_a_restored_job_is_remembered_and_its_time_is_kept(atlas: Atlas) -> None:
    job = await stored_job(status=Status.FAILED, outcome=UNKNOWN, attempt=0, run_at=LATER)
    await an_effect(job, "world", Phase.FAILED)
    await atlas.commands.resolve(job.id, went_out=False)
    after = await Job.get(id=job.id)
    assert (after.status, after.due_at) == (Status.QUEUED, LATER)
    assert (await Effect.get(job_id=job.id)).denied_at
