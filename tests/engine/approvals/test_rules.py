"""Rules are checked field by field, revoked once, and suggested from what was always approved as it was."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.rules import LOOK_BACK, MAX_RULES, NewRule, RuleView, Suggestion
from engine.engine import Atlas
from engine.errors import InvalidInput, NotAllowed, NotFound
from engine.events import PolicyChanged
from engine.settings import Settings
from models.approval import ApprovalRule, Review, RuleKind
from models.rights import RIGHTS_OF_ROLE, Right, Role
from tests.support.engine import Recorder, running

ADA = Actor("ada", Kind.PERSON, RIGHTS_OF_ROLE[Role.ADMIN])
WRITER = Actor("writer", Kind.TOKEN, frozenset({Right.LOOK, Right.OPERATE}))
MAIL = {"to": ["bob@example.org"], "subject": "Numbers", "body": "Here they are."}
REQUIRE = NewRule(RuleKind.REQUIRE, "Mail to many", types=("EMAIL_SEND",), min_recipients=20)
TRUST = NewRule(RuleKind.TRUST, "Mail by writer", types=("EMAIL_SEND",), names=("writer",))


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    async with running(settings) as atlas:
        yield atlas


async def faults_of(atlas: Atlas, new: NewRule) -> dict[str, str]:
    """What is wrong with the rule, by field."""
    with pytest.raises(InvalidInput) as refused:
        await atlas.rules.add(new, "ada")
    return {fault.field: fault.message for fault in refused.value.errors}


# -- add -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"kind": "allow"}, "kind", "kind must be require or trust, not 'allow'"),
        ({"creators": "robots"}, "creators", "creators must be anyone or agents or people, not 'robots'"),
        ({"title": "  "}, "title", "title must have 1 to 200 printable characters"),
        ({"title": "x" * 201}, "title", "title must have 1 to 200 printable characters"),
        ({"title": "two\nlines"}, "title", "title must have 1 to 200 printable characters"),
        ({"types": ("SMOKE_SIGNAL",)}, "types", "not 'SMOKE_SIGNAL'"),
        ({"channels": ("nowhere",)}, "channels", "there is no channel 'nowhere'"),
        ({"channels": ("no\0where",)}, "channels", "there is no channel 'no\\x00where'"),
        ({"domains": ("a b",)}, "domains", "domains must be domains, as example.org, not 'a b'"),
        ({"outside_domains": ("-x-",)}, "outside_domains", "outside_domains must be domains, as example.org"),
        ({"names": tuple(f"agent {n}" for n in range(101))}, "names", "names must have at most 100 entries"),
        ({"domains": tuple(f"d{n}.org" for n in range(101))}, "domains", "domains must have at most 100 entries"),
        ({"min_recipients": -1}, "min_recipients", "min_recipients must be 0 to 100,000, not -1"),
        ({"max_recipients": 100_001}, "max_recipients", "max_recipients must be 0 to 100,000, not 100001"),
        ({"approvers": 0}, "approvers", "approvers must be 1 to 20, not 0"),
        ({"approvers": 21}, "approvers", "approvers must be 1 to 20, not 21"),
        ({"approver_group": "x" * 65}, "approver_group", "approver_group must have at most 64 printable characters"),
        ({"approver_group": "a\nb"}, "approver_group", "approver_group must have at most 64 printable characters"),
        ({"names": ("a\nb",)}, "names", "names must have at most 200 printable characters, not"),
        ({"min_recipients": 5, "max_recipients": 3}, "max_recipients", "must be at least min_recipients, 5, not 3"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_at_its_field(
    atlas: Atlas, changes: dict[str, Any], field: str, told: str
) -> None:
    faults = await faults_of(atlas, replace(REQUIRE, **changes))
    assert list(faults) == [field]
    assert told in faults[field]
    assert "Mail to many" not in [view.title for view in await atlas.rules.all()]


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"names": ()}, "names", "names must say whose jobs are trusted"),
        ({"types": ()}, "types", "types must say which jobs are trusted"),
        ({"outside_domains": ("example.org",)}, "outside_domains", "are for rules that ask for approval"),
        ({"new_domains": True}, "outside_domains", "are for rules that ask for approval"),
        ({"approvers": 2}, "approvers", "are for rules that ask for approval"),
        ({"approver_group": "editors"}, "approvers", "are for rules that ask for approval"),
        ({"own": False}, "approvers", "are for rules that ask for approval"),
        ({"by_link": True}, "approvers", "are for rules that ask for approval"),
    ],
)
async def test_trust_is_given_to_somebody_for_something_and_asks_for_nothing(
    atlas: Atlas, changes: dict[str, Any], field: str, told: str
) -> None:
    faults = await faults_of(atlas, replace(TRUST, **changes))
    assert list(faults) == [field]
    assert told in faults[field]


async def test_every_fault_is_told_at_once(atlas: Atlas) -> None:
    bad = replace(REQUIRE, kind="allow", title="", types=("SMOKE_SIGNAL",), channels=("nowhere",), approvers=0)
    assert set(await faults_of(atlas, bad)) == {"kind", "title", "types", "channels", "approvers"}


async def test_there_is_an_end_to_rules(atlas: Atlas) -> None:
    there = await ApprovalRule.filter(revoked_at=None).count()
    row = vars(replace(REQUIRE, evidence=None))
    columns = {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
    more = [ApprovalRule(**columns, created_by="ada", created_at=clock.now()) for _ in range(MAX_RULES - there)]
    await ApprovalRule.bulk_create(more)
    assert (await faults_of(atlas, REQUIRE))["title"] == "there are 200 rules already; revoke one first"


async def test_what_is_written_in_many_ways_is_kept_in_one(atlas: Atlas) -> None:
    view = await atlas.rules.add(
        replace(
            REQUIRE,
            title=" Mail ",
            domains=("@Example.org", "example.ORG ", ""),
            names=("ada", " ada"),
            channels=("feed",),
            approver_group="  ",
        ),
        "ada",
    )
    assert (view.title, view.domains, view.names, view.channels) == ("Mail", ("example.org",), ("ada",), ("feed",))
    assert (view.approver_group, view.created_by, view.uses, view.used_at) == (None, "ada", 0, None)
    assert (await atlas.rules.all())[-1] == view


async def test_a_new_rule_is_told_and_holds_for_the_next_job_with_its_reason(atlas: Atlas) -> None:
    heard = Recorder(atlas)
    await atlas.rules.add(replace(REQUIRE, title="Any mail", min_recipients=None), "ada")
    assert PolicyChanged() in heard.events
    made = await atlas.commands.submit("EMAIL_SEND", MAIL, created_by="ada", with_view=True)
    assert made.view
    assert (made.view.approval, made.view.approval_reason) == ("pending", "Any mail")


# -- revoke --------------------------------------------------------------------------------------------------


async def test_a_revoked_rule_holds_no_more_and_what_waits_goes_on_waiting(atlas: Atlas) -> None:
    rule = await atlas.rules.add(replace(REQUIRE, min_recipients=None), "ada")
    waiting = await atlas.commands.submit("EMAIL_SEND", MAIL, created_by="ada")
    heard = Recorder(atlas)
    assert (await atlas.rules.revoke(rule.id)).title == "Mail to many"
    assert PolicyChanged() in heard.events
    assert rule.id not in [view.id for view in await atlas.rules.all()]
    assert (await atlas.queries.job(waiting.id)).approval == "pending"
    after = await atlas.commands.submit("EMAIL_SEND", MAIL, created_by="ada")
    assert (await atlas.queries.job(after.id)).approval is None
    for gone in (rule.id, 99_999):
        with pytest.raises(NotFound, match=f"there is no approval rule {gone}"):
            await atlas.rules.revoke(gone)


async def test_only_administrators_change_the_policy_and_each_change_is_recorded(atlas: Atlas) -> None:
    approver = Actor("bob", Kind.PERSON, RIGHTS_OF_ROLE[Role.APPROVER], "approver")
    operator = Actor("eve", Kind.PERSON, RIGHTS_OF_ROLE[Role.OPERATOR], "operator")
    rule = await atlas.office.desk_of(ADA).add_rule(REQUIRE)
    for refused in (
        atlas.office.desk_of(approver).add_rule(REQUIRE),
        atlas.office.desk_of(approver).revoke_rule(rule.id),
        atlas.office.desk_of(operator).suggestions(),
    ):
        with pytest.raises(NotAllowed):
            await refused
    assert rule in await atlas.office.desk_of(operator).rules()
    assert await atlas.office.desk_of(approver).suggestions() == []
    await atlas.office.desk_of(ADA).revoke_rule(rule.id)
    revoked, added = await atlas.audit.entries(action="approval_rule.")
    assert (added.actor, added.action, added.target) == ("ada", "approval_rule.add", "approval rule Mail to many")
    assert added.after["min_recipients"] == 20
    assert (revoked.action, revoked.after["title"]) == ("approval_rule.revoke", "Mail to many")


# -- suggestions ---------------------------------------------------------------------------------------------


async def held(atlas: Atlas, actor: Actor = WRITER, **payload: Any) -> int:
    """A mail, or with `channels` a post, that waits for approval."""
    desk = atlas.office.desk_of(actor)
    kind, usual = ("SOCIAL_POST", {"text": "News"}) if "channels" in payload else ("EMAIL_SEND", MAIL)
    return (await desk.submit(kind, {**usual, **payload}, requires_approval=True)).id


async def approved(atlas: Atlas, times: int, actor: Actor = WRITER, **payload: Any) -> list[int]:
    """That many of them, approved as they were."""
    jobs = [await held(atlas, actor, **payload) for _ in range(times)]
    for job_id in jobs:
        await atlas.reviews.approve(ADA, job_id)
    return jobs


async def suggested(atlas: Atlas) -> dict[str, Suggestion]:
    return {each.rule.title: each for each in await atlas.rules.suggestions()}


async def test_five_approvals_as_they_were_suggest_trust_with_the_evidence(atlas: Atlas) -> None:
    before = clock.now()
    jobs = await approved(atlas, 4)
    assert await suggested(atlas) == {}
    jobs += await approved(atlas, 1)
    (suggestion,) = await atlas.rules.suggestions()
    assert (suggestion.approved, suggestion.jobs) == (5, tuple(reversed(jobs)))
    assert before <= suggestion.since <= clock.now()
    rule = suggestion.rule
    assert (rule.kind, rule.title, rule.types, rule.names) == (
        *("trust", "EMAIL_SEND by writer"),
        *(("EMAIL_SEND",), ("writer",)),
    )
    assert rule.evidence == {"approved": 5, "jobs": list(reversed(jobs))}


async def test_one_job_that_was_approved_again_and_again_earns_no_trust(atlas: Atlas) -> None:
    job_id = await held(atlas)
    await atlas.commands.pause(job_id)
    for _ in range(6):
        await atlas.reviews.approve(ADA, job_id)
        await atlas.reviews.undo(ADA, job_id)
    await atlas.reviews.approve(ADA, job_id)
    assert await suggested(atlas) == {}


async def test_a_suggestion_reaches_no_further_than_what_was_approved(atlas: Atlas) -> None:
    await approved(atlas, 4)
    await approved(atlas, 1, cc=["cy@example.net"])
    (suggestion,) = await atlas.rules.suggestions()
    assert suggestion.rule.domains == ("example.net", "example.org")
    assert suggestion.rule.max_recipients == 2
    await atlas.rules.add(suggestion.rule, "ada")
    within = await atlas.commands.submit("EMAIL_SEND", MAIL, agent="writer")
    beyond = await atlas.commands.submit("EMAIL_SEND", {**MAIL, "to": ["eve@elsewhere.net"]}, agent="writer")
    assert (await atlas.queries.job(within.id)).trusted_by is not None
    assert (await atlas.queries.job(beyond.id)).approval == "pending"


async def test_posts_are_suggested_by_the_channels_that_they_went_to(atlas: Atlas) -> None:
    await approved(atlas, 5, channels=["feed"])
    (suggestion,) = await atlas.rules.suggestions()
    assert suggestion.rule.title == "SOCIAL_POST by writer to feed"
    assert suggestion.rule.channels == ("feed",)


@pytest.mark.parametrize("spoil", ["reject", "revise"])
async def test_one_rejection_or_revision_spoils_it(atlas: Atlas, spoil: str) -> None:
    await approved(atlas, 6)
    await approved(atlas, 5, channels=["feed"])
    assert set(await suggested(atlas)) == {"EMAIL_SEND by writer", "SOCIAL_POST by writer to feed"}
    job_id = await held(atlas)
    if spoil == "reject":
        await atlas.reviews.reject(ADA, job_id, comment="No")
    else:
        await atlas.revisions.revise(ADA, job_id, {**MAIL, "subject": "Other numbers"})
    assert set(await suggested(atlas)) == {"SOCIAL_POST by writer to feed"}, "what is done elsewhere spoils nothing"


async def test_what_long_ago_was_approved_or_rejected_says_nothing(atlas: Atlas) -> None:
    await approved(atlas, 5)
    long_ago = clock.now() - LOOK_BACK - timedelta(days=1)
    await Review.all().update(at=long_ago)
    assert await suggested(atlas) == {}
    job_id = await held(atlas)
    await atlas.reviews.reject(ADA, job_id)
    await Review.filter(job_id=job_id).update(at=long_ago)
    await approved(atlas, 5)
    assert set(await suggested(atlas)) == {"EMAIL_SEND by writer"}


async def test_each_agent_is_judged_by_its_own_jobs_and_people_are_not(atlas: Atlas) -> None:
    scout = replace(WRITER, name="scout")
    await approved(atlas, 3)
    await approved(atlas, 3, scout)
    await approved(atlas, 6, replace(ADA, name="bob"))
    assert await suggested(atlas) == {}
    await approved(atlas, 2, scout)
    assert set(await suggested(atlas)) == {"EMAIL_SEND by scout"}


async def test_what_is_trusted_is_suggested_no_more_and_goes_without_a_person(atlas: Atlas) -> None:
    await approved(atlas, 5)
    desk = atlas.office.desk_of(ADA)
    (suggestion,) = await desk.suggestions()
    rule: RuleView = await desk.add_rule(suggestion.rule)
    assert await desk.suggestions() == []
    made = await atlas.office.desk_of(WRITER).submit("EMAIL_SEND", MAIL, with_view=True)
    assert made.view
    assert (made.view.approval, made.view.trusted_by) == ("approved", rule.id)
    (view,) = [view for view in await desk.rules() if view.id == rule.id]
    assert (view.uses, view.evidence) == (1, suggestion.rule.evidence)
    assert view.used_at
    await desk.revoke_rule(rule.id)
    assert set(await suggested(atlas)) == {"EMAIL_SEND by writer"}


# -- groups --------------------------------------------------------------------------------------------------


async def test_a_group_that_a_rule_asks_for_is_looked_up_at_each_wish(atlas: Atlas) -> None:
    rule = replace(REQUIRE, title="Mail to anybody", min_recipients=None, approver_group="editors")
    await atlas.rules.add(rule, "ada")
    person = await atlas.access.add_person("olga", "admin", "correct horse")
    secret = await atlas.access.begin_session(person, address="192.0.2.7", browser="Firefox")

    async def olga() -> Actor:
        actor = await atlas.access.of_session(secret)
        assert actor
        return actor

    desk = atlas.office.desk(olga)
    first, second = await held(atlas), await held(atlas)
    assert (await desk.approve(first)).missing == ("1 more person of editors (Mail to anybody)",)
    await atlas.office.desk_of(ADA).change_person(person, groups=["editors"])
    assert (await desk.approve(second)).missing == ()
    (entry,) = await atlas.audit.entries(action="person.change")
    assert (entry.target, entry.before["groups"], entry.after["groups"]) == ("person olga", [], ["editors"])
    await atlas.office.desk_of(ADA).change_person(person, groups=[])
    third = await held(atlas)
    assert (await desk.approve(third)).missing
