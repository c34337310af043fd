"""Starts what is due: each time exactly once, whoever dies in between and however many look.

What is to start is prepared first. Then one transaction lets the schedule's next time be due, if that is still as it
was read, and stores what starts: a kill leaves both or neither, and of several engines one comes first.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.actors import Actor, Kind
from engine.audit import Audit, deed
from engine.cluster import Cluster
from engine.errors import JobRunnerError
from engine.events import Bus, Event, SchedulesChanged
from engine.health import Health, trouble
from engine.ledger import Ledger
from engine.schedules.due import Due, due
from engine.schedules.starter import Starter, Starters, Store
from engine.schedules.terms import created_by
from engine.settings import Settings
from engine.tracing import Role, span
from models.database import connection, storable
from models.schedule import Overlap, RunOutcome, Schedule, ScheduleRun, latest_runs, move_on, note_runs

log = logging.getLogger(__name__)

STEP = 100  # schedules of one look
RETRY_SECONDS = 2.0
SHORTEST_PAUSE = 0.02  # should anything that is due ever stay so, that keeps no core busy
SCHEDULER = Actor("Job Runner", Kind.SYSTEM, frozenset())
MISSED = "Missed: nothing ran when it was due"
TAKEN = "What was to start had been started before"


@dataclass
class _Plan:
    """What is to be stored of a schedule that is due."""

    schedule: Schedule
    next_at: datetime | None
    starter: Starter | None = None
    starts: list[tuple[datetime, Store]] = field(default_factory=list)
    runs: list[ScheduleRun] = field(default_factory=list)
    fault: str | None = None

    def note(self, due_at: datetime, outcome: RunOutcome, reason: str | None = None, **started: Any) -> ScheduleRun:
        """What came of a time."""
        row: dict[str, Any] = {"schedule_id": self.schedule.id, "author": self.schedule.author, "due_at": due_at}
        return ScheduleRun(**row, started_at=clock.now(), outcome=outcome, reason=reason, **started)


class Scheduler:
    """One process does it, the one that leads; that two do for a moment does no harm."""

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        audit: Audit,
        ledger: Ledger,
        starters: Starters,
        health: Health,
        cluster: Cluster,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._audit = audit
        self._ledger = ledger
        self._starters = starters
        self._health = health
        self._cluster = cluster
        self._wake = asyncio.Event()
        bus.subscribe(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SchedulesChanged):
            self._wake.set()

    async def run(self) -> None:
        """Sleep until the next time, or a change, for ever."""
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("scheduling")  # another process does it
                await self._cluster.leading.wait()
            self._wake.clear()
            try:
                more = await self.look() == STEP
                pause = 0.0 if more else await self._pause()
                self._health.worked("scheduling")
            except Exception as error:
                self._health.failed("scheduling", error)
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _pause(self) -> float:
        """Seconds to the next time, and never more than between two looks: an event may be lost."""
        rows = await _unpaused().limit(1).values("next_at")
        left: list[float] = [(row["next_at"] - clock.now()).total_seconds() for row in rows]
        return max(SHORTEST_PAUSE, min([*left, self._settings.poll_seconds]))

    async def look(self) -> int:
        """Start what at most a hundred schedules ask for now; returns how many were due."""
        now = clock.now()
        found = await _unpaused().filter(next_at__lte=now).limit(STEP)
        if not found:
            return 0
        going_on = await self._going_on(found)
        moved = await asyncio.gather(*(self._take(schedule, now, going_on.get(schedule.id)) for schedule in found))
        if any(moved):
            self._bus.publish(SchedulesChanged())
        return len(found)

    async def _going_on(self, schedules: Sequence[Schedule]) -> dict[int, str]:
        """Of the schedules that mind it: what was started last and is not over."""
        minding = {schedule.id: schedule for schedule in schedules if schedule.overlap is Overlap.SKIP}
        runs = await latest_runs(connection(), minding.keys(), started=True)
        told: dict[int, str] = {}
        for kind, starter in self._starters.all():
            started = {getattr(run, starter.column): run.schedule_id for run in runs if getattr(run, starter.column)}
            told |= {started[each]: f"{kind} {each}" for each in await starter.going_on(started.keys())}
        return told

    async def _take(self, schedule: Schedule, now: datetime, going_on: str | None) -> bool:
        """Whether its next time is due now."""
        plan = await self._planned(schedule, now, going_on)
        try:
            started = await self._ledger.write(partial(self._begin, plan))
        except Exception as error:
            if trouble(error):
                raise
            log.exception("what schedule %s starts could not be stored", schedule.name)
            plan = _failed(plan, f"It could not be stored: {error}")
            started = await self._ledger.write(partial(self._begin, plan))
        for each in started or ():
            if plan.starter:
                plan.starter.announce(each)
        return started is not None

    async def _planned(self, schedule: Schedule, now: datetime, going_on: str | None) -> _Plan:
        try:
            asked = due(schedule, now)
        except JobRunnerError as error:
            return _failed(_Plan(schedule, None), str(error))
        plan = _Plan(schedule, asked.next_at)
        if asked.left_out:
            plan.runs.append(plan.note(asked.left_out, RunOutcome.SKIPPED, MISSED))
        if asked.starts and going_on:
            reason = f"Skipped: {going_on}, which was started before, is not over"
            plan.runs.append(plan.note(asked.starts[-1], RunOutcome.SKIPPED, reason))
            return plan
        return await self._prepared(plan, asked)

    async def _prepared(self, plan: _Plan, asked: Due) -> _Plan:
        schedule = plan.schedule
        by, agent = created_by(schedule.name), schedule.agent
        for moment in asked.starts:
            key = f"schedule\n{schedule.id}\n{moment.isoformat()}"  # no program outside may use a line break in one
            try:
                _, plan.starter = self._starters.of(schedule.target)
                prepare = self._starters.prepare
                with span("schedule", Role.PRODUCER, schedule=schedule.id):
                    store = await prepare(
                        schedule.target, created_by=by, agent=agent, author=schedule.author, idempotency_key=key
                    )
            except JobRunnerError as error:
                return _failed(plan, str(error), moment)
            except Exception as error:
                if trouble(error):
                    raise
                log.exception("what schedule %s starts could not be prepared", schedule.name)
                return _failed(plan, f"It could not be prepared: {error}", moment)
            plan.starts.append((moment, store))
        return plan

    async def _begin(self, plan: _Plan, writer: BaseDBAsyncClient) -> list[int] | None:
        """What was started, None if another process was first, or somebody has changed it.

        Runs again after a rollback, so it leaves the plan as it is.
        """
        schedule, runs, started = plan.schedule, list(plan.runs), list[int]()
        if not await move_on(writer, schedule, plan.next_at, plan.fault):
            return None
        for moment, store in plan.starts:
            made = await store(writer)
            if made is None or plan.starter is None:
                runs.append(plan.note(moment, RunOutcome.SKIPPED, TAKEN))
                continue
            started.append(made)
            runs.append(plan.note(moment, RunOutcome.STARTED, None, **{plan.starter.column: made}))
        await note_runs(writer, runs)
        if plan.fault:
            target = f"schedule {schedule.name}"
            await self._audit.append(writer, [deed(SCHEDULER, "schedule.fail", target, None, {"error": plan.fault})])
        return started


def _unpaused() -> Any:
    return Schedule.filter(paused=False, next_at__not_isnull=True).order_by("next_at", "id")


def _failed(plan: _Plan, fault: str, moment: datetime | None = None) -> _Plan:
    """It starts nothing this time, and goes on to its next."""
    fault = storable(fault)
    failed = _Plan(plan.schedule, plan.next_at, runs=list(plan.runs), fault=fault)
    came = moment or plan.schedule.next_at
    if came:
        failed.runs.append(failed.note(came, RunOutcome.FAILED, fault))
    return failed
