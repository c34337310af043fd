"""From what somebody asks for to a job that may be queued: every fault is found, and told at once."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any

from engine import clock, tracing
from engine.approvals.policy import Policy, both
from engine.approvals.terms import Terms
from engine.channels.mail_header import header_fault
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.filling import JOBS, check_expression, expressions, filled, template_faults, templated, texts
from engine.jobs import AnyJobType, Registry
from engine.settings import Settings
from engine.templates import TemplateFault, is_bare, members_of, uses
from models.approval import ApprovalRule
from models.content import content_hash
from models.dependency import NewDependency
from models.job import Job, NewJob
from models.states import Approval, Priority

MAX_NAME = 200
MAX_PARENTS = 1000
MAX_DEPENDENCIES = 20_000  # of a batch
MAX_SUMMARY = 300
EARLIEST_START = datetime(1970, 1, 1, tzinfo=UTC)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PRIORITIES = frozenset(priority.word for priority in Priority)
LATEST_START = timedelta(days=366)


@dataclass(frozen=True)
class After:
    """A job to wait for: one that is there, or the one of the same batch that is called `ref`.

    Templates call it `name`, else as the batch does, else job_<id>. With `any_outcome` it may also fail or be
    cancelled.
    """

    job_id: int = 0
    name: str | None = None
    any_outcome: bool = False
    ref: str = ""
    place: int | None = None
    """In a list of jobs that have one name together, from 0 on."""

    @property
    def called(self) -> str:
        """Its name in templates."""
        return self.name or self.ref or f"job_{self.job_id}"

    @property
    def full_name(self) -> str:
        """Its name among those that are waited for."""
        return self.called if self.place is None else f"{self.called}.{self.place}"

    def dependency(self) -> NewDependency:
        """As it is stored."""
        return NewDependency(self.job_id, self.full_name, self.any_outcome, self.ref)


@dataclass(frozen=True)
class Submission:
    """A job as it was asked for; nothing of it is checked yet."""

    type: str
    payload: dict[str, Any]
    priority: str = "medium"
    name: str | None = None
    run_at: datetime | None = None
    created_by: str = "local"
    requires_approval: bool = False
    agent: str | None = None
    after: tuple[After, ...] = ()
    ref: str = ""
    step: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """What templates may speak of besides the jobs before it: `inputs`, and the `item` of a list."""
    lists: tuple[str, ...] = ()
    """Names of lists of jobs before it, which may be empty."""
    when: str = ""
    """A condition, looked at when the jobs before it are over: if it does not hold, this one is skipped."""
    on_behalf_of: str = ""
    """Who is behind it, if that is not who creates it: the policy judges it as theirs too."""

    def fingerprint(self) -> str:
        """The same for the same request, so that an idempotency key can tell a repetition from a mistake."""
        asked = {**vars(self), "run_at": self.run_at and self.run_at.isoformat()}
        del asked["agent"]  # whoever asks once more with the same key is who they were
        asked["after"] = [vars(after) for after in self.after]
        for name in ("after", "ref", "step", "values", "lists", "when", "on_behalf_of"):
            if not asked[name]:  # as earlier versions told it
                del asked[name]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def with_known(self, refs: Mapping[str, int]) -> "Submission":
        """The same, but that jobs of its batch that were created before are named by their ids."""
        after = tuple(
            replace(each, job_id=refs[each.ref], name=each.called, ref="") if each.ref in refs and each.ref else each
            for each in self.after
        )
        return replace(self, after=after)

    async def accept(
        self, registry: Registry, settings: Settings, policy: Policy, idempotency_key: str | None = None
    ) -> NewJob:
        """Check everything, and make the job, which is not stored yet.

        Raises:
            InvalidInput: with every field at fault; fields of the payload are named `payload.…`.
        """
        job_type = registry.find(self.type)
        if job_type is None:
            known = ", ".join(job_type.key for job_type in registry)
            raise InvalidInput([FieldError("type", f"type must be one of {known}, not {shown(self.type)}")])
        faults = [*self._priority_faults(), *self._text_faults(), *self._time_faults()]
        faults += await after_faults(self.after)
        payload: Any = None
        paths: list[str] = []
        try:
            asked, paths = await self._made(job_type)
            payload = await accepted(job_type, asked, settings)
        except _TemplatesRefused as refused:
            faults += refused.errors
        except InvalidInput as error:
            faults += under_payload([fault for fault in error.errors if not _is_within(fault.field, paths)])
        if faults:
            raise InvalidInput(faults)
        if paths:
            return await self._unfilled(job_type, idempotency_key)
        if self.when:
            return await self._unfilled(job_type, idempotency_key, payload)
        is_asked = self.requires_approval or job_type.always_asks
        verdicts = [
            await policy.verdict(job_type, payload, created_by=name, agent=self.agent, is_asked=is_asked)
            for name in dict.fromkeys((self.created_by, self.on_behalf_of))
            if name
        ]
        verdict = both(verdicts)
        if verdict.terms and self.after:  # whoever approves sees what came of those before it
            return await self._unfilled(job_type, idempotency_key, payload)
        job = self._job(job_type, payload, idempotency_key)
        return await _in_review(job, verdict.terms, verdict.trusted_by) if verdict.terms else job

    @property
    def _names(self) -> tuple[str, ...]:
        """What templates may speak of."""
        return (*((JOBS,) if self.after or self.lists else ()), *self.values)

    async def _made(self, job_type: AnyJobType) -> tuple[dict[str, Any], list[str]]:
        """The payload, filled in as far as no job has to be over for that, and the fields that are templates yet.

        Raises:
            _TemplatesRefused: a template breaks a rule, or has no value.
        """
        if not self.when and not (self._names and any("{{" in text for _, text in texts(self.payload))):
            return self.payload, []
        return await asyncio.to_thread(self._make, job_type)  # thousands of templates keep nobody waiting

    def _make(self, job_type: AnyJobType) -> tuple[dict[str, Any], list[str]]:
        if faults := self._template_faults():
            raise _TemplatesRefused(faults)
        paths = templated(self.payload, self._names) if self._names else []
        if not paths or not self.values:
            return self.payload, paths
        try:
            return made_of(job_type, self.payload, self.values), templated(self.payload, (JOBS,))
        except InvalidInput as error:
            raise _TemplatesRefused(under_payload(error.errors)) from None

    def _template_faults(self) -> list[FieldError]:
        jobs = [*(after.called for after in self.after), *self.lists]
        members = {name: list(value) if name == "inputs" else None for name, value in self.values.items()}
        faults = under_payload(template_faults(self.payload, jobs, members)) if self._names else []
        if self.when:
            try:
                check_expression(self.when, jobs, members, is_condition=True)
            except TemplateFault as fault:
                faults.append(FieldError("when", f"when {fault}"))
        return faults

    async def _unfilled(self, job_type: AnyJobType, idempotency_key: str | None, payload: Any = None) -> NewJob:
        """The job before its parents are over; the policy looks at what it becomes then.

        With a `payload`, which is filled in already, nothing of it is a template any more.
        """
        is_filled = payload is not None
        stored = job_type.dump(payload) if is_filled else self.payload
        template = {
            "payload": stored,
            "requires_approval": self.requires_approval,
            "agent": self.agent,
            "on_behalf_of": self.on_behalf_of,
            "is_filled": is_filled,
            "values": await asyncio.to_thread(self._used, is_filled=is_filled),
            "lists": self.lists,
            "when": self.when,
        }
        always = ("payload", "requires_approval", "agent")
        kept = {name: value for name, value in template.items() if value or name in always}
        summary = job_type.summary(payload)[:MAX_SUMMARY] if is_filled else ""
        return replace(self._new(job_type, summary, stored, idempotency_key), template=kept, blocked=True)

    def _used(self, *, is_filled: bool) -> dict[str, Any]:
        """Of the values, those that templates speak of: a thousand steps need not keep a long text each."""
        said = [self.when] if self.when else []
        if not is_filled:
            said += [piece for _, piece in expressions(self.payload, self._names)]
        used = {name: value for name, value in self.values.items() if any(uses(piece, (name,)) for piece in said)}
        if "inputs" in used and not any(is_bare(piece, "inputs") for piece in said):
            members = set().union(*(members_of(piece, "inputs") for piece in said))
            used["inputs"] = {name: value for name, value in used["inputs"].items() if name in members}
        return used

    def _job(self, job_type: AnyJobType, payload: Any, idempotency_key: str | None) -> NewJob:
        return self._new(job_type, job_type.summary(payload)[:MAX_SUMMARY], job_type.dump(payload), idempotency_key)

    def _new(self, job_type: AnyJobType, summary: str, payload: dict[str, Any], idempotency_key: str | None) -> NewJob:
        return NewJob(
            type=job_type.key,
            category=job_type.category,
            name=(self.name or "").strip() or job_type.label,
            summary=summary,
            priority=Priority[self.priority.upper()],
            payload=payload,
            approval=None,
            created_by=self.created_by,
            created_at=clock.now(),
            run_at=self.run_at,
            max_attempts=job_type.retry.attempts,
            idempotency_key=idempotency_key,
            request_hash=self.fingerprint() if idempotency_key else None,
            blocked=bool(self.after),
            parents=tuple(after.dependency() for after in self.after),
            step=self.step,
            traceparent=tracing.current(),
            ref=self.ref,
        )

    def _priority_faults(self) -> list[FieldError]:
        if self.priority in _PRIORITIES:
            return []
        return [FieldError("priority", f"priority must be high, medium or low, not {shown(self.priority)}")]

    def _text_faults(self) -> list[FieldError]:
        faults = []
        for name, value in (("name", self.name or ""), ("created_by", self.created_by)):
            if fault := header_fault(value):
                faults.append(FieldError(name, f"{name} {fault}"))
            elif len(value) > MAX_NAME:
                rule = f"{name} must have at most {MAX_NAME} characters, not {len(value):,}"
                faults.append(FieldError(name, rule))
        return faults

    def _time_faults(self) -> list[FieldError]:
        if self.run_at is None:
            return []
        told = self.run_at.isoformat()
        if self.run_at.tzinfo is None:
            return [FieldError("run_at", f"run_at must have a time zone, as in {told}Z")]
        if not EARLIEST_START < self.run_at < clock.now() + LATEST_START:
            return [FieldError("run_at", f"run_at must be within a year from now, not {told}")]
        return []


def made_of(job_type: AnyJobType | None, template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a payload becomes with these values.

    Raises:
        InvalidInput: naming every field whose template has no value.
    """
    return filled(
        template,
        values,
        own_templates=job_type.own_templates if job_type else (),
        keeps_numbers=job_type is not None and job_type.is_outside,
    )


class _TemplatesRefused(InvalidInput):
    """A template breaks a rule, so that nothing can be said of the rest."""


async def accepted(job_type: AnyJobType, payload: dict[str, Any], settings: Settings) -> Any:
    """The payload, checked, with its files moved to where they are kept.

    Raises:
        InvalidInput: naming every field at fault.
    """
    # A schema that somebody defined is compared beside the loop: nobody else waits for it.
    parsed = await asyncio.to_thread(job_type.parse, payload) if job_type.is_outside else job_type.parse(payload)
    return await job_type.accept(parsed, settings)


async def _in_review(job: NewJob, terms: Terms, rule: ApprovalRule | None) -> NewJob:
    now_is = await content_hash(job.type, job.payload)
    return replace(
        job,
        approval=Approval.APPROVED if rule else Approval.PENDING,
        approval_terms=replace(terms, trusted_by=rule.id if rule else None).stored(),
        approval_asked_at=None if rule else job.created_at,
        content_hash=now_is,
        approved_hash=now_is if rule else None,
    )


def ref_faults(batch: Sequence[Submission]) -> list[FieldError]:
    """What is wrong with how the jobs of a batch name and wait for each other; fields are named `jobs.<index>.…`."""
    faults: list[FieldError] = []
    named: dict[str, int] = {}
    for index, asked in enumerate(batch):
        if asked.ref and not NAME.fullmatch(asked.ref):
            rule = f"ref must be a letter, then at most 63 letters, digits or underscores, not {shown(asked.ref)}"
            faults.append(FieldError(f"jobs.{index}.ref", rule))
        elif asked.ref in named:
            rule = f"ref must be another one for each job of a batch, not {shown(asked.ref)} again"
            faults.append(FieldError(f"jobs.{index}.ref", rule))
        elif asked.ref:
            named[asked.ref] = index
    for index, asked in enumerate(batch):
        for place, after in enumerate(asked.after):
            if after.ref and after.ref not in named:
                rule = f"ref must name a job of this batch, not {shown(after.ref)}"
                faults.append(FieldError(f"jobs.{index}.after.{place}.ref", rule))
    if (count := sum(len(asked.after) for asked in batch)) > MAX_DEPENDENCIES:
        rule = f"jobs must wait for each other {MAX_DEPENDENCIES:,} times at most, all together, not {count:,}"
        faults.append(FieldError("jobs", rule))
    return faults or _cycle_faults(batch, named)


def _cycle_faults(batch: Sequence[Submission], named: Mapping[str, int]) -> list[FieldError]:
    """One that names the jobs which would wait for each other for ever, if any do."""
    graph = {index: {named[after.ref] for after in asked.after if after.ref} for index, asked in enumerate(batch)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = [batch[index].ref for index in error.args[1]]
        told = ", which waits for ".join(reversed(circle))
        return [FieldError(f"jobs.{error.args[1][0]}.after", f"after must not lead in a circle: {told}")]
    return []


async def after_faults(parents: Sequence[After]) -> list[FieldError]:
    """What is wrong with the jobs to wait for."""
    if len(parents) > MAX_PARENTS:
        return [FieldError("after", f"after must name at most {MAX_PARENTS:,} jobs, not {len(parents):,}")]
    ids = {after.job_id for after in parents if not after.ref}
    known = {row["id"] for row in await Job.filter(id__in=sorted(ids)).values("id")} if ids else set[int]()
    faults, seen = [], set[str]()
    for index, after in enumerate(parents):
        if not after.ref and after.job_id not in known:
            faults.append(FieldError(f"after.{index}", f"after must name jobs that exist, not {after.job_id}"))
        if not NAME.fullmatch(after.called):
            rule = "a letter, then at most 63 letters, digits or underscores"
            faults.append(FieldError(f"after.{index}.name", f"name must be {rule}, not {shown(after.called)}"))
        elif after.full_name in seen:
            rule = f"name must be another one for each job, not {shown(after.called)} again"
            faults.append(FieldError(f"after.{index}.name", rule))
        seen.add(after.full_name)
    return faults


def _is_within(field: str, paths: Sequence[str]) -> bool:
    """Whether a fault is about a text that is still to be filled in, or about what is in or around it."""
    return any(field == path or field.startswith(f"{path}.") or path.startswith(f"{field}.") for path in paths)


def under_payload(errors: list[FieldError]) -> list[FieldError]:
    """The same, named as fields of the payload."""
    return [FieldError(f"payload.{error.field}" if error.field else "payload", error.message) for error in errors]
