"""Corrections: a failed job that is to try again with another payload, so that what waits for it goes on."""

import asyncio
import json
from typing import Any

from engine import clock
from engine.actors import Actor
from engine.approvals.policy import Policy
from engine.approvals.revisions import Revised, keep_versions
from engine.approvals.terms import Terms, joined
from engine.audit import Audit, deed
from engine.errors import InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.events import Bus, JobChanged
from engine.jobs import AnyJobType, Registry
from engine.parents import known_to
from engine.settings import Settings
from engine.shielded import shielded
from engine.submission import MAX_SUMMARY, accepted, made_of, under_payload
from models.approval import Review, ReviewKind
from models.content import content_hash
from models.database import storable, stored_json, transaction
from models.effect import Effect
from models.job import Job
from models.states import Approval, Move, Phase, Status, allowed_moves


class Corrections:
    """The job stays the same one: its id, what comes after it, and its earlier attempts."""

    def __init__(self, settings: Settings, registry: Registry, policy: Policy, bus: Bus, audit: Audit) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy
        self._bus = bus
        self._audit = audit

    @shielded
    async def correct(
        self,
        actor: Actor,
        job_id: int,
        payload: dict[str, Any],
        *,
        version: int | None = None,
        comment: str | None = None,
    ) -> Revised:
        """Let a failed job try once more, with this payload; the policy judges it as if it were new.

        `version` is the one that was looked at, None for whichever is the latest.

        Raises:
            NotFound: there is no such job.
            MoveNotAllowed: it has not failed, or a part of it may have gone out already.
            Superseded: there is a later version, or it was moved meanwhile.
            InvalidInput: a field breaks a rule; fields are named `payload.…`.
        """
        before = await Job.get_or_none(id=job_id)
        if before is None:
            raise NotFound("job", job_id)
        if version is not None and version != before.version:
            raise Superseded(f"version {before.version} of job {job_id} is the latest, not {version}: look at it first")
        await _refuse_unless_correctable(before)
        job_type = self._registry.get(before.type)
        try:
            made = await _filled(job_type, before, payload)
            parsed = await accepted(job_type, made, self._settings)
        except InvalidInput as error:
            raise InvalidInput(under_payload(error.errors)) from None
        stored, now = json.loads(stored_json(job_type.dump(parsed))), clock.now()
        now_is = await content_hash(before.type, stored)
        terms = await self._terms(actor, before, job_type, parsed)
        changes = {
            "payload": stored,
            "summary": storable(job_type.summary(parsed)[:MAX_SUMMARY]),
            "version": before.version + 1,
            "content_hash": now_is if terms else None,
            "approved_hash": None,
            "approval": Approval.PENDING if terms else None,
            "approval_terms": terms.stored() if terms else None,
            "approval_asked_at": now if terms else None,
            "reminded_at": None,
            "undo_until": None,
        }
        async with transaction() as writer:
            await _put(before, changes)
            was_hash = before.content_hash or await content_hash(before.type, before.payload)
            if now_is != was_hash:  # another content is no repetition: the other side must not take it for one
                await Effect.filter(job_id=job_id, phase=Phase.FAILED, denied_at=None).delete()
            await keep_versions(before, actor, {**changes, "content_hash": now_is}, now, was_hash)
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
            was, is_now = {"version": before.version, "status": before.status}, {"version": before.version + 1}
            await self._audit.append(writer, [deed(actor, "job.correct", f"job {job_id}", was, is_now)])
        self._bus.publish(JobChanged(job_id))
        return Revised(before.version + 1, now_is)

    async def _terms(self, actor: Actor, before: Job, job_type: AnyJobType, parsed: Any) -> Terms | None:
        """What it needs to be approved, if it does: what it needed before, and what the policy asks for now."""
        template = before.template or {}
        kept = Terms.of(before.approval_terms) if before.approval_terms else None
        is_asked = bool(template.get("requires_approval")) or job_type.always_asks
        agent = kept.agent if kept else template.get("agent")
        verdicts = [
            await self._policy.verdict(
                job_type, parsed, created_by=name, agent=program, is_asked=is_asked, may_trust=False
            )
            for name, program in (
                (before.created_by, agent),
                (actor.name, actor.name if actor.is_agent else None),  # it says what they want now
            )
        ]
        every = [terms for terms in (kept, *(verdict.terms for verdict in verdicts)) if terms]
        return joined(every) if every else None


async def _filled(job_type: AnyJobType, job: Job, payload: dict[str, Any]) -> dict[str, Any]:
    """What could not be filled in may speak of the jobs before it once more."""
    if not job.template or job.template.get("is_filled"):
        return payload
    return await asyncio.to_thread(made_of, job_type, payload, await known_to(job))


async def _refuse_unless_correctable(job: Job) -> None:
    gone_out = await Effect.exists(job_id=job.id, phase__in=[Phase.DONE, Phase.SENDING])
    if job.status is Status.FAILED and job.outcome is None and not gone_out:
        return
    reason = " and of which a part went out" if job.status is Status.FAILED and gone_out else ""
    allowed = allowed_moves(job.status, approval=job.approval, outcome=job.outcome, waits=False, is_tried=True)
    raise MoveNotAllowed(Move.REVISE, job.status, allowed - {Move.REVISE}, reason)


async def _put(before: Job, changes: dict[str, Any]) -> None:
    """Only where the job still is what it was."""
    again = {
        "status": Status.QUEUED,
        "blocked": False,
        "template": None,
        "due_at": None,
        "finished_at": None,
        "error": None,
        "cause": None,
        "deaths": 0,
        "max_attempts": max(before.max_attempts, before.attempt + 1),
    }
    same = Job.filter(id=before.id, version=before.version, status=Status.FAILED, outcome=None, attempt=before.attempt)
    if not await same.update(**changes, **again):
        raise Superseded(f"job {before.id} was moved meanwhile: look at it again")
