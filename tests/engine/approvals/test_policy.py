"""Which jobs a rule is about, and what holds for a job when all rules are taken together."""

from collections.abc import Callable
from typing import Any

import pytest

from engine import clock
from engine.approvals.policy import Asked, Policy, Verdict, applies
from engine.events import Bus, PolicyChanged
from engine.jobs import load_registry
from engine.jobs.base import Audience
from models.approval import ApprovalRule, Creators, KnownDomain, RuleKind

MAIL = {"to": ["bob@example.org"], "subject": "Numbers", "body": "Here they are."}


def rule(**columns: Any) -> ApprovalRule:
    """A rule that leaves nothing out, but for these columns; it is not stored."""
    lists: dict[str, Any] = {name: [] for name in ("types", "names", "channels", "domains", "outside_domains")}
    usual = {"kind": RuleKind.REQUIRE, "title": "A rule", "created_by": "ada", "created_at": clock.now()}
    return ApprovalRule(**{**lists, **usual, **columns})


def asked(**more: Any) -> Asked:
    """A mail by the agent writer to three people at two domains, but for these."""
    to = Audience(3, frozenset({"example.org", "partner.example"}))
    return Asked(**{"type": "EMAIL_SEND", "created_by": "writer", "agent": "writer", "audience": to, **more})


def post(*channels: str) -> Asked:
    return asked(type="SOCIAL_POST", audience=Audience(channels=frozenset(channels)))


def by_person(**more: Any) -> Asked:
    return asked(created_by="ada", agent=None, **more)


TRUST = {"kind": RuleKind.TRUST}
OUTSIDE = {"outside_domains": ["example.org"]}
INSIDE_ONLY = asked(audience=Audience(2, frozenset({"example.org"})))
NEW = asked(new_domains=frozenset({"partner.example"}))


@pytest.mark.parametrize(
    ("columns", "job", "is_about_it"),
    [
        # whose
        ({}, asked(), True),
        ({}, by_person(), True),
        ({"creators": Creators.AGENTS}, asked(), True),
        ({"creators": Creators.AGENTS}, by_person(), False),
        ({"creators": Creators.PEOPLE}, by_person(), True),
        ({"creators": Creators.PEOPLE}, asked(), False),
        ({"names": ["scout", "writer"]}, asked(), True),
        ({"names": ["scout"]}, asked(), False),
        ({"names": ["ada"]}, by_person(), True),
        ({"names": ["ada"]}, asked(created_by="ada"), False),  # an agent does not become ada by saying so
        ({"names": ["writer"]}, asked(created_by="ada"), True),
        ({"creators": Creators.PEOPLE, "names": ["writer"]}, asked(), False),
        # what
        ({"types": ["EMAIL_SEND", "REPORT"]}, asked(), True),
        ({"types": ["REPORT"]}, asked(), False),
        # to which channels: one is enough to ask, all have to be named to be trusted
        ({"channels": ["news"]}, post("news", "blog"), True),
        ({"channels": ["news"]}, post("blog"), False),
        ({"channels": ["news"]}, asked(), False),
        ({"channels": ["news"], **TRUST}, post("news"), True),
        ({"channels": ["news"], **TRUST}, post("news", "blog"), False),
        ({"channels": ["news", "blog"], **TRUST}, post("news", "blog"), True),
        ({"channels": ["news"], **TRUST}, post(), False),
        # to which domains
        ({"domains": ["example.org"]}, asked(), True),
        ({"domains": ["elsewhere.example"]}, asked(), False),
        ({"domains": ["example.org"], **TRUST}, asked(), False),
        ({"domains": ["example.org"], **TRUST}, INSIDE_ONLY, True),
        ({"domains": ["example.org"], **TRUST}, post("news"), False),
        (OUTSIDE, asked(), True),
        (OUTSIDE, INSIDE_ONLY, False),
        (OUTSIDE, post("news"), False),
        ({"new_domains": True}, NEW, True),
        ({"new_domains": True}, asked(), False),
        # to how many, both ends included
        ({"min_recipients": 3}, asked(), True),
        ({"min_recipients": 4}, asked(), False),
        ({"max_recipients": 3}, asked(), True),
        ({"max_recipients": 2}, asked(), False),
        ({"min_recipients": 0}, post("news"), True),
        ({"min_recipients": 1}, post("news"), False),
        ({"max_recipients": 0}, asked(), False),
        # everything has to fit
        ({"types": ["EMAIL_SEND"], "names": ["writer"], "min_recipients": 2, **OUTSIDE}, asked(), True),
        ({"types": ["EMAIL_SEND"], "names": ["writer"], "min_recipients": 9, **OUTSIDE}, asked(), False),
    ],
)
def test_a_rule_is_about_what_fits_everything_that_it_names(
    columns: dict[str, Any], job: Asked, *, is_about_it: bool
) -> None:
    assert applies(rule(**columns), job) is is_about_it


# -- all rules together --------------------------------------------------------------------------------------

Judge = Callable[..., Any]
FROM_AGENTS = {"id": 1, "title": "Mail from agents", "types": ["EMAIL_SEND"], "creators": Creators.AGENTS}
TRUSTED = {"id": 2, "title": "Trusted", "types": ["EMAIL_SEND"], "names": ["writer"], **TRUST}
TWO_EDITORS = {"id": 3, "title": "Mail to anybody", "approvers": 2, "approver_group": "editors", "by_link": True}


async def judged(*rules: dict[str, Any], payload: dict[str, Any] | None = None, **more: Any) -> Verdict:
    """What holds for the agent's mail under these rules."""
    policy = Policy(Bus())
    policy.rules = [rule(**columns) for columns in rules]
    mail = load_registry().get("EMAIL_SEND")
    usual = {"created_by": "writer", "agent": "writer", "is_asked": False}
    return await policy.verdict(mail, mail.parse(payload or MAIL), **{**usual, **more})


def trusted_by(verdict: Verdict) -> str | None:
    return verdict.trusted_by.title if verdict.trusted_by else None


async def test_what_no_rule_is_about_needs_no_approval() -> None:
    assert (await judged()).terms is None
    assert (await judged(FROM_AGENTS, created_by="ada", agent=None)).terms is None


async def test_a_rule_that_only_trusts_asks_for_nothing() -> None:
    verdict = await judged(TRUSTED)
    assert (verdict.terms, verdict.trusted_by) == (None, None)


async def test_whoever_submits_can_only_add() -> None:
    alone = await judged(is_asked=True)
    assert alone.terms
    assert alone.terms.reason == "asked for when it was submitted"
    both = await judged(FROM_AGENTS, is_asked=True)
    assert both.terms
    assert both.terms.reason == "Mail from agents; asked for when it was submitted"
    assert trusted_by(await judged(FROM_AGENTS, TRUSTED)) == "Trusted"
    assert trusted_by(await judged(FROM_AGENTS, TRUSTED, is_asked=True)) is None, "what was asked for is not given away"


async def test_every_rule_that_asks_is_named_with_who_has_to_approve() -> None:
    verdict = await judged(FROM_AGENTS, TWO_EDITORS)
    assert verdict.terms
    assert verdict.terms.reason == "Mail from agents; Mail to anybody"
    assert [(need.rule_id, need.approvers, need.group) for need in verdict.terms.needs] == [
        (1, 1, None),
        (3, 2, "editors"),
    ]
    assert verdict.terms.agent == "writer"


@pytest.mark.parametrize("strict", [{"approvers": 2}, {"approver_group": "editors"}, {"own": False}])
async def test_trust_gives_one_approval_by_anybody_and_nothing_more(strict: dict[str, Any]) -> None:
    assert trusted_by(await judged(FROM_AGENTS, TRUSTED)) == "Trusted"
    verdict = await judged(FROM_AGENTS, {"id": 4, "title": "Strict", **strict}, TRUSTED)
    assert trusted_by(verdict) is None
    assert verdict.terms
    assert verdict.terms.reason == "Mail from agents; Strict"


async def test_a_revision_is_never_trusted() -> None:
    assert trusted_by(await judged(FROM_AGENTS, TRUSTED, may_trust=False)) is None


async def test_of_rules_that_differ_the_stricter_one_holds() -> None:
    open_one = {"id": 5, "title": "Open", "by_link": True}
    alone = await judged(open_one)
    assert alone.terms
    assert (alone.terms.own, alone.terms.by_link) == (True, True)
    closed = await judged(open_one, {"id": 6, "title": "Closed", "own": False})
    assert closed.terms
    assert (closed.terms.own, closed.terms.by_link) == (False, False)


@pytest.mark.usefixtures("database")
async def test_a_domain_is_new_until_something_approved_went_there() -> None:
    new = {"id": 7, "title": "First mail to a domain", "new_domains": True}
    to_both = {**MAIL, "to": ["bob@example.org"], "cc": ["eve@Partner.example"]}
    await KnownDomain.create(name="example.org", known_at=clock.now())
    assert (await judged(new)).terms is None
    first = await judged(new, payload=to_both)
    assert first.terms
    assert first.terms.reason == "First mail to a domain"
    await KnownDomain.create(name="partner.example", known_at=clock.now())
    assert (await judged(new, payload=to_both)).terms is None


@pytest.mark.usefixtures("database")
async def test_rules_are_read_without_those_revoked_and_a_change_is_told() -> None:
    bus, heard = Bus(), list[object]()
    bus.subscribe(heard.append)
    policy = Policy(bus)
    await rule(title="Holds").save()
    await rule(title="Revoked", revoked_at=clock.now()).save()
    await policy.load()
    titles = [each.title for each in policy.rules]
    assert "Holds" in titles
    assert "Revoked" not in titles
    policy.changed()
    assert heard == [PolicyChanged()]
