"""What outside agents report of their jobs: each is heard only while its lease holds (a fence)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.actors import Actor
from engine.agents import LEASE_SECONDS, LONGEST_LEASE, SHORTEST_LEASE, Agents, refuse_outside
from engine.artifacts import Artifacts, size_fault
from engine.budgets.told import told_use
from engine.context import MAX_LOG_TEXT
from engine.errors import FieldError, InvalidInput, LeaseGone, PermanentError, TransientError
from engine.events import AttemptEnded, Bus, JobChanged, JobLogged, JobProgressed
from engine.faults import shown
from engine.jobs import AnyJobType, Registry
from engine.jobs.base import EffectKind
from engine.ledger import Ledger
from engine.outcomes import Completed, Failed, Outcome, Paused, Released, Unknown, decide, ending
from engine.pace import Pace
from engine.settings import Settings
from engine.storage import content_key, is_plain, open_storage
from engine.storage.named import Made, name_files, sizes_of
from models.agent import Agent
from models.attempt import LogLine
from models.database import storable
from models.effect import settle_effect
from models.ending import Lease, note_used
from models.job import Job
from models.states import Phase, Status
from models.type_policy import TypePolicy
from models.usage import MAX_USED, NOTHING

MAX_REPORTS = 500
REPORTS_A_MINUTE = 120_000
MAX_LINES = 100  # of one report
MAX_LINES_OF_ATTEMPT = 10_000
MAX_ERROR = 4000
MAX_RESULT_CHARACTERS = 262_144
MAX_ARTIFACTS = 100

COMPLETED, FAILED, UNKNOWN, RELEASED = "completed", "failed", "unknown", "released"
STATUSES = (COMPLETED, FAILED, UNKNOWN, RELEASED)


@dataclass(frozen=True)
class Report:
    """What an agent tells of a job; without anything but its lease it only renews that.

    `status` ends the attempt: `completed` with `result`; `failed` with `error`, if it certainly did not happen, and
    tried again if `retry`; `unknown` with `error`, if nobody knows; `released` to give it back. `tokens` and `cost` are
    what the attempt has used of them until now, in all.
    """

    job_id: int
    lease_token: str
    progress: float | None = None
    log: tuple[str, ...] = ()
    status: str | None = None
    result: dict[str, Any] | None = None
    error: str = ""
    retry: bool = True
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Heard:
    """What came of a report. `problem` is why nothing was changed; `is_lost` when the lease is gone for good."""

    job_id: int
    problem: str | None = None
    is_lost: bool = False
    lease_expires_at: datetime | None = None
    pause_requested: bool = False


class Reports:
    """Hears what agents tell of the jobs that they have in hand."""

    def __init__(self, settings: Settings, registry: Registry, bus: Bus, ledger: Ledger, agents: Agents) -> None:
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._ledger = ledger
        self._agents = agents
        self._pace = Pace(REPORTS_A_MINUTE, "this token's agents report too much")

    async def hear(
        self, actor: Actor, agent_id: int, reports: list[Report], *, lease_seconds: float = LEASE_SECONDS
    ) -> list[Heard]:
        """Hear what an agent tells of its jobs; each report is heard, whatever becomes of the others.

        Raises:
            NotFound: this token has no such agent.
            InvalidInput: there are too many, or a number breaks its rule.
            TooMany: this token's agents asked too often.
        """
        refuse_outside(reports=(len(reports), 1, MAX_REPORTS))
        refuse_outside(lease_seconds=(lease_seconds, SHORTEST_LEASE, LONGEST_LEASE))
        self._pace.count(actor.key, len(reports))
        agent = await self._agents.own(actor, agent_id)
        hearing = asyncio.gather(*(self._hear(agent, report, lease_seconds) for report in reports))
        return await asyncio.shield(hearing)

    async def keep_artifact(self, actor: Actor, agent_id: int, job_id: int, token: str, name: str, body: bytes) -> None:
        """Store a file that the attempt made.

        Raises:
            NotFound: this token has no such agent.
            LeaseGone: the job is no longer this agent's.
            InvalidInput: the name is not that of a plain file, or the files are too many, or too large.
            StorageFault: it cannot be stored.
        """
        self._agents.pace.count(actor.key)
        agent = await self._agents.own(actor, agent_id)
        if not is_plain(name):
            raise InvalidInput([FieldError("name", f"name must be a plain file name, not {shown(name)}")])
        job = await _held(agent, job_id, token)
        if job is None:
            raise LeaseGone(await _why_lost(job_id))
        there = await sizes_of(job_id, job.attempt)
        if name not in there and len(there) >= MAX_ARTIFACTS:
            raise InvalidInput([FieldError("name", f"an attempt may keep at most {MAX_ARTIFACTS} files")])
        if fault := size_fault(self._settings, {**there, name: len(body)}, [name]):
            raise InvalidInput([FieldError("body", fault)])
        made = await asyncio.to_thread(Made.of, name, body)
        await open_storage(self._settings).ensure(content_key(made.digest), body)
        if not await self._ledger.write(lambda _: name_files(Lease(job_id, job.attempt, token), [made])):
            raise LeaseGone(await _why_lost(job_id))
        self._bus.publish(JobChanged(job_id))

    # -- helpers ---------------------------------------------------------------------------------------------

    async def _hear(self, agent: Agent, report: Report, lease_seconds: float) -> Heard:
        if problem := _report_fault(report):
            return Heard(report.job_id, problem)
        job = await _held(agent, report.job_id, report.lease_token)
        if job is None:
            return await self._too_late(agent, report)
        lease = Lease(job.id, job.attempt, report.lease_token)
        if report.progress is not None and report.progress < job.progress and report.status is None:
            return Heard(job.id, f"progress must not go back: it was {job.progress:g}, not {report.progress:g}")
        if report.log and not await self._log(lease, report.log):
            return Heard(job.id, f"an attempt may log at most {MAX_LINES_OF_ATTEMPT:,} lines")
        if (used := told_use({"tokens": report.tokens, "cost": report.cost})) != NOTHING:
            await self._ledger.write(partial(note_used, lease, used))
        if report.status is not None:
            return await self._finish(job, lease, report)
        return await self._renew(job, lease, report, lease_seconds)

    async def _renew(self, job: Job, lease: Lease, report: Report, lease_seconds: float) -> Heard:
        job_type = self._registry.find(job.type)
        policy = await TypePolicy.get_or_none(type=job.type)
        own_limit = job_type.time_limit_seconds if job_type else LONGEST_LEASE
        limit = timedelta(seconds=(policy.time_limit_seconds if policy else None) or own_limit)
        now = clock.now()
        over_at = (job.started_at or now) + limit
        if now >= over_at:
            return Heard(job.id, f"job {job.id} ran longer than its time limit: stop working on it", is_lost=True)
        expires = min(now + timedelta(seconds=lease_seconds), over_at)
        changes: dict[str, Any] = {"lease_expires_at": expires}
        if report.progress is not None:
            changes["progress"] = report.progress

        async def renew(_: BaseDBAsyncClient) -> int:
            return int(await _owned(lease).update(**changes))

        if not await self._ledger.write(renew):
            return Heard(job.id, await _why_lost(job.id), is_lost=True)
        if report.progress is not None:
            self._bus.publish(JobProgressed(job.id, report.progress))
        return Heard(job.id, lease_expires_at=expires, pause_requested=job.pause_requested)

    async def _log(self, lease: Lease, lines: tuple[str, ...]) -> bool:
        there = await LogLine.filter(job_id=lease.job_id, attempt=lease.attempt).count()
        if there + len(lines) > MAX_LINES_OF_ATTEMPT:
            return False
        now = clock.now()
        texts = [storable(line)[:MAX_LOG_TEXT] for line in lines]
        rows = [LogLine(job_id=lease.job_id, attempt=lease.attempt, at=now, text=text) for text in texts]
        await self._ledger.write(lambda writer: LogLine.bulk_create(rows, using_db=writer))
        self._bus.publish(JobLogged(lease.job_id, lease.attempt, texts[-1]))
        return True

    async def _finish(self, job: Job, lease: Lease, report: Report) -> Heard:
        job_type = self._registry.find(job.type)
        outcome = _outcome(job, job_type, report)
        if report.status != UNKNOWN:
            await self._settle(lease, job.type, report)  # nothing, if it may simply be done again
        if report.status == COMPLETED:
            await Artifacts(lease, self._settings, self._ledger).remove_superseded()
        if not await self._end(lease, outcome):
            return Heard(job.id, await _why_lost(job.id), is_lost=True)
        return Heard(job.id)

    async def _settle(self, lease: Lease, target: str, report: Report) -> bool:
        done = report.status == COMPLETED
        told = (
            {"result": report.result or {}} if done else {"error": report.error[:MAX_ERROR] or "The agent gave it back"}
        )
        phase = Phase.DONE if done else Phase.FAILED
        return await self._ledger.write(lambda writer: settle_effect(writer, lease, target, phase, clock.now(), **told))

    async def _end(self, lease: Lease, outcome: Outcome) -> bool:
        was_own = await self._ledger.end(ending(lease, outcome, clock.now()))
        self._bus.publish(JobChanged(lease.job_id))
        self._bus.publish(AttemptEnded(lease.job_id))
        return was_own

    async def _too_late(self, agent: Agent, report: Report) -> Heard:
        """The job was cancelled, rescued or never this agent's; what a cancelled one had already done is told."""
        cancelled = await Job.get_or_none(
            id=report.job_id, status=Status.CANCELLED, engine_id=agent.engine_id, lease_token=report.lease_token
        )
        if cancelled and report.status is not None:
            lease = Lease(cancelled.id, cancelled.attempt, report.lease_token)
            if report.status != UNKNOWN:
                await self._settle(lease, cancelled.type, report)
            await self._ledger.close_lost(lease, f"the agent reported {report.status}")
            self._bus.publish(JobChanged(cancelled.id))
            self._bus.publish(AttemptEnded(cancelled.id))
        return Heard(report.job_id, await _why_lost(report.job_id), is_lost=True)


def _owned(lease: Lease) -> Any:
    return Job.filter(id=lease.job_id, status=Status.RUNNING, attempt=lease.attempt, lease_token=lease.token)


async def _held(agent: Agent, job_id: int, token: str) -> Job | None:
    return await Job.get_or_none(id=job_id, status=Status.RUNNING, engine_id=agent.engine_id, lease_token=token)


async def _why_lost(job_id: int) -> str:
    job = await Job.get_or_none(id=job_id)
    state = f"it is {job.status}, at attempt {job.attempt}" if job else "it is gone"
    return f"this lease no longer holds job {job_id}: {state}. Stop working on it; nothing was changed"


def _outcome(job: Job, job_type: AnyJobType | None, report: Report) -> Outcome:
    error = report.error.strip()[:MAX_ERROR]
    match report.status:
        case "completed":
            return Completed(report.result or {})
        case "released":
            return Paused() if job.pause_requested else Released()
        case "unknown" if job_type is None or job_type.effect is EffectKind.IRREVERSIBLE:
            return Unknown(error or "The agent does not know whether it happened")
    if job_type is None:
        return Failed(error or "The agent failed")
    fault = TransientError(error) if report.retry else PermanentError(error)
    return decide(fault, attempt=job.attempt, max_attempts=job.max_attempts, policy=job_type.retry)


def _report_fault(report: Report) -> str | None:
    if report.status is not None and report.status not in STATUSES:
        return f"status must be one of {', '.join(STATUSES)}, or left out, not {shown(report.status)}"
    if report.progress is not None and not 0 <= report.progress <= 100:
        return f"progress must be 0 to 100, not {report.progress:g}"
    for name, value in (("tokens", report.tokens), ("cost", report.cost)):
        if value is not None and not 0 <= value <= MAX_USED:
            return f"{name} must be 0 or more, not {value:g}"
    if len(report.log) > MAX_LINES:
        return f"log must have at most {MAX_LINES} lines a report, not {len(report.log):,}"
    if report.status in (FAILED, UNKNOWN) and not report.error.strip():
        return f"error must say why, as the status is {report.status}"
    if report.result is not None and (size := len(str(report.result))) > MAX_RESULT_CHARACTERS:
        return f"result must have at most {MAX_RESULT_CHARACTERS:,} characters, not {size:,}; upload a file instead"
    return None
