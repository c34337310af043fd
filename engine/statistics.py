"""How many attempts end, of whom, and how long they run: a week of it in memory, kept in step with the database.

What ended since is read by the time of its end. A transaction may be seen later than one that it began before, so
the last minute is read again and again, and what was counted of it is remembered by its id: nothing is counted
twice, and nothing is lost. The past is read backwards in small batches, so that it keeps nobody waiting.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

from engine import clock
from engine.events import AttemptEnded, Bus, Event, JobChanged
from engine.jobs import Registry
from engine.tally import WEEK, AgentStats, Last, Slot, Span, Tally, Throughput, TypeStats
from engine.workforce import agent_name, key_of
from models.agent import PREFIX
from models.database import DRIVER_ERRORS
from models.ended import Ended, ended_after, ended_before, newest_end

__all__ = ["AgentStats", "Last", "Slot", "Span", "Statistics", "Throughput", "TypeStats"]

log = logging.getLogger(__name__)

BATCH = 250
REST_SECONDS = 0.004  # between batches: others have their turn
QUICK_SECONDS = 1.0
SLOW_SECONDS = 10.0
ASKED_SECONDS = 60.0  # for so long after somebody asked, what is new is read at once
OVERLAP_SECONDS = 60
QUICK_OVERLAP_SECONDS = 2
MAX_REMEMBERED = 100_000  # ids; when more end within the overlap, it is shorter


class Statistics:
    """Each process keeps its own. Until it runs, everything is zero and not complete."""

    def __init__(self, registry: Registry, bus: Bus | None = None) -> None:
        self._registry = registry
        self._tally = Tally()
        self._counted: defaultdict[int, set[int]] = defaultdict(set)  # ids of the attempts that ended in a second
        self._begin = 0  # the second from which on what ended is followed; the past is what ended before
        self._has_begun = False
        self._newest = 0
        self._swept_at = -SLOW_SECONDS
        self._asked_at = -ASKED_SECONDS
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._lock, self._past_lock = asyncio.Lock(), asyncio.Lock()
        self._past = (clock.now(), 0)  # the place before which the past is still to be read
        self._listeners: list[Callable[[], None]] = []
        self.is_complete = False
        """Whether the whole week has been read."""
        if bus:
            bus.subscribe(self._on_event)

    # -- what anyone may ask ---------------------------------------------------------------------------------

    def throughput(self, span: Span) -> Throughput:
        """How many attempts ended when; the last slot is the one that goes on now."""
        return Throughput(self._tally.slots(span, self._asked()), self.is_complete)

    def throughput_of(self, agent: str, span: Span) -> Throughput:
        """The same of one agent."""
        return Throughput(self._tally.slots(span, self._asked(), agent), self.is_complete)

    def of_agent(self, agent: str, span: Span) -> AgentStats:
        """What one agent did over a day or a week; zero for an agent that did nothing, or is not there."""
        return self._tally.of_agent(agent, span, self._asked())

    def types_of(self, agent: str, span: Span) -> dict[str, TypeStats]:
        """How one agent fared with each job type, by key, over a day or a week."""
        return self._tally.types_of(agent, span, self._asked())

    def last_of(self, agent: str) -> tuple[Last, ...]:
        """The latest attempts of an agent within a week, the latest first, whatever came of them."""
        return self._tally.last_of(agent)

    def agent_of(self, type_key: str, engine_id: str | None) -> str:
        """The key of the agent that does, or did, such a job; empty if its type is gone."""
        if engine_id and engine_id.startswith(PREFIX):
            return engine_id
        name = agent_name(self._registry, type_key)
        return key_of(name) if name else ""

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call it whenever the numbers have changed; returns how to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- how it is kept in step ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read the past, and what is new, for ever."""
        past: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    await self.refresh()
                    if not self.is_complete and (past is None or past.done()):
                        past = asyncio.create_task(self._read_past())
                except DRIVER_ERRORS as error:
                    log.warning("what ended cannot be counted, trying again: %s", error)
                await self._wait()
        finally:
            if past:
                past.cancel()
                await asyncio.gather(past, return_exceptions=True)

    async def refresh(self) -> None:
        """Read what ended since; every ten seconds also what came late."""
        async with self._lock:
            if not self._has_begun:
                await self._start()
            is_sweep = monotonic() - self._swept_at >= SLOW_SECONDS
            overlap = OVERLAP_SECONDS if is_sweep else QUICK_OVERLAP_SECONDS
            since = max(self._begin, self._newest - overlap)
            has_changed = await self._read_on(datetime.fromtimestamp(since, UTC))
            if is_sweep:
                self._swept_at = monotonic()
            self._forget()
        if has_changed:
            self._tell()

    async def catch_up(self) -> None:
        """Read all of the past, and everything that ended until now."""
        self._swept_at = -SLOW_SECONDS
        await self.refresh()
        await self._read_past()

    async def _start(self) -> None:
        newest = await newest_end() or clock.now()
        self._newest = int(min(newest, clock.now()).timestamp())
        self._begin = self._newest - OVERLAP_SECONDS
        self._past = (datetime.fromtimestamp(self._begin, UTC), 0)
        self._has_begun = True

    async def _wait(self) -> None:
        if monotonic() - self._asked_at < ASKED_SECONDS:
            await asyncio.sleep(QUICK_SECONDS)
            woken, seconds = self._news, SLOW_SECONDS - QUICK_SECONDS
        else:
            woken, seconds = self._wanted, SLOW_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await woken.wait()
        woken.clear()

    async def _read_on(self, since: datetime) -> bool:
        place, has_changed = (since, 0), False
        while rows := await ended_after(*place, BATCH):
            for row in rows:
                has_changed |= self._count(row)
            place = (rows[-1].finished_at, rows[-1].id)
            if len(rows) < BATCH:
                break
            await asyncio.sleep(REST_SECONDS)
        return has_changed

    async def _read_past(self) -> None:
        """From where the following began back to a week ago; another try goes on where the last one stopped."""
        async with self._past_lock:
            if self.is_complete:
                return
            since = clock.now() - WEEK - timedelta(hours=1)
            try:
                while rows := await ended_before(*self._past, BATCH, since=since):
                    for row in rows:
                        self._add(row)
                    self._past = (rows[-1].finished_at, rows[-1].id)
                    await asyncio.sleep(REST_SECONDS)
            except DRIVER_ERRORS as error:
                log.warning("the past cannot be counted, trying again: %s", error)
                return
            self.is_complete = True
        self._tell()

    def _count(self, row: Ended) -> bool:
        second = int(row.finished_at.timestamp())
        counted = self._counted[second]
        if row.id in counted:
            return False
        counted.add(row.id)
        self._newest = max(self._newest, min(second, int(clock.now().timestamp())))
        self._add(row)
        return True

    def _add(self, row: Ended) -> None:
        agent = self.agent_of(row.type, row.engine_id)
        self._tally.add(agent, row)

    def _forget(self) -> None:
        """Remember only what is read again; where that is too much, read less again."""
        self._begin = max(self._begin, self._newest - OVERLAP_SECONDS)
        remembered = sum(map(len, self._counted.values()))
        for second in sorted(self._counted):
            if second >= self._newest or (second >= self._begin and remembered <= MAX_REMEMBERED):
                break
            remembered -= len(self._counted.pop(second))
            self._begin = max(self._begin, second + 1)
        self._tally.forget(clock.now())

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                log.exception("whoever listens for numbers failed")

    def _asked(self) -> datetime:
        if monotonic() - self._asked_at > ASKED_SECONDS:
            self._wanted.set()
        self._asked_at = monotonic()
        return clock.now()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, AttemptEnded | JobChanged):
            self._news.set()
