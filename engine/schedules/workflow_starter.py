"""Runs of workflows that a schedule starts."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tortoise.backends.base.client import BaseDBAsyncClient

from engine.actors import Actor, Kind
from engine.audit import Audit, deed
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import Bus, JobChanged
from engine.faults import field_errors, shown
from engine.schedules.starter import Store, Told
from engine.workflows.catalog import Workflows
from engine.workflows.runs import Runs
from engine.workflows.views import RunStatus
from models.workflow import WorkflowRun

WORKFLOW = "workflow"


class WorkflowTarget(BaseModel):
    """A workflow that a schedule runs."""

    model_config = ConfigDict(extra="forbid")

    name: str
    inputs: dict[str, Any] = Field(default_factory=dict)


class WorkflowStarter:
    """Starts the version that is current when the time has come."""

    column = "run_id"

    def __init__(self, workflows: Workflows, runs: Runs, audit: Audit, bus: Bus) -> None:
        self._workflows = workflows
        self._runs = runs
        self._audit = audit
        self._bus = bus
        self._stored: dict[int, list[int]] = {}
        """The jobs of runs that are stored, and not told of yet."""

    async def checked(self, what: Any, *, created_by: str, agent: str | None) -> dict[str, Any]:
        """See `Starter`."""
        target = _target(what)
        try:
            await self._runs.prepare(target.name, target.inputs, created_by=created_by, agent=agent)
        except NotFound:
            known = ", ".join(view.name for view in await self._workflows.all())
            raise InvalidInput([FieldError("name", f"name must be one of {known}, not {shown(target.name)}")]) from None
        return target.model_dump()

    async def prepare(
        self, what: Any, *, created_by: str, agent: str | None, author: str, idempotency_key: str | None = None
    ) -> Store:
        """See `Starter`."""
        target, key = _target(what), idempotency_key
        prepared = await self._runs.prepare(
            target.name, target.inputs, created_by=created_by, agent=agent, on_behalf_of=author, idempotency_key=key
        )

        async def store(writer: BaseDBAsyncClient) -> int | None:
            if key and await WorkflowRun.exists(idempotency_key=key):
                return None
            run_id, ids = await self._runs.store(writer, prepared)
            self._stored[run_id] = ids
            by = Actor(created_by, Kind.SYSTEM, frozenset())
            told = {"workflow": target.name, "run": run_id, "jobs": len(ids)}
            await self._audit.append(writer, [deed(by, "workflow.run", f"workflow {target.name}", None, told)])
            return run_id

        return store

    async def going_on(self, ids: Collection[int]) -> set[int]:
        """See `Starter`."""
        is_open = (RunStatus.RUNNING, RunStatus.WAITING)
        return {run.id for run in await self._runs.some(ids) if run.status in is_open} if ids else set()

    async def told(self, ids: Collection[int]) -> dict[int, Told]:
        """See `Starter`."""
        return {run.id: Told(run.title, run.status) for run in await self._runs.some(ids)} if ids else {}

    def announce(self, started: int) -> None:
        """See `Starter`."""
        for job_id in self._stored.pop(started, ()):
            self._bus.publish(JobChanged(job_id))

    def title(self, what: Any) -> str:
        """The workflow."""
        return f"Workflow: {what['name']}"


def _target(what: Any) -> WorkflowTarget:
    try:
        return WorkflowTarget.model_validate(what)
    except ValidationError as error:
        raise InvalidInput(field_errors(error, WorkflowTarget)) from None
