"""Runs of workflows: started with inputs, looked at, and cancelled."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.commands import Commands, Told
from engine.errors import FieldError, IdempotencyConflict, InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.events import Bus, JobChanged
from engine.queries import Queries
from engine.shielded import shielded
from engine.submission import Submission
from engine.workflows.catalog import Workflows
from engine.workflows.definition import Definition
from engine.workflows.expand import completed_inputs, expanded
from engine.workflows.views import Graph, RunStatus, RunView, StepView, status_of
from models.database import connection, storable, stored_json, transaction
from models.job import Job
from models.states import Status
from models.workflow import NewRun, Standing, Workflow, WorkflowRun, cancel_waiting, edges, standings

MOST_SHOWN = 1000


@dataclass(frozen=True)
class Started:
    """A run that was started, or found by its key."""

    id: int
    is_new: bool


class Runs:
    """All the jobs of a run are submitted together, or none."""

    def __init__(self, workflows: Workflows, commands: Commands, queries: Queries, bus: Bus) -> None:
        self._workflows = workflows
        self._commands = commands
        self._queries = queries
        self._bus = bus

    @shielded
    async def start(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        created_by: str = "local",
        agent: str | None = None,
        idempotency_key: str | None = None,
        told: Told | None = None,
    ) -> Started:
        """Start the current version of a workflow; with a key that was used for the same before, find that run.

        Raises:
            NotFound: there is no such workflow.
            InvalidInput: naming every input and every step at fault.
            IdempotencyConflict: the key was used for another run.
        """
        asked = hashlib.sha256(stored_json([name, dict(inputs), created_by]).encode()).hexdigest()
        if idempotency_key and (first := await _first(idempotency_key, asked)):
            return Started(first, is_new=False)
        workflow_id, definition = await self._workflows.found(name)
        given = json.loads(stored_json(dict(inputs)))
        jobs = await asyncio.to_thread(_jobs, definition, given, created_by, agent)
        run = NewRun(workflow_id, jobs.inputs, created_by, clock.now(), idempotency_key, asked)
        if not jobs.batch:
            raise InvalidInput([FieldError("inputs", "inputs must make at least one step, and every list is empty")])
        try:
            made = await self._commands.submit_batch([(job, None) for job in jobs.batch], told, run=run)
        except InvalidInput as error:
            raise InvalidInput([_of_step(jobs.batch, fault) for fault in error.errors]) from None
        except IntegrityError:  # another process with this key came first
            if idempotency_key and (first := await _first(idempotency_key, asked)):
                return Started(first, is_new=False)
            raise
        job = await Job.get(id=made[0][0])
        return Started(int(job.run_id), is_new=True)

    @shielded
    async def cancel(self, run_id: int) -> None:
        """Cancel whatever of it is not over; what runs is stopped.

        Raises:
            NotFound: there is no such run.
            MoveNotAllowed: it is over.
        """
        run = await self.run(run_id)
        if run.is_over and run.status is not RunStatus.FAILED:
            raise Superseded(f"run {run_id} is {run.status} and cannot be cancelled")
        async with transaction() as writer:
            await WorkflowRun.filter(id=run_id, cancelled_at=None).update(cancelled_at=clock.now())
            cancelled = await cancel_waiting(writer, run_id, clock.now())
        for job_id in cancelled:
            self._bus.publish(JobChanged(job_id))
        for status in (Status.RUNNING, Status.QUEUED):  # a try that fails just now goes back to the queue
            for job_id in await _ids(run_id, status):
                with suppress(MoveNotAllowed):  # it was over just now
                    await self._commands.cancel(job_id, waits=False)

    async def run(self, run_id: int) -> RunView:
        """One run.

        Raises:
            NotFound: there is no such run.
        """
        row = await WorkflowRun.get_or_none(id=run_id)
        if row is None:
            raise NotFound("run", run_id)
        return (await self._views([row]))[0]

    async def latest(self, name: str | None = None, before: int | None = None, limit: int = 20) -> list[RunView]:
        """The newest first, of one workflow or of all; with `before`, those that began before this one."""
        rows = WorkflowRun.all()
        if name is not None:
            rows = rows.filter(workflow_id__in=await Workflow.filter(name=storable(name)).values_list("id", flat=True))
        if before is not None:
            rows = rows.filter(id__lt=before)
        return await self._views(await rows.order_by("-id").limit(limit))

    async def graph(self, run_id: int) -> Graph:
        """The steps of a run and how they stand."""
        jobs = sorted(await self._queries.jobs(await _ids(run_id)), key=lambda job: job.id)
        by_step: dict[str, list[Any]] = defaultdict(list)
        for job in jobs:
            by_step[_step(job.step)].append(job)
        step_of = {job.id: _step(job.step) for job in jobs}
        pairs = await edges(connection(), run_id)
        found = {(step_of[a], step_of[b]): None for a, b in pairs if a in step_of and b in step_of}
        steps = [
            StepView(
                name, each[0].name if len(each) == 1 else name.replace("_", " ").capitalize(), each[0].type, tuple(each)
            )
            for name, each in by_step.items()
        ]
        return Graph(tuple(steps), tuple(found))

    async def _views(self, rows: Sequence[WorkflowRun]) -> list[RunView]:
        if not rows:
            return []
        workflows = {row.id: row for row in await Workflow.filter(id__in={row.workflow_id for row in rows})}
        by_run: dict[int, list[Standing]] = defaultdict(list)
        for each in await standings(connection(), [row.id for row in rows]):
            by_run[each.run_id].append(each)
        return [_view(row, workflows[row.workflow_id], by_run[row.id]) for row in rows]


@dataclass(frozen=True)
class _Jobs:
    inputs: dict[str, Any]
    batch: list[Submission]


def _jobs(definition: Definition, given: Mapping[str, Any], created_by: str, agent: str | None) -> _Jobs:
    inputs = completed_inputs(definition, given)
    return _Jobs(inputs, [replace(job, agent=agent) for job in expanded(definition, inputs, created_by)])


def _of_step(batch: Sequence[Submission], fault: FieldError) -> FieldError:
    """The fault of a job in the words of the workflow."""
    _, _, rest = fault.field.partition(".")
    index, _, field = rest.partition(".")
    if not index.isdecimal():
        return fault
    return FieldError(f"steps.{batch[int(index)].step}.{field}".rstrip("."), fault.message)


async def _ids(run_id: int, *statuses: Status) -> list[int]:
    rows = Job.filter(run_id=run_id, status__in=list(statuses or Status)).order_by("id").limit(MOST_SHOWN)
    return [int(row["id"]) for row in await rows.values("id")]


def _step(full_name: str | None) -> str:
    return (full_name or "").partition(".")[0]


async def _first(key: str, asked: str) -> int | None:
    first = await WorkflowRun.get_or_none(idempotency_key=key)
    if first is None:
        return None
    if first.request_hash != asked:
        raise IdempotencyConflict(key)
    return int(first.id)


def _view(row: WorkflowRun, workflow: Workflow, found: Sequence[Standing]) -> RunView:
    status = status_of(found, is_cancelled=row.cancelled_at is not None)
    counts: dict[str, int] = defaultdict(int)
    for each in found:
        counts[each.status] += each.jobs
    ends = [each.latest for each in found if each.latest]
    is_over = status in (RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.FAILED)
    return RunView(
        row.id,
        workflow.name,
        workflow.version,
        workflow.title,
        row.inputs,
        row.created_by,
        row.created_at,
        max(ends) if ends and is_over else None,
        status,
        dict(counts),
    )
