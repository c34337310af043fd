"""The rules of the approval policy: add, revoke, list, and what past decisions suggest."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from engine import clock
from engine.approvals.policy import Policy
from engine.approvals.reviews import audience_of
from engine.errors import FieldError, InvalidInput, NotFound
from engine.faults import shown
from engine.jobs import Registry
from models.approval import ApprovalRule, Creators, Review, ReviewKind, RuleKind
from models.channel import Channel
from models.content import channels_in
from models.database import storable
from models.job import Job
from models.states import Approval

MAX_RULES = 200
MAX_LIST = 100
MAX_TITLE = 200
MAX_APPROVERS = 20
SUGGEST_AFTER = 5  # decisions in a row
LOOK_BACK = timedelta(days=90)
LOOK_AT = 5000  # decisions
EVIDENCE_JOBS = 10

_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?")
_ONLY_ASKING = "are for rules that ask for approval"
_Streak = tuple[str, str, tuple[str, ...]]
_LISTS = ("types", "names", "channels", "domains", "outside_domains")


@dataclass(frozen=True)
class NewRule:
    """A rule as somebody words it; see `ApprovalRule` for what each field means."""

    kind: str
    title: str
    types: tuple[str, ...] = ()
    creators: str = Creators.ANYONE
    names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    outside_domains: tuple[str, ...] = ()
    new_domains: bool = False
    min_recipients: int | None = None
    max_recipients: int | None = None
    approvers: int = 1
    approver_group: str | None = None
    own: bool = True
    by_link: bool = False
    evidence: dict[str, Any] | None = None


@dataclass(frozen=True)
class RuleView(NewRule):
    """A rule that holds, and what it did."""

    id: int = 0
    created_by: str = ""
    created_at: datetime = datetime.min
    uses: int = 0
    used_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """What the rule says, for the audit log: whatever is not as it would be anyway."""
        plain = asdict(NewRule(kind="", title=""))
        return {name: value for name, value in asdict(self).items() if name in plain and value != plain[name]}


@dataclass(frozen=True)
class Suggestion:
    """A trust rule that past decisions speak for; `jobs` are the latest of those, newest first."""

    rule: NewRule
    approved: int
    since: datetime
    jobs: tuple[int, ...]


class Rules:
    """What administrators do with the policy."""

    def __init__(self, registry: Registry, policy: Policy) -> None:
        self._registry = registry
        self._policy = policy

    async def all(self) -> list[RuleView]:
        """Those that hold, oldest first."""
        return [_view(row) for row in await ApprovalRule.filter(revoked_at=None).order_by("id")]

    async def add(self, new: NewRule, created_by: str) -> RuleView:
        """Add a rule; it holds for jobs that are submitted or revised from now on.

        Raises:
            InvalidInput: naming every field at fault.
        """
        new = _tidied(new)
        faults = [*_faults(new), *self._unknown_types(new), *await _unknown_channels(new)]
        if await ApprovalRule.filter(revoked_at=None).count() >= MAX_RULES:
            faults.append(FieldError("title", f"there are {MAX_RULES} rules already; revoke one first"))
        if faults:
            raise InvalidInput(faults)
        columns: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(new).items()
        }
        row = ApprovalRule(**columns, created_by=created_by, created_at=clock.now())
        await row.save()
        await self._tell()
        return _view(row)

    async def revoke(self, rule_id: int) -> RuleView:
        """Let a rule hold no more; jobs that wait because of it go on waiting.

        Raises:
            NotFound: no rule that holds has this id.
        """
        if not await ApprovalRule.filter(id=rule_id, revoked_at=None).update(revoked_at=clock.now()):
            raise NotFound("approval rule", rule_id)
        row = await ApprovalRule.get(id=rule_id)
        await self._tell()
        return _view(row)

    async def suggestions(self) -> list[Suggestion]:
        """Trust rules for what was always approved as it was: by agent, type and channels.

        A job counts once, and only as it stands now. One rejection or revision is enough against it, and what a rule
        trusts already is not suggested. A suggestion reaches no further than what was approved.
        """
        kinds = [ReviewKind.APPROVED, ReviewKind.REJECTED, ReviewKind.REVISED]
        recent = Review.filter(kind__in=kinds, at__gte=clock.now() - LOOK_BACK).order_by("-id").limit(LOOK_AT)
        reviews = await recent
        jobs = {job.id: job for job in await _of_agents({review.job_id for review in reviews})}
        streaks: dict[_Streak, dict[int, Review]] = defaultdict(dict)
        spoilt: set[_Streak] = set()
        for review in reviews:
            if not (job := jobs.get(review.job_id)):
                continue
            streak = (job.type, str((job.approval_terms or {})["agent"]), tuple(sorted(channels_in(job.payload))))
            if review.kind is not ReviewKind.APPROVED:
                spoilt.add(streak)
            elif job.approval == Approval.APPROVED:  # neither undone nor voided since
                streaks[streak].setdefault(job.id, review)
        found = [
            self._suggestion(streak, made, [jobs[job_id] for job_id in made])
            for streak, made in streaks.items()
            if streak not in spoilt and len(made) >= SUGGEST_AFTER
        ]
        trusted = [rule for rule in self._policy.rules if rule.kind is RuleKind.TRUST]
        return [each for each in found if not _is_covered(each.rule, trusted)]

    def _suggestion(self, streak: _Streak, made: Mapping[int, Review], jobs: Sequence[Job]) -> Suggestion:
        job_type, agent, channels = streak
        audiences = [audience_of(self._registry, job) for job in jobs]
        shown = tuple(list(made)[:EVIDENCE_JOBS])
        where = f" to {', '.join(channels)}" if channels else ""
        rule = NewRule(
            kind=RuleKind.TRUST,
            title=f"{job_type} by {agent}{where}"[:MAX_TITLE],
            types=(job_type,),
            creators=Creators.AGENTS,
            names=(agent,),
            channels=channels,
            domains=tuple(sorted(frozenset[str]().union(*(each.domains for each in audiences))))[:MAX_LIST],
            max_recipients=max((each.recipients for each in audiences), default=0) or None,
            evidence={"approved": len(made), "jobs": list(shown)},
        )
        return Suggestion(rule, len(made), min(review.at for review in made.values()), shown)

    async def _tell(self) -> None:
        await self._policy.load()
        self._policy.changed()

    def _unknown_types(self, new: NewRule) -> list[FieldError]:
        known = ", ".join(each.key for each in self._registry)
        return [
            FieldError("types", f"types must be some of {known}, not {shown(key)}")
            for key in new.types
            if self._registry.find(key) is None
        ]


async def _unknown_channels(new: NewRule) -> list[FieldError]:
    rows = await Channel.filter(name__in=[storable(name) for name in new.channels])
    known = {row.name for row in rows}
    return [
        FieldError("channels", f"channels must be connected in Settings first; there is no channel {shown(name)}")
        for name in new.channels
        if name not in known
    ]


def _tidied(new: NewRule) -> NewRule:
    return replace(
        new,
        title=new.title.strip(),
        types=_each_once(new.types),
        names=_each_once(new.names),
        channels=_each_once(new.channels),
        domains=_domains(new.domains),
        outside_domains=_domains(new.outside_domains),
        approver_group=(new.approver_group or "").strip() or None,
    )


def _domains(names: Iterable[str]) -> tuple[str, ...]:
    return _each_once(name.strip().lower().removeprefix("@") for name in names)


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def _faults(new: NewRule) -> list[FieldError]:
    faults = []
    words: dict[str, list[str]] = {"kind": [*RuleKind], "creators": [*Creators]}
    for name, known in words.items():
        if (value := getattr(new, name)) not in known:
            faults.append(FieldError(name, f"{name} must be {' or '.join(known)}, not {shown(value)}"))
    if not 1 <= len(new.title) <= MAX_TITLE or not new.title.isprintable():
        faults.append(FieldError("title", f"title must have 1 to {MAX_TITLE} printable characters"))
    for name in _LISTS:
        if len(getattr(new, name)) > MAX_LIST:
            faults.append(FieldError(name, f"{name} must have at most {MAX_LIST} entries"))
    if odd := [each for each in new.names if len(each) > MAX_TITLE or not each.isprintable()]:
        faults.append(
            FieldError("names", f"names must have at most {MAX_TITLE} printable characters, not {shown(odd[0])}")
        )
    for name in ("domains", "outside_domains"):
        bad = [each for each in getattr(new, name) if not _DOMAIN.fullmatch(each)]
        faults += [FieldError(name, f"{name} must be domains, as example.org, not {shown(each)}") for each in bad]
    return faults + _number_faults(new) + _trust_faults(new)


def _number_faults(new: NewRule) -> list[FieldError]:
    faults = []
    for name in ("min_recipients", "max_recipients"):
        value = getattr(new, name)
        if value is not None and not 0 <= value <= 100_000:
            faults.append(FieldError(name, f"{name} must be 0 to 100,000, not {value}"))
    if None not in (new.min_recipients, new.max_recipients) and (new.min_recipients or 0) > (new.max_recipients or 0):
        rule = f"max_recipients must be at least min_recipients, {new.min_recipients}, not {new.max_recipients}"
        faults.append(FieldError("max_recipients", rule))
    if not 1 <= new.approvers <= MAX_APPROVERS:
        faults.append(FieldError("approvers", f"approvers must be 1 to {MAX_APPROVERS}, not {new.approvers}"))
    if new.approver_group and (len(new.approver_group) > 64 or not new.approver_group.isprintable()):
        faults.append(FieldError("approver_group", "approver_group must have at most 64 printable characters"))
    return faults


def _trust_faults(new: NewRule) -> list[FieldError]:
    """A rule that lets jobs go by themselves says of which creator, and of which type."""
    if new.kind != RuleKind.TRUST:
        return []
    faults = []
    if not new.names:
        faults.append(FieldError("names", "names must say whose jobs are trusted"))
    if not new.types:
        faults.append(FieldError("types", "types must say which jobs are trusted"))
    if new.outside_domains or new.new_domains:
        faults.append(
            FieldError("outside_domains", "outside_domains and new_domains are for rules that ask for approval")
        )
    if new.approvers != 1 or new.approver_group or not new.own or new.by_link:
        faults.append(
            FieldError("approvers", "approvers, approver_group, own and by_link are for rules that ask for approval")
        )
    return faults


async def _of_agents(ids: set[int]) -> list[Job]:
    rows = await Job.filter(id__in=sorted(ids)).only("id", "type", "payload", "approval", "approval_terms")
    return [row for row in rows if (row.approval_terms or {}).get("agent")]


def _is_covered(wanted: NewRule, trusted: Sequence[ApprovalRule]) -> bool:
    return any(
        set(wanted.types) <= set(rule.types)
        and set(wanted.names) <= set(rule.names)
        and (not rule.channels or set(wanted.channels) <= set(rule.channels))
        and (not rule.domains or set(wanted.domains) <= set(rule.domains))
        and (rule.max_recipients is None or (wanted.max_recipients or 0) <= rule.max_recipients)
        for rule in trusted
    )


def _view(row: ApprovalRule) -> RuleView:
    names = RuleView.__dataclass_fields__
    values: dict[str, Any] = {name: _frozen(getattr(row, name)) for name in names}
    return RuleView(**values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
