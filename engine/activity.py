"""What happens, as it happens: moves of jobs and the lines that they log, for whoever watches the agents at work."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from engine.event_log import EventLog
from engine.events import Bus, Event, JobLogged
from engine.statistics import Statistics
from models.activity import Line, lines_after, newest_lines, newest_moves
from models.database import DRIVER_ERRORS
from models.job import Job
from models.job_event import Happened

log = logging.getLogger(__name__)

COLLECT_SECONDS = 0.25
MOST_AT_ONCE = 25
MAX_LINES = 100  # of one batch; of more, the newest
BACKLOG = 200  # of each kind, in which what somebody wants to see of the past is looked for
REMEMBERED = 500
FAILURES = frozenset({"job.failed", "job.outcome_unknown"})


@dataclass(frozen=True)
class Item:
    """One thing that happened. `what` is an event's name as in the stream of events, or "line" for a logged line.

    `id` tells moves apart, and lines.
    """

    id: int
    at: datetime
    what: str
    job_id: int
    job: str
    summary: str
    type: str
    agent: str
    text: str = ""
    attempt: int = 0

    @property
    def key(self) -> tuple[bool, int]:
        """Tells it from everything else that happened."""
        return self.is_line, self.id

    @property
    def is_line(self) -> bool:
        """Whether a job logged it."""
        return self.what == "line"

    @property
    def is_failure(self) -> bool:
        """Whether a job failed, or nobody knows what came of it; a try that is tried again is none."""
        return self.what in FAILURES


@dataclass(frozen=True)
class Batch:
    """What happened in the last quarter of a second, the oldest first; `left_out` came before these."""

    items: tuple[Item, ...]
    left_out: int = 0


_Job = tuple[str, str, str, str | None]  # name, summary, type and engine
Listener = Callable[[Batch], None]


class Activity:
    """One for the process; reads only while anybody listens."""

    def __init__(self, bus: Bus, events: EventLog, statistics: Statistics) -> None:
        self._events = events
        self._statistics = statistics
        self._listeners: list[Listener] = []
        self._wanted = asyncio.Event()
        self._woken = asyncio.Event()
        self._has_logged = False
        self._moves: list[Happened] = []
        self._line_id = 0
        self._told: dict[int, None] = {}  # lines that were read before, as their transactions may be seen late
        bus.subscribe(self._on_event)

    def follow(self, listener: Listener) -> Callable[[], None]:
        """Tell of everything from now on, every quarter of a second at most; returns how to end it."""
        self._listeners.append(listener)
        self._wanted.set()

        def end() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)
            if not self._listeners:
                self._wanted.clear()
                self._woken.set()

        return end

    async def recent(self, fits: Callable[[Item], bool], limit: int) -> list[Item]:
        """The latest that fit, the oldest first, as far back as the newest few hundred go."""
        moves, lines = await newest_moves(BACKLOG), await newest_lines(BACKLOG)
        items = [item for item in await self._items(moves, lines) if fits(item)]
        return items[-limit:]

    async def run(self) -> None:
        """Read on for ever, while anybody listens."""
        while True:
            await self._wanted.wait()
            following: asyncio.Task[None] | None = None
            try:
                await self._begin()
                following = asyncio.create_task(self._follow_moves())
                await self._tell()
            except DRIVER_ERRORS as error:
                log.warning("what happens cannot be read, trying again: %s", error)
                await asyncio.sleep(1)
            finally:
                if following:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)

    async def _follow_moves(self) -> None:
        async for batch in self._events.follow(None, quiet_seconds=60):
            self._moves.extend(batch)
            self._woken.set()

    async def _begin(self) -> None:
        """What is there already is told to nobody."""
        before = await newest_lines(MAX_LINES)
        self._line_id = before[-1].id if before else 0
        self._told = dict.fromkeys(line.id for line in before)
        self._moves.clear()

    async def _tell(self) -> None:
        while self._wanted.is_set():
            await self._woken.wait()
            await asyncio.sleep(COLLECT_SECONDS)
            self._woken.clear()
            moves, self._moves = self._moves, []
            has_logged, self._has_logged = self._has_logged, False
            lines, missed = await self._read_lines() if has_logged else ([], 0)
            if moves or lines:
                await self._hand_out(moves, lines, missed)

    async def _hand_out(self, moves: list[Happened], lines: list[Line], missed: int) -> None:
        missed += max(0, len(moves) - MAX_LINES)
        items = await self._items(moves[-MAX_LINES:], lines)
        batch = Batch(tuple(items[-MOST_AT_ONCE:]), missed + max(0, len(items) - MOST_AT_ONCE))
        for listener in tuple(self._listeners):
            try:
                listener(batch)
            except Exception:
                log.exception("whoever watches what happens failed")

    async def _read_lines(self) -> tuple[list[Line], int]:
        """The lines since, and how many more there were; on PostgreSQL an earlier one may be seen later."""
        found = await lines_after(max(0, self._line_id - MAX_LINES // 4), MAX_LINES)
        new = [line for line in found if line.id not in self._told]
        missed = max(0, min((line.id for line in new), default=0) - self._line_id - 1) if len(found) == MAX_LINES else 0
        self._told |= dict.fromkeys(line.id for line in found)
        for old in list(self._told)[: max(0, len(self._told) - REMEMBERED)]:
            del self._told[old]
        self._line_id = max([self._line_id, *(line.id for line in found)])
        return new, missed

    async def _items(self, moves: Iterable[Happened], lines: Iterable[Line]) -> list[Item]:
        moves, lines = list(moves), list(lines)
        jobs = await _jobs({move.job_id for move in moves} | {line.job_id for line in lines})
        items = [
            Item(
                move.position.id,
                move.at,
                move.kind,
                move.job_id,
                *self._job(jobs, move.job_id, move.job_type),
                attempt=move.attempt,
            )
            for move in moves
        ]
        items += [
            Item(line.id, line.at, "line", line.job_id, *self._job(jobs, line.job_id, ""), line.text, line.attempt)
            for line in lines
            if line.job_id in jobs
        ]
        return sorted(items, key=lambda item: item.at)

    def _job(self, jobs: dict[int, _Job], job_id: int, job_type: str) -> tuple[str, str, str, str]:
        """Its name, its summary, its type and its agent's key; of a job that is gone, what is still known."""
        name, summary, job_type, engine_id = jobs.get(job_id, (f"Job {job_id}", "", job_type, None))
        return name, summary, job_type, self._statistics.agent_of(job_type, engine_id)

    def _on_event(self, event: Event) -> None:
        if self._listeners and isinstance(event, JobLogged):
            self._has_logged = True
            self._woken.set()


async def _jobs(ids: Collection[int]) -> dict[int, _Job]:
    if not ids:
        return {}
    rows = await Job.filter(id__in=list(ids)).values_list("id", "name", "summary", "type", "engine_id")
    return {job_id: (name, summary, job_type, engine_id) for job_id, name, summary, job_type, engine_id in rows}
