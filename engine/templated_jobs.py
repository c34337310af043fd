"""Makes of a job that waited for others what it says of their results, once these are over."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.approvals.policy import Policy
from engine.approvals.trust import note_trusted
from engine.audit import Audit
from engine.errors import FieldError, InvalidInput
from engine.events import Bus, JobChanged
from engine.health import trouble
from engine.jobs import Registry
from engine.ledger import Ledger
from engine.parents import known_to
from engine.settings import Settings
from engine.submission import Submission, made_of
from engine.templates import TemplateFault, holds
from models.cause import cause_of
from models.database import storable, stored_json
from models.job import Job, NewJob
from models.states import Priority, Status

log = logging.getLogger(__name__)


class TemplatedJobs:
    """Jobs whose payload, or condition, is a template."""

    def __init__(
        self, settings: Settings, registry: Registry, policy: Policy, bus: Bus, audit: Audit, ledger: Ledger
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy
        self._bus = bus
        self._audit = audit
        self._ledger = ledger

    async def fill(self, job_id: int) -> None:
        """Make of its template a payload, which is checked and judged by the policy as any other.

        What does not fit fails the job; a database in trouble is raised, and the job waits on.
        """
        job = await Job.get_or_none(id=job_id)
        if job is None or job.template is None:
            return
        try:
            new = await self._filled(job)
            made = partial(self._become, job_id, new) if new else partial(_skip, job_id, job.template["when"])
            await self._ledger.write(made)
        except InvalidInput as error:
            await self._ledger.write(partial(_fail, job_id, f"What it waited for does not fit: {error}"))
        except Exception as error:
            if trouble(error):
                raise
            log.exception("job %d could not be filled in", job_id)  # and keeps no other from its turn
            await self._ledger.write(partial(_fail, job_id, f"It could not be filled in: {error}"))
        self._bus.publish(JobChanged(job_id))

    async def _filled(self, job: Job) -> NewJob | None:
        """What it becomes; None if its condition does not hold."""
        template = job.template or {}
        values = await known_to(job)
        if (when := template.get("when", "")) and not await asyncio.to_thread(_holds, when, values):
            return None
        payload, job_type = template["payload"], self._registry.find(job.type)
        if not template.get("is_filled"):
            payload = await asyncio.to_thread(made_of, job_type, payload, values)
        asked = Submission(
            job.type,
            payload,
            Priority(job.priority).word,
            job.name,
            created_by=job.created_by,
            requires_approval=template["requires_approval"],
            agent=template["agent"],
            on_behalf_of=template.get("on_behalf_of", ""),
        )
        new = await asked.accept(self._registry, self._settings, self._policy)
        return replace(new, payload=json.loads(stored_json(new.payload)), summary=storable(new.summary))

    async def _become(self, job_id: int, new: NewJob, writer: BaseDBAsyncClient) -> None:
        blocked = Job.filter(id=job_id, blocked=True, status=Status.QUEUED)
        changed = await blocked.update(
            blocked=False,
            template=None,
            payload=new.payload,
            summary=new.summary,
            approval=new.approval,
            approval_terms=new.approval_terms,
            approval_asked_at=new.approval_asked_at,
            content_hash=new.content_hash,
            approved_hash=new.approved_hash,
        )
        if changed:
            await note_trusted(writer, self._audit, {job_id: new})


def _holds(when: str, values: Mapping[str, Any]) -> bool:
    try:
        return holds(when, values)
    except TemplateFault as fault:
        raise InvalidInput([FieldError("when", f"when {fault}")]) from None


async def _skip(job_id: int, when: str, _: BaseDBAsyncClient) -> None:
    """It is over, and nothing was done: what comes after it goes on."""
    result = {"message": f"Skipped: {storable(when)} does not hold", "skipped": True}
    over = {"status": Status.COMPLETED, "blocked": False, "template": None, "progress": 100, "finished_at": clock.now()}
    await Job.filter(id=job_id, blocked=True, status=Status.QUEUED).update(result=result, **over)


async def _fail(job_id: int, error: str, _: BaseDBAsyncClient) -> None:
    blocked, error = Job.filter(id=job_id, blocked=True, status=Status.QUEUED), storable(error)
    await blocked.update(status=Status.FAILED, error=error, cause=cause_of(error), finished_at=clock.now())
