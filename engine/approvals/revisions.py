"""Revisions: a job in review, or rejected, that is to do something else; every version is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import clock
from engine.actors import Actor
from engine.approvals.policy import Policy
from engine.approvals.reviews import due_without_undo, forget_approval
from engine.approvals.terms import Terms, joined
from engine.audit import Audit, deed
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.events import Bus, JobChanged
from engine.jobs import Registry
from engine.settings import Settings
from engine.shielded import shielded
from engine.submission import MAX_SUMMARY, accepted, under_payload
from models.approval import JobVersion, Review, ReviewKind
from models.content import content_hash
from models.database import transaction
from models.job import Job
from models.states import ALLOWED_FROM, REVISABLE, Approval, Move, Status, allowed_moves


@dataclass(frozen=True)
class Revised:
    """What a revision made of the job."""

    version: int
    content_hash: str


class Revisions:
    """Each revision puts the job back into review: what was approved before was something else."""

    def __init__(self, settings: Settings, registry: Registry, policy: Policy, bus: Bus, audit: Audit) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy
        self._bus = bus
        self._audit = audit

    @shielded
    async def revise(
        self,
        actor: Actor,
        job_id: int,
        payload: dict[str, Any],
        *,
        version: int | None = None,
        comment: str | None = None,
    ) -> Revised:
        """Let the job do this instead. `version` is the one that was looked at, None for whichever is the latest.

        Raises:
            NotFound: there is no such job.
            MoveNotAllowed: it needs no approval, was tried already, or is over.
            Superseded: there is a later version, or it was claimed meanwhile.
            InvalidInput: a field breaks a rule; fields are named `payload.…`.
        """
        before = await Job.get_or_none(id=job_id)
        if before is None:
            raise NotFound("job", job_id)
        if version is not None and version != before.version:
            raise Superseded(f"version {before.version} of job {job_id} is the latest, not {version}: look at it first")
        _refuse_unless_revisable(before)
        job_type = self._registry.get(before.type)
        try:
            parsed = await accepted(job_type, payload, self._settings)
        except InvalidInput as error:
            raise InvalidInput(under_payload(error.errors)) from None
        kept = Terms.of(before.approval_terms)
        agent = kept.agent or (actor.name if actor.is_agent else None)
        verdict = await self._policy.verdict(
            job_type, parsed, created_by=before.created_by, agent=agent, is_asked=False, may_trust=False
        )
        terms = joined([kept, verdict.terms]) if verdict.terms else kept
        stored = job_type.dump(parsed)
        now, now_is = clock.now(), await content_hash(before.type, stored)
        changes = {
            "payload": stored,
            "summary": job_type.summary(parsed)[:MAX_SUMMARY],
            "version": before.version + 1,
            "content_hash": now_is,
            "approved_hash": None,
            "approval": Approval.PENDING,
            "approval_terms": terms.stored(),
            "approval_asked_at": now,
            "reminded_at": None,
            "undo_until": None,
            "due_at": due_without_undo(before),
            "finished_at": None,
            "error": None,
        }
        async with transaction() as writer:
            await self._put(before, changes)
            await keep_versions(before, actor, changes, now, before.content_hash)
            await Review.create(
                job_id=job_id,
                version=before.version + 1,
                kind=ReviewKind.REVISED,
                actor=actor.name,
                at=now,
                comment=(comment or "").strip() or None,
                content_hash=now_is,
                groups=[],
            )
            was = {"version": before.version, "content_hash": before.content_hash, "approval": before.approval}
            is_now = {"version": before.version + 1, "content_hash": now_is}
            await self._audit.append(writer, [deed(actor, "job.revise", f"job {job_id}", was, is_now)])
            if before.approval == Approval.APPROVED:
                await forget_approval(self._registry, before)
        self._bus.publish(JobChanged(job_id))
        return Revised(before.version + 1, now_is)

    async def _put(self, before: Job, changes: dict[str, Any]) -> None:
        """Only where the job still is what it was: claimed, decided or revised meanwhile, it stays as it is."""
        same = Job.filter(
            id=before.id, version=before.version, status=before.status, approval=before.approval, attempt=0
        )
        status = Status.QUEUED if before.status is Status.CANCELLED else before.status
        if not await same.update(**changes, status=status):
            raise Superseded(f"job {before.id} was decided, claimed or revised meanwhile: look at it again")


def _refuse_unless_revisable(job: Job) -> None:
    if job.status in ALLOWED_FROM[Move.REVISE] and job.approval in REVISABLE[job.status] and not job.attempt:
        return
    waits, is_tried = job.due_at is not None, job.attempt > 0
    allowed = allowed_moves(job.status, approval=job.approval, outcome=job.outcome, waits=waits, is_tried=is_tried)
    reason = " and was tried already" if is_tried else "" if job.approval else " and needs no approval"
    raise MoveNotAllowed(Move.REVISE, job.status, allowed - {Move.REVISE}, reason)


async def keep_versions(
    before: Job, actor: Actor, changes: dict[str, Any], now: datetime, was_hash: str | None
) -> None:
    """Store what the job is to do now and, at its first change, what it was to do before."""
    if not await JobVersion.exists(job_id=before.id):
        await JobVersion.create(
            job_id=before.id,
            number=before.version,
            payload=before.payload,
            content_hash=was_hash,
            created_by=before.created_by,
            created_at=before.created_at,
        )
    await JobVersion.create(
        job_id=before.id,
        number=changes["version"],
        payload=changes["payload"],
        content_hash=changes["content_hash"],
        created_by=actor.name,
        created_at=now,
    )
