"""Runs of workflows: started with inputs, looked at, and cancelled."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError

from engine import clock
from engine.approvals.policy import Policy
from engine.approvals.trust import note_trusted
from engine.audit import Audit
from engine.commands import Commands, Told
from engine.errors import FieldError, IdempotencyConflict, InvalidInput, MoveNotAllowed, NotFound, Superseded
from engine.events import Bus, JobChanged
from engine.jobs import Registry
from engine.queries import Queries
from engine.settings import Settings
from engine.shielded import shielded
from engine.submission import Submission, ref_faults
from engine.tracing import Role, span
from engine.workflows.catalog import Workflows
from engine.workflows.definition import Definition
from engine.workflows.expand import completed_inputs, expanded
from engine.workflows.views import Graph, RunStatus, RunView, StepView, status_of
from models.database import connection, storable, stored_json, transaction
from models.job import Job, NewJob, insert_jobs
from models.states import Status
from models.workflow import NewRun, Standing, Workflow, WorkflowRun, cancel_waiting, edges, insert_run, standings

MOST_SHOWN = 1000
MOST_FAULTS = 100
MAX_BYTES = 20_000_000
BREATH_SECONDS = 0.02


@dataclass(frozen=True)
class Started:
    """A run that was started, or found by its key."""

    id: int
    is_new: bool


@dataclass(frozen=True)
class Prepared:
    """A run that is checked, and not stored yet; its jobs do not know its id."""

    workflow: str
    run: NewRun
    jobs: tuple[NewJob, ...]


class Runs:
    """All the jobs of a run are stored together with it, or none."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        policy: Policy,
        audit: Audit,
        bus: Bus,
        workflows: Workflows,
        commands: Commands,
        queries: Queries,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._policy = policy
        self._audit = audit
        self._bus = bus
        self._workflows = workflows
        self._commands = commands
        self._queries = queries

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

        What is `told` of its jobs is stored in the same transaction.

        Raises:
            NotFound: there is no such workflow.
            InvalidInput: naming every input and every step at fault.
            IdempotencyConflict: the key was used for another run.
        """
        asked = _fingerprint(name, _plain(inputs), created_by)
        if idempotency_key and (first := await _first(idempotency_key, asked)):
            return Started(first, is_new=False)
        prepared = await self.prepare(name, inputs, created_by=created_by, agent=agent, idempotency_key=idempotency_key)
        try:
            async with transaction() as writer:
                run_id, ids = await self.store(writer, prepared)
                await self._audit.append(writer, [told(ids)] if told else [])
        except IntegrityError:  # another process with this key came first
            if idempotency_key and (first := await _first(idempotency_key, asked)):
                return Started(first, is_new=False)
            raise
        for job_id in ids:
            self._bus.publish(JobChanged(job_id))
        return Started(run_id, is_new=True)

    async def prepare(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        created_by: str,
        agent: str | None,
        on_behalf_of: str = "",
        idempotency_key: str | None = None,
    ) -> Prepared:
        """Check everything, and store nothing. The policy judges it also as if whom it is for had asked.

        Raises:
            NotFound: there is no such workflow.
            InvalidInput: naming every input and every step at fault.
        """
        workflow_id, definition = await self._workflows.found(name)
        given = _plain(inputs)
        jobs = await asyncio.to_thread(_jobs, definition, given, created_by, agent, on_behalf_of)
        faults = ref_faults(jobs.batch)
        if not jobs.batch:
            faults.append(FieldError("inputs", "inputs must make at least one step, and every list is empty"))
        if faults:
            raise InvalidInput(faults)
        with span("start workflow", Role.PRODUCER, workflow=name, jobs=len(jobs.batch)):
            new = await self._accepted(jobs.batch)
        run_hash = _fingerprint(name, given, created_by)
        run = NewRun(workflow_id, jobs.inputs, created_by, clock.now(), idempotency_key, run_hash)
        return Prepared(name, run, tuple(new))

    async def _accepted(self, batch: Sequence[Submission]) -> list[NewJob]:
        new: list[NewJob] = []
        faults: list[FieldError] = []
        size, breath = 0, monotonic()
        for asked in batch:
            try:
                new.append(await asked.accept(self._registry, self._settings, self._policy))
                size += len(stored_json(new[-1].payload))
            except InvalidInput as error:
                faults += [FieldError(f"steps.{asked.step}.{each.field}", each.message) for each in error.errors]
            if size > MAX_BYTES:
                rule = f"steps must make payloads of at most {MAX_BYTES:,} characters, all together, and make more"
                raise InvalidInput([FieldError("steps", rule)])
            if monotonic() - breath > BREATH_SECONDS:  # pages have their turn too
                await asyncio.sleep(0)
                breath = monotonic()
        if faults:
            raise InvalidInput(faults[:MOST_FAULTS])
        return new

    async def store(self, writer: BaseDBAsyncClient, prepared: Prepared) -> tuple[int, list[int]]:
        """Store it in the transaction of the writer; returns the run's id and its jobs'.

        Raises:
            IntegrityError: there is a run with this key.
        """
        run_id = await insert_run(prepared.run)
        jobs = [replace(job, run_id=run_id) for job in prepared.jobs]
        ids = [job_id for job_id in await insert_jobs(writer, jobs) if job_id is not None]
        await note_trusted(writer, self._audit, dict(zip(ids, jobs, strict=True)))
        return run_id, ids

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
        for status in (Status.RUNNING, Status.QUEUED, Status.PAUSED):  # what ends its try just now goes to one of these
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

    async def some(self, ids: Collection[int]) -> list[RunView]:
        """These runs; those that there are none of are left out."""
        return await self._views(await WorkflowRun.filter(id__in=sorted(ids)))

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


def _jobs(
    definition: Definition, given: Mapping[str, Any], created_by: str, agent: str | None, on_behalf_of: str
) -> _Jobs:
    inputs = completed_inputs(definition, given)
    jobs = expanded(definition, inputs, created_by)
    return _Jobs(inputs, [replace(job, agent=agent, on_behalf_of=on_behalf_of) for job in jobs])


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as they are stored.

    Raises:
        InvalidInput: they are no JSON, or more than that can be.
    """
    try:
        plain: dict[str, Any] = json.loads(stored_json(dict(inputs)))
    except (ValueError, TypeError, RecursionError):
        rule = "inputs must be plain values: numbers of at most 4,000 digits, and lists in lists not too deep"
        raise InvalidInput([FieldError("inputs", rule)]) from None
    return plain


def _fingerprint(name: str, inputs: Mapping[str, Any], created_by: str) -> str:
    return hashlib.sha256(stored_json([name, dict(inputs), created_by]).encode()).hexdigest()


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
