"""From what somebody asks for to a job that may be queued: every fault is found, and told at once."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from engine import clock
from engine.channels.mail_header import header_fault
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.jobs import AnyJobType, Registry
from engine.settings import Settings
from models.job import NewJob
from models.states import Approval, Priority

MAX_NAME = 200
MAX_SUMMARY = 300
EARLIEST_START = datetime(1970, 1, 1, tzinfo=UTC)
_PRIORITIES = frozenset(priority.word for priority in Priority)
LATEST_START = timedelta(days=366)


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

    def fingerprint(self) -> str:
        """The same for the same request, so that an idempotency key can tell a repetition from a mistake."""
        asked = {**vars(self), "run_at": self.run_at and self.run_at.isoformat()}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    async def accept(self, registry: Registry, settings: Settings, idempotency_key: str | None = None) -> NewJob:
        """Check everything, and make the job, which is not stored yet.

        Raises:
            InvalidInput: with every field at fault; fields of the payload are named `payload.…`.
        """
        job_type = registry.find(self.type)
        if job_type is None:
            known = ", ".join(job_type.key for job_type in registry)
            raise InvalidInput([FieldError("type", f"type must be one of {known}, not {shown(self.type)}")])
        faults = [*self._priority_faults(), *self._text_faults(), *self._time_faults()]
        accepted: Any = None
        try:
            accepted = await job_type.accept(await self._parsed(job_type), settings)
        except InvalidInput as error:
            faults += _under_payload(error.errors)
        if faults:
            raise InvalidInput(faults)
        return self._job(job_type, accepted, idempotency_key)

    async def _parsed(self, job_type: AnyJobType) -> Any:
        """A schema that somebody defined is compared beside the loop: nobody else waits for it."""
        if job_type.is_outside:
            return await asyncio.to_thread(job_type.parse, self.payload)
        return job_type.parse(self.payload)

    def _job(self, job_type: AnyJobType, payload: Any, idempotency_key: str | None) -> NewJob:
        return NewJob(
            type=job_type.key,
            category=job_type.category,
            name=(self.name or "").strip() or job_type.label,
            summary=job_type.summary(payload)[:MAX_SUMMARY],
            priority=Priority[self.priority.upper()],
            payload=job_type.dump(payload),
            approval=Approval.PENDING if self.requires_approval else None,
            created_by=self.created_by,
            created_at=clock.now(),
            run_at=self.run_at,
            max_attempts=job_type.retry.attempts,
            idempotency_key=idempotency_key,
            request_hash=self.fingerprint() if idempotency_key else None,
        )

    def _priority_faults(self) -> list[FieldError]:
        if self.priority in _PRIORITIES:
            return []
        return [FieldError("priority", f"priority must be high, medium or low, not {shown(self.priority)}")]

    def _text_faults(self) -> list[FieldError]:
        faults = []
        for field, value in (("name", self.name or ""), ("created_by", self.created_by)):
            if fault := header_fault(value):
                faults.append(FieldError(field, f"{field} {fault}"))
            elif len(value) > MAX_NAME:
                rule = f"{field} must have at most {MAX_NAME} characters, not {len(value):,}"
                faults.append(FieldError(field, rule))
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


def _under_payload(errors: list[FieldError]) -> list[FieldError]:
    return [FieldError(f"payload.{error.field}" if error.field else "payload", error.message) for error in errors]
