"""The policy: rules that say which jobs need approval, and which are trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from engine import clock
from engine.approvals.terms import ASKED, Need, Terms, joined
from engine.events import Bus, PolicyChanged
from engine.in_step import InStep
from engine.jobs import AnyJobType
from engine.jobs.base import Audience
from models.approval import ApprovalRule, Creators, KnownDomain, RuleKind


@dataclass(frozen=True)
class Asked:
    """A job as far as rules look at it."""

    type: str
    created_by: str
    agent: str | None
    audience: Audience
    new_domains: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """`terms` is None for a job that needs no approval; `trusted_by` is the rule that approves it by itself."""

    terms: Terms | None = None
    trusted_by: ApprovalRule | None = None


def both(verdicts: Sequence[Verdict]) -> Verdict:
    """What holds when all of these do; a rule approves it by itself only if one does wherever approval is needed."""
    needing = [verdict for verdict in verdicts if verdict.terms]
    if len(needing) < 2:
        return needing[0] if needing else Verdict()
    trusted = needing[0].trusted_by if all(verdict.trusted_by for verdict in needing) else None
    return Verdict(joined(verdict.terms for verdict in needing if verdict.terms), trusted)


class Policy(InStep):
    """Keeps the rules as the database says."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus, PolicyChanged, "the approval policy")
        self._bus = bus
        self.rules: list[ApprovalRule] = []

    async def load(self) -> None:
        """Read the rules that hold anew."""
        self.rules = await ApprovalRule.filter(revoked_at=None).order_by("id")

    async def verdict(
        self,
        job_type: AnyJobType,
        payload: Any,
        *,
        created_by: str,
        agent: str | None,
        is_asked: bool,
        may_trust: bool = True,
    ) -> Verdict:
        """What holds for a job of this content.

        `agent` is the program that submits it, if one does; `is_asked` whether whoever submits it asks for approval.
        """
        job = Asked(job_type.key, created_by, agent, job_type.audience(payload))
        if any(rule.new_domains for rule in self.rules) and job.audience.domains:
            known = await KnownDomain.filter(name__in=sorted(job.audience.domains)).values_list("name", flat=True)
            job = replace(job, new_domains=job.audience.domains - set(known))
        found = [rule for rule in self.rules if applies(rule, job)]
        required = [rule for rule in found if rule.kind is RuleKind.REQUIRE]
        if not required and not is_asked:
            return Verdict()
        terms = _terms(required, agent=agent, is_asked=is_asked)
        trusting = next((rule for rule in found if rule.kind is RuleKind.TRUST), None)
        if trusting and may_trust and not is_asked and not any(_is_strict(rule) for rule in required):
            return Verdict(terms, trusting)
        return Verdict(terms)

    def changed(self) -> None:
        """Tell everybody that the rules are others now."""
        self._bus.publish(PolicyChanged())


def applies(rule: ApprovalRule, job: Asked) -> bool:
    """Whether a rule is about a job: everything that it names has to fit."""
    return _fits_creator(rule, job) and (not rule.types or job.type in rule.types) and _fits_audience(rule, job)


def _fits_creator(rule: ApprovalRule, job: Asked) -> bool:
    if rule.creators is not Creators.ANYONE and (rule.creators is Creators.AGENTS) != bool(job.agent):
        return False
    return not rule.names or (job.agent or job.created_by) in rule.names


def _fits_audience(rule: ApprovalRule, job: Asked) -> bool:
    audience, is_trust = job.audience, rule.kind is RuleKind.TRUST
    some_or_all = all if is_trust else any  # one outsider is enough to ask, and one is too many to trust
    if rule.channels and not _each(some_or_all, audience.channels, rule.channels):
        return False
    if rule.domains and not _each(some_or_all, audience.domains, rule.domains):
        return False
    if rule.outside_domains and not audience.domains - set(rule.outside_domains):
        return False
    if rule.new_domains and not job.new_domains:
        return False
    if rule.min_recipients is not None and audience.recipients < rule.min_recipients:
        return False
    return rule.max_recipients is None or audience.recipients <= rule.max_recipients


def _each(some_or_all: Any, named: frozenset[str], wanted: Sequence[str]) -> bool:
    return bool(named) and bool(some_or_all(name in wanted for name in named))


def _is_strict(rule: ApprovalRule) -> bool:
    """Whether it asks for more than anybody's one approval: that no rule gives."""
    return rule.approvers > 1 or rule.approver_group is not None or not rule.own


def _terms(rules: Sequence[ApprovalRule], *, agent: str | None, is_asked: bool) -> Terms:
    needs = [Need(rule.title, rule.id, rule.approvers, rule.approver_group) for rule in rules]
    if is_asked:
        needs.append(ASKED)
    return Terms(
        tuple(needs),
        own=all(rule.own for rule in rules),
        by_link=bool(rules) and all(rule.by_link for rule in rules),
        agent=agent,
    )


async def forget_domains(domains: frozenset[str], since: datetime) -> None:
    """What was approved since then does not go there after all: a domain that it made known is new again."""
    await KnownDomain.filter(name__in=sorted(domains), known_at__gte=since).delete()


async def know_domains(domains: frozenset[str]) -> None:
    """Something that goes to these domains was approved: they are new no more."""
    now = clock.now()
    await KnownDomain.bulk_create(
        [KnownDomain(name=name, known_at=now) for name in sorted(domains)], ignore_conflicts=True
    )
