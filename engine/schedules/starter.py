"""What a schedule can start: jobs now, and whatever else gets a starter of its own."""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError
from tortoise.backends.base.client import BaseDBAsyncClient

from engine.actors import Actor, Kind
from engine.approvals.policy import Policy
from engine.approvals.trust import note_trusted
from engine.audit import Audit, deed
from engine.errors import FieldError, InvalidInput
from engine.events import Bus, JobChanged
from engine.faults import field_errors, shown
from engine.jobs import Registry
from engine.settings import Settings
from engine.submission import Submission
from models.database import storable, stored_json
from models.job import Job, NewJob, insert_jobs
from models.states import Status

JOB = "job"
_GOING_ON = (Status.QUEUED, Status.RUNNING, Status.PAUSED)

Store = Callable[[BaseDBAsyncClient], Awaitable[int | None]]
"""Stores what was prepared, in the transaction of the writer; its id, None if that was done before."""


@dataclass(frozen=True)
class Told:
    """How something that was started is called, and stands: by the words of `Status` or `RunStatus`."""

    name: str
    status: str
    outcome: str | None = None


class Starter(Protocol):
    """How one kind of thing is started. What is checked may take a while; only what it makes of that is stored, in one
    transaction with the schedule's next time, so that a kill leaves both or neither.
    """

    column: str
    """Where a run of the schedule keeps the id of what was started."""

    async def checked(self, what: Any, *, created_by: str, agent: str | None) -> dict[str, Any]:
        """What is to be started, as it is kept.

        Raises:
            InvalidInput: it cannot be started; fields are named as within `what`.
        """

    async def prepare(
        self, what: Any, *, created_by: str, agent: str | None, author: str, idempotency_key: str | None = None
    ) -> Store:
        """Check everything anew, and get ready to store it.

        Raises:
            JobRunnerError: it cannot be started just now, and why.
        """

    async def going_on(self, ids: Collection[int]) -> set[int]:
        """Those of what was started that are not over."""

    async def told(self, ids: Collection[int]) -> dict[int, Told]:
        """How what was started stands now; what was removed since is left out."""

    def announce(self, started: int) -> None:
        """It is stored: tell whoever has to know."""

    def title(self, what: Any) -> str:
        """What is started, in a few words for people."""


class JobTarget(BaseModel):
    """A job that a schedule submits."""

    model_config = ConfigDict(extra="forbid")

    type: str
    payload: dict[str, Any]
    priority: str = "medium"
    name: str | None = None
    requires_approval: bool = False


class JobStarter:
    """Submits jobs; the approval policy judges each as any other."""

    column = "job_id"

    def __init__(self, settings: Settings, registry: Registry, policy: Policy, audit: Audit, bus: Bus) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy
        self._audit = audit
        self._bus = bus

    async def checked(self, what: Any, *, created_by: str, agent: str | None) -> dict[str, Any]:
        """See `Starter`; the payload is kept with its files where they belong."""
        target = _target(what)
        new = await self._accepted(target, created_by, agent, None)
        return {**target.model_dump(), "payload": json.loads(stored_json(new.payload))}

    async def prepare(
        self, what: Any, *, created_by: str, agent: str | None, author: str, idempotency_key: str | None = None
    ) -> Store:
        """See `Starter`."""
        new = await self._accepted(_target(what), created_by, agent, idempotency_key, author)

        async def store(writer: BaseDBAsyncClient) -> int | None:
            (job_id,) = await insert_jobs(writer, [new])
            if job_id is None:
                return None
            by = Actor(created_by, Kind.SYSTEM, frozenset())
            told = {"type": new.type, "name": new.name, "created_by": created_by}
            await self._audit.append(writer, [deed(by, "job.submit", f"job {job_id}", None, told)])
            await note_trusted(writer, self._audit, {job_id: new})
            return job_id

        return store

    async def going_on(self, ids: Collection[int]) -> set[int]:
        """See `Starter`."""
        if not ids:
            return set()
        rows = Job.filter(id__in=sorted(ids), status__in=list(_GOING_ON))
        return {row["id"] for row in await rows.values("id")}

    async def told(self, ids: Collection[int]) -> dict[int, Told]:
        """See `Starter`."""
        rows = await Job.filter(id__in=sorted(ids)).values("id", "status", "outcome", "name") if ids else []
        return {row["id"]: Told(row["name"], row["status"], row["outcome"]) for row in rows}

    def announce(self, started: int) -> None:
        """See `Starter`."""
        self._bus.publish(JobChanged(started))

    def title(self, what: Any) -> str:
        """The job's name, and its type where that says more."""
        job_type = self._registry.find(what["type"])
        label = job_type.label if job_type else what["type"]
        return f"{label}: {what['name']}" if what.get("name") and what["name"] != label else label

    async def _accepted(
        self, target: JobTarget, created_by: str, agent: str | None, key: str | None, author: str = ""
    ) -> NewJob:
        asked = Submission(
            target.type,
            target.payload,
            target.priority,
            target.name,
            created_by=storable(created_by),
            requires_approval=target.requires_approval,
            agent=agent,
            on_behalf_of=author,
        )
        return await asked.accept(self._registry, self._settings, self._policy, key)


class Starters:
    """The starter of each kind of target: {"job": …} or {"workflow": …}."""

    def __init__(self, by_kind: Mapping[str, Starter]) -> None:
        self._by_kind = by_kind

    def all(self) -> Iterable[tuple[str, Starter]]:
        """Each kind with its starter."""
        return self._by_kind.items()

    def of(self, target: Mapping[str, Any]) -> tuple[str, Starter]:
        """The kind of a target, and its starter.

        Raises:
            InvalidInput: it names none, or several.
        """
        kinds = [kind for kind in self._by_kind if kind in target]
        if len(kinds) == 1:
            return kinds[0], self._by_kind[kinds[0]]
        known = " or ".join(self._by_kind)
        rule = f"target must say what to start, as {known}"
        raise InvalidInput([FieldError("target", f"{rule}, not {shown(dict(target))}")])

    async def checked(self, target: Mapping[str, Any], *, created_by: str, agent: str | None) -> dict[str, Any]:
        """The target as it is kept.

        Raises:
            InvalidInput: it cannot be started; fields are named `target.…`.
        """
        kind, starter = self.of(target)
        if odd := [name for name in target if name != kind]:
            raise InvalidInput([FieldError("target", f"target must have {kind} only, not {shown(odd[0])} too")])
        try:
            return {kind: await starter.checked(target[kind], created_by=created_by, agent=agent)}
        except InvalidInput as error:
            faults = [FieldError(f"target.{kind}.{each.field}".rstrip("."), each.message) for each in error.errors]
            raise InvalidInput(faults) from None

    async def prepare(
        self,
        target: Mapping[str, Any],
        *,
        created_by: str,
        agent: str | None,
        author: str,
        idempotency_key: str | None = None,
    ) -> Store:
        """See `Starter.prepare`."""
        kind, starter = self.of(target)
        what = target[kind]
        return await starter.prepare(
            what, created_by=created_by, agent=agent, author=author, idempotency_key=idempotency_key
        )


def _target(what: Any) -> JobTarget:
    try:
        return JobTarget.model_validate(what)
    except ValidationError as error:
        raise InvalidInput(field_errors(error, JobTarget)) from None
