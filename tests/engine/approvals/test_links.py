"""Links for reviewers without an account: each is good for one decision, about what it was made for."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from engine.actors import Actor, Kind
from engine.approvals.links import LinkOver
from engine.approvals.reviews import Reviews
from engine.approvals.rules import NewRule
from engine.engine import Atlas
from engine.errors import InvalidInput, MoveNotAllowed, NotAllowed, NotFound, OwnWork, Superseded
from engine.settings import Settings
from models.approval import Review, ReviewKind, ReviewLink
from models.channel import Channel
from models.job import Job
from models.rights import Right, Scope, rights_of
from models.states import Move, Status
from tests.engine.approvals.test_lapsing import HOUR, MAIL, wind

pytestmark = pytest.mark.usefixtures("database")

ADA = Actor("ada", Kind.PERSON, frozenset(Right))
BEN = Actor("ben", Kind.PERSON, frozenset(Right))


@pytest.fixture
async def atlas(settings: Settings) -> Atlas:
    """With a rule of its own that allows links, instead of those that are shipped."""
    atlas = Atlas(settings)
    for rule in await atlas.rules.all():
        await atlas.rules.revoke(rule.id)
    return atlas


async def ruled(atlas: Atlas, **more: Any) -> None:
    await atlas.rules.add(NewRule(**{"kind": "require", "title": "Every mail", "by_link": True, **more}), "ada")


async def submitted(atlas: Atlas, type_key: str = "EMAIL_SEND", payload: dict[str, Any] | None = None) -> int:
    return (await atlas.commands.submit(type_key, payload or MAIL, created_by="bot", agent="bot")).id


async def linked(atlas: Atlas, *, by: Actor = ADA, hours: float = 48, **rule: Any) -> tuple[int, str]:
    """A job that waits, and the token of a link to it."""
    await ruled(atlas, **rule)
    job_id = await submitted(atlas)
    return job_id, await token_for(atlas, job_id, by=by, hours=hours)


async def token_for(atlas: Atlas, job_id: int, *, by: Actor = ADA, hours: float = 48) -> str:
    made = await atlas.links.create(by, job_id, "Eve of Acme", hours)
    return made.path.removeprefix("/review/")


async def approval_of(job_id: int) -> str | None:
    return (await Job.get(id=job_id)).approval


# -- deciding ------------------------------------------------------------------------------------------------


async def test_a_reviewer_approves_under_the_name_that_the_link_gives_them(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    shown = await atlas.links.look_at(token)
    assert (shown.job.id, shown.job.payload["subject"], shown.reviewer) == (job_id, "Numbers", "Eve of Acme")
    await atlas.links.decide(token, Move.APPROVE, comment="Fine", address="192.0.2.9")
    assert await approval_of(job_id) == "approved"
    (review,) = await Review.filter(job_id=job_id)
    assert (review.kind, review.actor, review.comment) == (
        ReviewKind.APPROVED,
        "Eve of Acme (link by ada)",
        "Fine",
    )
    approved, created = [entry for entry in await atlas.audit.entries() if "link" in f"{entry.actor} {entry.action}"]
    assert (created.action, created.actor, created.after["reviewer"]) == ("review_link.create", "ada", "Eve of Acme")
    assert (approved.action, approved.actor) == ("job.approve", "Eve of Acme (link by ada)")
    assert (approved.address, approved.target) == ("192.0.2.9", f"job {job_id}")


async def test_a_reviewer_rejects_with_the_reason(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    await atlas.links.decide(token, Move.REJECT, comment="Wrong month")
    job = await Job.get(id=job_id)
    assert (job.status, job.approval, job.error) == (Status.CANCELLED, "rejected", "Rejected: Wrong month")
    with pytest.raises(LinkOver):
        await atlas.links.decide(token, Move.APPROVE)


async def test_looking_decides_nothing_and_uses_nothing_up(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    for _ in range(3):
        await atlas.links.look_at(token)
    assert await approval_of(job_id) == "pending"
    assert (await ReviewLink.get()).used_at is None
    await atlas.links.decide(token, Move.APPROVE)
    assert (await ReviewLink.get()).used_at


async def test_a_link_is_good_for_one_decision_though_the_job_would_take_another(atlas: Atlas) -> None:
    job_id, token = await linked(atlas, approvers=2)
    decision = await atlas.links.decide(token, Move.APPROVE)
    assert decision.missing == ("1 more person (Every mail)",)
    for again in (Move.APPROVE, Move.REJECT):
        with pytest.raises(LinkOver, match="This link is not valid any more"):
            await atlas.links.decide(token, again)
    with pytest.raises(LinkOver):
        await atlas.links.look_at(token)
    assert await approval_of(job_id) == "pending"
    await atlas.reviews.approve(ADA, job_id)
    assert await approval_of(job_id) == "approved"


@pytest.mark.parametrize("approvers", [1, 2])
async def test_of_two_uses_at_once_one_decides(atlas: Atlas, approvers: int) -> None:
    """With two approvers the job itself would take both: then it is the link that takes one."""
    job_id, token = await linked(atlas, approvers=approvers)
    uses = (atlas.links.decide(token, Move.APPROVE) for _ in range(2))
    results = await asyncio.gather(*uses, return_exceptions=True)
    (fault,) = [result for result in results if isinstance(result, Exception)]
    assert isinstance(fault, LinkOver | Superseded), fault
    assert await Review.filter(job_id=job_id, kind=ReviewKind.APPROVED).count() == 1
    assert len([e for e in await atlas.audit.entries() if e.action == "job.approve"]) == 1


async def test_of_an_approval_and_a_rejection_by_one_link_at_once_one_holds(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    uses = (atlas.links.decide(token, move) for move in (Move.APPROVE, Move.REJECT))
    results = await asyncio.gather(*uses, return_exceptions=True)
    assert sum(isinstance(result, Exception) for result in results) == 1
    assert await Review.filter(job_id=job_id).count() == 1


# -- what is refused -----------------------------------------------------------------------------------------


async def test_a_link_that_was_tampered_with_or_made_up_opens_nothing(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    stored = (await ReviewLink.get()).digest
    for wrong in (changed, token[:-1], token + "A", token.swapcase(), stored, "", "é", "1"):
        with pytest.raises(LinkOver, match=r"^This link is not valid any more$"):
            await atlas.links.decide(wrong, Move.APPROVE)
    assert await approval_of(job_id) == "pending"


async def test_the_database_knows_no_link_that_works(atlas: Atlas) -> None:
    _, token = await linked(atlas)
    (row,) = await ReviewLink.all().values()
    assert len(token) == 43, "256 bits"
    assert token not in str(row)
    assert row["digest"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str([vars(entry) for entry in await atlas.audit.entries()])


async def test_a_link_ends_with_its_time(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, token = await linked(atlas, hours=2)
    wind(monkeypatch, 1.9 * HOUR)
    await atlas.links.look_at(token)
    wind(monkeypatch, 2 * HOUR + timedelta(seconds=1))
    for wish in (atlas.links.look_at(token), atlas.links.decide(token, Move.APPROVE)):
        with pytest.raises(LinkOver):
            await wish
    assert await approval_of(job_id) == "pending"


async def test_a_revision_ends_every_link_to_the_version_before(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    await atlas.revisions.revise(BEN, job_id, {**MAIL, "to": ["mallory@example.org"]})
    with pytest.raises(LinkOver):
        await atlas.links.look_at(token)
    with pytest.raises(Superseded, match="look at version 2"):
        await atlas.links.decide(token, Move.APPROVE)
    with pytest.raises(Superseded):
        await atlas.links.decide(token, Move.REJECT)
    assert await approval_of(job_id) == "pending"
    await atlas.links.decide(await token_for(atlas, job_id), Move.APPROVE)
    assert await approval_of(job_id) == "approved", "a new link is about the new version"


async def test_a_channel_that_leads_elsewhere_now_ends_the_link(atlas: Atlas) -> None:
    await ruled(atlas)
    await atlas.administration.connect_channel("news", "feed", "", {})
    job_id = await submitted(atlas, "SOCIAL_POST", {"text": "Hello", "channels": ["news"]})
    token = await token_for(atlas, job_id)
    await Channel.filter(name="news").update(url="https://elsewhere.example")
    with pytest.raises(LinkOver):
        await atlas.links.look_at(token)
    with pytest.raises(Superseded, match="a channel of job"):
        await token_for(atlas, job_id)
    with pytest.raises(Superseded):
        await atlas.links.decide(token, Move.APPROVE)
    assert await approval_of(job_id) == "pending"


async def test_a_decision_that_failed_leaves_the_link_as_it_was(atlas: Atlas) -> None:
    job_id, token = await linked(atlas)
    with pytest.raises(InvalidInput):
        await atlas.links.decide(token, Move.REJECT, comment="x" * 2001)
    await atlas.reviews.reject(BEN, job_id)
    with pytest.raises(Superseded, match="ben rejected this job at"):
        await atlas.links.decide(token, Move.APPROVE)
    assert (await ReviewLink.get()).used_at is None
    with pytest.raises(LinkOver):
        await atlas.links.look_at(token)
    await atlas.revisions.revise(BEN, job_id, MAIL)
    await atlas.links.decide(token, Move.APPROVE)
    assert await approval_of(job_id) == "approved", "what it was for waits again, as it was"


async def test_a_link_that_ends_while_its_decision_is_under_way_decides_nothing(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, token = await linked(atlas, hours=2)
    real = Reviews.approve

    async def late(*given: Any, **more: Any) -> Any:
        wind(monkeypatch, 3 * HOUR)
        return await real(*given, **more)

    monkeypatch.setattr(Reviews, "approve", late)
    with pytest.raises(LinkOver):
        await atlas.links.decide(token, Move.APPROVE)
    assert await approval_of(job_id) == "pending"
    assert not await Review.filter(job_id=job_id).exists(), "everything is undone with it"


# -- making links --------------------------------------------------------------------------------------------


async def test_only_where_every_rule_allows_it_and_the_refusal_says_which_does_not(atlas: Atlas) -> None:
    await ruled(atlas)
    await ruled(atlas, title="Mail of agents", by_link=False, creators="agents")
    job_id = await submitted(atlas)
    with pytest.raises(InvalidInput) as caught:
        await token_for(atlas, job_id)
    (rule,) = [rule for rule in await atlas.rules.all() if not rule.by_link]
    (fault,) = caught.value.errors
    assert fault.field == "by_link"
    assert f"by_link is off in the approval rule 'Mail of agents' ({rule.id})" in fault.message
    assert "Every mail" not in fault.message


async def test_what_somebody_asked_approval_for_without_a_rule_takes_an_account(atlas: Atlas) -> None:
    job_id = (await atlas.commands.submit("EMAIL_SEND", MAIL, requires_approval=True, created_by="ada")).id
    with pytest.raises(InvalidInput, match="no rule with by_link on asks for its approval"):
        await token_for(atlas, job_id)


async def test_nobody_chooses_who_approves_their_own_work_where_the_policy_says_so(atlas: Atlas) -> None:
    await ruled(atlas, own=False)
    job_id = (await atlas.commands.submit("EMAIL_SEND", MAIL, created_by="ada")).id
    with pytest.raises(OwnWork, match="ada made this job"):
        await token_for(atlas, job_id)
    token = await token_for(atlas, job_id, by=BEN)
    await atlas.reviews.reject(ADA, job_id)
    await atlas.revisions.revise(BEN, job_id, MAIL)  # the same content, and ben's version now
    with pytest.raises(OwnWork, match="ben made this job"):
        await atlas.links.decide(token, Move.APPROVE)
    assert (await ReviewLink.get()).used_at is None


async def test_a_job_that_waits_for_nobody_gets_no_link(atlas: Atlas) -> None:
    job_id, _ = await linked(atlas)
    await atlas.reviews.approve(ADA, job_id)
    with pytest.raises(MoveNotAllowed, match="does not wait for approval"):
        await token_for(atlas, job_id)
    with pytest.raises(NotFound):
        await token_for(atlas, 99)


@pytest.mark.parametrize(
    ("reviewer", "hours", "field"),
    [
        ("", 48, "reviewer"),
        ("  ", 48, "reviewer"),
        ("x" * 81, 48, "reviewer"),
        ("Eve\nadmin", 48, "reviewer"),
        ("Eve", 0, "hours"),
        ("Eve", -1, "hours"),
        ("Eve", 168.5, "hours"),
        ("Eve", float("nan"), "hours"),
        ("Eve", float("inf"), "hours"),
    ],
)
async def test_a_link_that_cannot_be_is_refused_by_its_field(
    atlas: Atlas, reviewer: str, hours: float, field: str
) -> None:
    await ruled(atlas)
    job_id = await submitted(atlas)
    with pytest.raises(InvalidInput) as caught:
        await atlas.links.create(ADA, job_id, reviewer, hours)
    assert [fault.field for fault in caught.value.errors] == [field]


@pytest.mark.parametrize("scope", Scope)
async def test_no_token_makes_a_link(atlas: Atlas, scope: Scope) -> None:
    await ruled(atlas)
    job_id = await submitted(atlas)
    token = Actor("bot", Kind.TOKEN, rights_of([scope]))
    with pytest.raises(NotAllowed):
        await atlas.office.desk_of(token).create_review_link(job_id, "Eve", 48)
    made = await atlas.office.desk_of(ADA).create_review_link(job_id, "Eve", 48)
    assert made.path not in repr(made)
