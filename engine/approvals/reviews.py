"""What people decide about jobs: approve, reject, undo, comment; each bound to the content that was shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from engine import clock
from engine.actors import Actor
from engine.approvals.approvers import approvers_of
from engine.approvals.policy import forget_domains, know_domains
from engine.approvals.terms import Approver, Terms
from engine.audit import Audit, deed
from engine.errors import FieldError, InvalidInput, MoveNotAllowed, NotFound, OwnWork, Superseded
from engine.events import Bus, JobChanged
from engine.jobs import Registry
from engine.jobs.base import NOBODY, Audience, EffectKind
from engine.settings import Settings
from engine.shielded import shielded
from models.approval import JobVersion, Review, ReviewKind
from models.content import content_hash
from models.database import transaction
from models.job import Job
from models.schedule import authors_of
from models.states import ALLOWED_FROM, Approval, Move, Status, allowed_moves

MAX_COMMENT = 2000


@dataclass(frozen=True)
class Decision:
    """What came of an approval: `missing` is what else it takes before the job goes, in words."""

    missing: tuple[str, ...] = ()
    undo_until: datetime | None = None


class Reviews:
    """Each decision is one transaction with its review entry and its audit entry."""

    def __init__(self, settings: Settings, registry: Registry, bus: Bus, audit: Audit) -> None:
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._audit = audit

    @shielded
    async def approve(
        self, actor: Actor, job_id: int, *, shown: str | None = None, comment: str | None = None
    ) -> Decision:
        """Approve exactly what was shown; `shown` is its content hash, None for what the job would do now.

        Raises:
            NotFound: there is no such job.
            MoveNotAllowed: the job does not wait for approval.
            Superseded: it would do something else than was shown, or somebody else decided.
            OwnWork: the policy lets nobody approve their own work.
        """
        comment = _checked(comment)
        async with transaction() as writer:
            job = await self._locked(job_id, Move.APPROVE, shown)
            terms = Terms.of(job.approval_terms)
            now_is = await content_hash(job.type, job.payload)
            if job.content_hash and now_is != job.content_hash:  # one of its channels is another one since
                await Job.filter(id=job_id).update(content_hash=now_is)
                raise_later = _changed(job)
            else:
                raise_later = None
                decision = await self._approved(writer, actor, job, terms, now_is, comment)
        self._bus.publish(JobChanged(job_id))
        if raise_later:
            raise raise_later
        return decision

    async def _approved(
        self, writer: BaseDBAsyncClient, actor: Actor, job: Job, terms: Terms, approved: str, comment: str | None
    ) -> Decision:
        if not terms.own and actor.name in await _authors(job):
            raise OwnWork(f"{actor.name} made this job, or its latest version, and somebody else has to approve it")
        earlier = approvers_of(await Review.filter(job_id=job.id).order_by("id"), approved)
        approvers = [*earlier, Approver(actor.name, actor.groups)]
        missing = terms.unmet(approvers)
        await _note(job, actor.name, ReviewKind.APPROVED, comment, approved, groups=actor.groups)
        undo_until = None if missing else self._undo_until(job)
        after = {"content_hash": approved, "version": job.version, "missing": missing, "comment": comment}
        after |= {"approval": Approval.PENDING if missing else Approval.APPROVED}
        await self._audit.append(writer, [_deed(actor, "job.approve", job, after)])
        if not missing:
            due = {"due_at": max(undo_until, job.due_at or undo_until)} if undo_until else {}
            hashes = {"content_hash": approved, "approved_hash": approved}
            await Job.filter(id=job.id).update(approval=Approval.APPROVED, undo_until=undo_until, **hashes, **due)
            await know_domains(audience_of(self._registry, job).domains)
        return Decision(tuple(missing), undo_until)

    @shielded
    async def reject(self, actor: Actor, job_id: int, *, shown: str | None = None, comment: str | None = None) -> None:
        """Refuse a job; it is cancelled, with the reason, until whoever made it submits a revision.

        Raises:
            NotFound: there is no such job.
            MoveNotAllowed: the job does not wait for approval.
            Superseded: it would do something else than was shown, or somebody else decided.
        """
        comment = _checked(comment)
        async with transaction() as writer:
            job = await self._locked(job_id, Move.REJECT, shown)
            error = f"Rejected: {comment}" if comment else "Rejected"
            await Job.filter(id=job_id).update(
                status=Status.CANCELLED, approval=Approval.REJECTED, finished_at=clock.now(), error=error
            )
            await _note(job, actor.name, ReviewKind.REJECTED, comment, job.content_hash)
            after = {"content_hash": job.content_hash, "version": job.version, "reason": comment}
            after |= {"status": Status.CANCELLED, "approval": Approval.REJECTED}
            await self._audit.append(writer, [_deed(actor, "job.reject", job, after)])
        self._bus.publish(JobChanged(job_id))

    @shielded
    async def undo(self, actor: Actor, job_id: int) -> None:
        """Take an approval back, as long as the job has not been claimed; it waits for approval again.

        Raises:
            NotFound: there is no such job.
            MoveNotAllowed: it was not approved, or has been claimed.
        """
        async with transaction() as writer:
            rows = Job.filter(id=job_id, status__in=list(ALLOWED_FROM[Move.UNDO_APPROVAL]), attempt=0)
            changes = {"approval": Approval.PENDING, "approved_hash": None, "approval_asked_at": clock.now()}
            if not await rows.filter(approval=Approval.APPROVED).update(**changes):
                raise await _refusal(job_id, Move.UNDO_APPROVAL)
            job = await Job.get(id=job_id)
            await Job.filter(id=job_id).update(undo_until=None, due_at=due_without_undo(job))
            await _note(job, actor.name, ReviewKind.UNDONE, None, job.content_hash)
            after = {"content_hash": job.content_hash, "version": job.version, "approval": Approval.PENDING}
            await self._audit.append(writer, [_deed(actor, "job.undo_approval", job, after)])
            await forget_approval(self._registry, job)
        self._bus.publish(JobChanged(job_id))

    @shielded
    async def comment(self, actor: Actor, job_id: int, text: str) -> None:
        """Say something about a job; it stays with it.

        Raises:
            NotFound: there is no such job.
            InvalidInput: the text is empty or too long.
        """
        said = _checked(text)
        if not said:
            raise InvalidInput([FieldError("comment", "comment must say something")])
        async with transaction() as writer:
            job = await Job.get_or_none(id=job_id)
            if job is None:
                raise NotFound("job", job_id)
            await _note(job, actor.name, ReviewKind.COMMENTED, said, job.content_hash)
            await self._audit.append(writer, [_deed(actor, "job.comment", job, {"comment": said})])
        self._bus.publish(JobChanged(job_id))

    async def _locked(self, job_id: int, move: Move, shown: str | None) -> Job:
        """The job, which nobody else changes before this transaction ends."""
        rows = Job.filter(id=job_id, approval=Approval.PENDING, status__in=list(ALLOWED_FROM[move]))
        if not await rows.update(version=F("version")):
            raise await _refusal(job_id, move)
        job = await Job.get(id=job_id)
        if shown is not None and job.content_hash is not None and shown != job.content_hash:
            raise _changed(job)
        return job

    def _undo_until(self, job: Job) -> datetime | None:
        job_type = self._registry.find(job.type)
        if job_type is None or job_type.effect is not EffectKind.IRREVERSIBLE or not self._settings.undo_seconds:
            return None
        return clock.now() + timedelta(seconds=self._settings.undo_seconds)


def audience_of(registry: Registry, job: Job) -> Audience:
    """Whom a stored job reaches; nobody, where its type is gone or is another one by now."""
    job_type = registry.find(job.type)
    if job_type is None or job_type.is_outside:
        return NOBODY
    try:
        return job_type.audience(job_type.parse(job.payload))
    except InvalidInput:
        return NOBODY


async def forget_approval(registry: Registry, job: Job) -> None:
    """What the approval of this job made known is not known any more.

    NOTE: like whatever else locks known domains, only after the audit log is locked: nobody waits in a circle.
    """
    last = await Review.filter(job_id=job.id, kind=ReviewKind.APPROVED).order_by("-id").first()
    if last:
        await forget_domains(audience_of(registry, job).domains, last.at)


async def _refusal(job_id: int, move: Move) -> Exception:
    """Why not: the one who was quicker is named."""
    job = await Job.get_or_none(id=job_id)
    if job is None:
        return NotFound("job", job_id)
    if move in (Move.APPROVE, Move.REJECT) and job.approval in (Approval.APPROVED, Approval.REJECTED):
        last = await Review.filter(job_id=job_id, kind=str(job.approval)).order_by("-id").first()
        if last:
            return Superseded(f"{last.actor} {last.kind} this job at {last.at:%H:%M:%S} UTC already")
    is_tried = job.attempt > 0
    waits = job.due_at is not None
    allowed = allowed_moves(job.status, approval=job.approval, outcome=job.outcome, waits=waits, is_tried=is_tried)
    return MoveNotAllowed(move, job.status, allowed - {move})


def _changed(job: Job) -> Superseded:
    return Superseded(
        f"job {job.id} would do something else than was shown: look at version {job.version}, then decide"
    )


async def _authors(job: Job) -> set[str]:
    latest = await JobVersion.filter(job_id=job.id).order_by("-number").first()
    return {job.created_by, *([latest.created_by] if latest else []), *await authors_of(job.id, job.run_id)}


async def _note(
    job: Job,
    name: str,
    kind: ReviewKind,
    comment: str | None,
    judged: str | None,
    *,
    groups: Sequence[str] | frozenset[str] = (),
) -> None:
    await Review.create(
        job_id=job.id,
        version=job.version,
        kind=kind,
        actor=name,
        at=clock.now(),
        comment=comment,
        content_hash=judged,
        groups=sorted(groups),
    )


def _deed(actor: Actor, action: str, job: Job, after: dict[str, Any]) -> Any:
    before = {"status": job.status, "approval": job.approval}
    return deed(actor, action, f"job {job.id}", before, {name: value for name, value in after.items() if value})


def due_without_undo(job: Job) -> datetime | None:
    """When the job is due once nobody waits any more for an approval to be undone."""
    if job.undo_until is None:
        return job.due_at
    return job.run_at if job.run_at and job.run_at > clock.now() else None


def _checked(comment: str | None) -> str | None:
    text = (comment or "").strip()
    if len(text) > MAX_COMMENT:
        raise InvalidInput(
            [FieldError("comment", f"comment must have at most {MAX_COMMENT} characters, not {len(text):,}")]
        )
    return text or None
