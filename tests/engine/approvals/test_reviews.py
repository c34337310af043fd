"""Decisions: bound to what was shown, one wins, may be undone for a while, and count as the policy says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.rules import NewRule
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, OwnWork, Superseded
from engine.settings import Settings
from engine.views import JobView
from models.approval import CHANGED_SINCE
from models.job import Job
from models.rights import Right
from models.states import Status
from tests.support.engine import changed, opened, running, submitted, until, until_status

MAIL = {"to": ["grace@example.org"], "subject": "Numbers", "body": "Here they are."}


def person(name: str, *groups: str) -> Actor:
    return Actor(name, Kind.PERSON, frozenset(Right), groups=frozenset(groups))


ADA, BOB, CY = person("ada"), person("bob", "legal"), person("cy")


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    """Nothing claims the jobs; approvals of mails may be undone for ten seconds."""
    chosen = changed(settings, undo_seconds=10)
    async with opened(chosen):
        atlas = Atlas(chosen)
        await atlas.rules.add(NewRule("require", "Everything", types=("REPORT",)), "test")
        yield atlas


async def held(atlas: Atlas, agent: str | None = "writer") -> JobView:
    """A mail in review."""
    return await atlas.queries.job(await submitted(atlas, "EMAIL_SEND", MAIL, agent=agent, requires_approval=not agent))


async def test_an_agents_mail_is_held_and_a_persons_goes(settings: Settings) -> None:
    async with running(settings) as atlas:
        mine = await submitted(atlas, "EMAIL_SEND", MAIL)
        theirs = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
        await until_status(atlas, mine, Status.COMPLETED)
        job = await atlas.queries.job(theirs)
        assert (job.status, job.approval) == (Status.QUEUED, "pending")
        assert job.approval_reason == "Mail from agents"
        assert job.waiting_for == "Waits for approval: Mail from agents"
        await atlas.reviews.approve(ADA, theirs, shown=job.content_hash)
        await until_status(atlas, theirs, Status.COMPLETED)


async def test_approving_a_mail_opens_a_window_in_which_it_may_be_undone(atlas: Atlas) -> None:
    job = await held(atlas)
    before = clock.now()
    decision = await atlas.reviews.approve(ADA, job.id)
    assert decision.undo_until
    assert before + timedelta(seconds=10) <= decision.undo_until <= clock.now() + timedelta(seconds=10)
    approved = await atlas.queries.job(job.id)
    assert (approved.approval, approved.undo_until, approved.due_at) == (
        "approved",
        decision.undo_until,
        decision.undo_until,
    )
    await atlas.reviews.undo(BOB, job.id)
    again = await atlas.queries.job(job.id)
    assert (again.approval, again.undo_until, again.due_at) == ("pending", None, None)


async def test_nothing_begins_before_the_window_is_over_not_even_at_somebodys_wish(atlas: Atlas) -> None:
    job = await held(atlas)
    await atlas.reviews.approve(ADA, job.id)
    with pytest.raises(MoveNotAllowed, match="whose approval may still be undone"):
        await atlas.commands.run_now(job.id)


async def test_a_job_that_is_to_run_later_waits_for_its_time_after_the_window(atlas: Atlas) -> None:
    later = clock.now() + timedelta(hours=3)
    job_id = await submitted(atlas, "EMAIL_SEND", MAIL, run_at=later, agent="writer")
    await atlas.reviews.approve(ADA, job_id)
    assert (await Job.get(id=job_id)).due_at == later
    await atlas.reviews.undo(ADA, job_id)
    assert (await Job.get(id=job_id)).due_at == later


async def test_what_runs_can_be_undone_no_more(atlas: Atlas) -> None:
    job = await held(atlas)
    await atlas.reviews.approve(ADA, job.id)
    await Job.filter(id=job.id).update(status=Status.RUNNING, attempt=1)
    with pytest.raises(MoveNotAllowed, match="a job that is running cannot have its approval undone; "):
        await atlas.reviews.undo(ADA, job.id)


async def test_the_second_to_decide_is_told_who_was_first(atlas: Atlas) -> None:
    job = await held(atlas)
    answers = await asyncio.gather(
        atlas.reviews.approve(ADA, job.id, shown=job.content_hash),
        atlas.reviews.reject(BOB, job.id, shown=job.content_hash, comment="No"),
        return_exceptions=True,
    )
    (lost,) = [answer for answer in answers if isinstance(answer, BaseException)]
    assert isinstance(lost, Superseded)
    after = await atlas.queries.job(job.id)
    winner = "ada approved" if after.approval == "approved" else "bob rejected"
    assert str(lost).startswith(f"{winner} this job at ")


async def test_what_was_not_shown_cannot_be_approved(atlas: Atlas) -> None:
    job = await held(atlas)
    revised = await atlas.revisions.revise(ADA, job.id, {**MAIL, "subject": "Others"})
    with pytest.raises(Superseded, match=f"job {job.id} would do something else than was shown: look at version 2"):
        await atlas.reviews.approve(BOB, job.id, shown=job.content_hash)
    await atlas.reviews.approve(BOB, job.id, shown=revised.content_hash)


async def test_a_channel_that_was_made_anew_is_another_one(atlas: Atlas) -> None:
    await atlas.administration.connect_channel("news", "feed")
    post = {"text": "Hello", "channels": ["news"]}
    job = await atlas.queries.job(await submitted(atlas, "SOCIAL_POST", post, agent="writer"))
    (channel,) = await atlas.queries.channels()
    await atlas.administration.remove_channel(channel.id)
    await atlas.administration.connect_channel("news", "feed")
    with pytest.raises(Superseded):
        await atlas.reviews.approve(ADA, job.id, shown=job.content_hash)
    looked_again = await atlas.queries.job(job.id)
    assert looked_again.content_hash != job.content_hash
    await atlas.reviews.approve(ADA, job.id, shown=looked_again.content_hash)


async def test_two_have_to_approve_where_the_policy_says_so(atlas: Atlas) -> None:
    await atlas.rules.add(NewRule("require", "Two look at mails", types=("EMAIL_SEND",), approvers=2), "test")
    job = await held(atlas)
    first = await atlas.reviews.approve(ADA, job.id)
    assert first.missing == ("1 more person (Two look at mails)",)
    once_more = await atlas.reviews.approve(ADA, job.id)
    assert once_more.missing, "the same person counts once"
    assert (await atlas.queries.job(job.id)).approval == "pending"
    assert (await atlas.queries.review(job.id)).missing == first.missing
    assert (await atlas.reviews.approve(CY, job.id)).missing == ()
    assert (await atlas.queries.job(job.id)).approval == "approved"


async def test_somebody_of_the_group_has_to_approve_where_the_policy_says_so(atlas: Atlas) -> None:
    await atlas.rules.add(
        NewRule("require", "Legal looks", types=("EMAIL_SEND",), approvers=1, approver_group="legal"), "test"
    )
    job = await held(atlas)
    assert (await atlas.reviews.approve(ADA, job.id)).missing == ("1 more person of legal (Legal looks)",)
    assert (await atlas.reviews.approve(BOB, job.id)).missing == ()


async def test_nobody_approves_their_own_work_where_the_policy_says_so(atlas: Atlas) -> None:
    await atlas.rules.add(NewRule("require", "Four eyes", types=("EMAIL_SEND",), own=False), "test")
    own = await submitted(atlas, "EMAIL_SEND", MAIL, created_by="ada")
    with pytest.raises(OwnWork, match="ada made this job, or its latest version"):
        await atlas.reviews.approve(ADA, own)
    theirs = await held(atlas)
    await atlas.revisions.revise(BOB, theirs.id, {**MAIL, "subject": "Others"})
    with pytest.raises(OwnWork, match="bob made this job"):
        await atlas.reviews.approve(BOB, theirs.id)
    await atlas.reviews.approve(ADA, theirs.id)


async def test_a_rejected_job_is_cancelled_with_the_comment_and_the_thread_stays(atlas: Atlas) -> None:
    job = await held(atlas)
    await atlas.reviews.comment(BOB, job.id, "Is that for everybody?")
    await atlas.reviews.reject(ADA, job.id, comment=" Too long ")
    after = await atlas.queries.job(job.id)
    assert (after.status, after.approval, after.error) == (Status.CANCELLED, "rejected", "Rejected: Too long")
    steps = (await atlas.queries.review(job.id)).steps
    assert [(step.kind, step.actor, step.comment) for step in steps] == [
        ("commented", "bob", "Is that for everybody?"),
        ("rejected", "ada", "Too long"),
    ]


@pytest.mark.parametrize("comment", ["", "  ", "x" * 2001])
async def test_a_comment_says_something_and_not_too_much(atlas: Atlas, comment: str) -> None:
    job = await held(atlas)
    with pytest.raises(InvalidInput, match="comment must"):
        await atlas.reviews.comment(ADA, job.id, comment)


async def test_a_comment_needs_a_job(atlas: Atlas) -> None:
    with pytest.raises(NotFound, match="there is no job 4711"):
        await atlas.reviews.comment(ADA, 4711, "Hello")


async def test_every_decision_is_in_the_audit_log_with_the_hash(atlas: Atlas) -> None:
    job = await held(atlas)
    await atlas.reviews.approve(ADA, job.id)
    await atlas.reviews.undo(ADA, job.id)
    await atlas.reviews.reject(BOB, job.id, comment="No")
    told = await atlas.audit.entries(text=f"job {job.id}")
    decided = [(entry.actor, entry.action, entry.after["content_hash"]) for entry in reversed(told)]
    assert decided == [
        ("ada", "job.approve", job.content_hash),
        ("ada", "job.undo_approval", job.content_hash),
        ("bob", "job.reject", job.content_hash),
    ]


async def test_what_a_rule_trusts_goes_by_itself_and_each_use_is_told(atlas: Atlas) -> None:
    trust = NewRule("trust", "Writer's mails", types=("EMAIL_SEND",), names=("writer",), max_recipients=3)
    rule = await atlas.rules.add(trust, "boss")
    job = await held(atlas)
    assert (job.approval, job.trusted_by) == ("approved", rule.id)
    (step,) = (await atlas.queries.review(job.id)).steps
    assert (step.kind, step.rule_id, step.comment) == ("trusted", rule.id, "Writer's mails")
    assert [view.uses for view in await atlas.rules.all() if view.id == rule.id] == [1]
    (entry,) = await atlas.audit.entries(action="job.trust")
    assert entry.after == {"rule": rule.id, "content_hash": job.content_hash}
    await atlas.rules.revoke(rule.id)
    assert (await held(atlas)).approval == "pending"


async def test_what_asks_for_approval_itself_is_never_trusted(atlas: Atlas) -> None:
    await atlas.rules.add(NewRule("trust", "Writer's", types=("EMAIL_SEND",), names=("writer",)), "boss")
    asked = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer", requires_approval=True)
    assert (await atlas.queries.job(asked)).approval == "pending"


async def test_an_undone_approval_makes_no_domain_known(atlas: Atlas) -> None:
    await atlas.rules.add(NewRule("require", "A new domain", types=("EMAIL_SEND",), new_domains=True), "test")
    first = await submitted(atlas, "EMAIL_SEND", MAIL)
    assert (await atlas.queries.job(first)).approval_reason == "A new domain"
    await atlas.reviews.approve(ADA, first)
    await atlas.reviews.undo(ADA, first)
    assert (await atlas.queries.job(await submitted(atlas, "EMAIL_SEND", MAIL))).approval == "pending"
    await atlas.reviews.approve(ADA, first)
    assert (await atlas.queries.job(await submitted(atlas, "EMAIL_SEND", MAIL))).approval is None
    await atlas.revisions.revise(BOB, first, {**MAIL, "subject": "Others"})
    assert (await atlas.queries.job(await submitted(atlas, "EMAIL_SEND", MAIL))).approval == "pending"


async def test_what_was_changed_by_another_hand_is_asked_about_again_and_never_done(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer", run_at=clock.now() + timedelta(hours=1))
        await atlas.reviews.approve(ADA, job_id)
        await Job.filter(id=job_id).update(payload={**MAIL, "to": ["eve@example.org"]}, due_at=None)

        async def asked_again() -> bool:
            return (await atlas.queries.job(job_id)).approval == "pending"

        await until(atlas, asked_again)
        job = await atlas.queries.job(job_id)
        assert (job.status, job.attempt, job.started_at) == (Status.QUEUED, 0, None)
        (_, voided) = (await atlas.queries.review(job_id)).steps
        assert (voided.kind, voided.comment) == (
            "voided",
            CHANGED_SINCE,
        )
        assert await atlas.queries.attempts(job_id) == []


async def test_a_status_that_somebody_wrote_into_the_database_is_no_approval(settings: Settings) -> None:
    async with running(settings) as atlas:
        job_id = await submitted(atlas, "EMAIL_SEND", MAIL, agent="writer")
        await Job.filter(id=job_id).update(approval="approved")

        async def asked_again() -> bool:
            return (await atlas.queries.job(job_id)).approval == "pending"

        await until(atlas, asked_again)
        assert await atlas.queries.attempts(job_id) == []
