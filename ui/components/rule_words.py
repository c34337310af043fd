"""A rule of the approval policy in words."""

from collections.abc import Sequence

from engine.approvals.rules import NewRule
from models.approval import Creators, RuleKind


def headline(rule: NewRule) -> str:
    """The rule in a sentence, as whoever made it worded it."""
    if rule.kind == RuleKind.TRUST:
        return f"Trusted: {rule.title}{_how_many(rule, ', ')}"
    return f"Needs approval: {rule.title}"


def scope(rule: NewRule) -> str:
    """Which jobs it is about, exactly."""
    jobs = _either(rule.types) or "Every job"
    if rule.names:
        jobs += f" by {_either(rule.names)}"
    elif rule.creators != Creators.ANYONE:
        jobs += f" by {rule.creators}"
    where = [f"to {_either(names)}" for names in (rule.channels, rule.domains) if names]
    if rule.outside_domains:
        where.append(f"to any domain but {_either(rule.outside_domains)}")
    if rule.new_domains:
        where.append("to a domain where nothing approved went before")
    return " ".join([jobs, ", and ".join(where)]).strip() + _how_many(rule, ", ")


def terms(rule: NewRule) -> str:
    """Who has to approve, where anybody's one approval will not do, or where a link will."""
    told = []
    if rule.approvers > 1 or rule.approver_group:
        people = "1 person" if rule.approvers == 1 else f"{rule.approvers} people"
        told.append(f"by {people}" + (f" of {rule.approver_group}" if rule.approver_group else ""))
    if not rule.own:
        told.append("not by whoever made the job")
    whole = [f"Approved {', '.join(told)}"] if told else []
    return " · ".join([*whole, *(["May be decided by a link, without an account"] if rule.by_link else [])])


def _how_many(rule: NewRule, before: str) -> str:
    least, most = rule.min_recipients, rule.max_recipients
    if least is None and most is None:
        return ""
    if least is None:
        return f"{before}up to {_recipients(most)}"
    return f"{before}{_recipients(least)} or more" if most is None else f"{before}{least:,} to {_recipients(most)}"


def _recipients(number: int | None) -> str:
    return "1 recipient" if number == 1 else f"{number:,} recipients"


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
