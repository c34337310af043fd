"""Engine events → batched patches to open pages.

What changed is collected and flushed every quarter of a second: a patch goes only to the cards that a page shows.
When a job enters, leaves or changes a list, pages read their lists again, and those that show the same share one
read. Every ten seconds everything is read again, so that a missed event heals.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic

from engine import clock
from engine.actors import Actor
from engine.engine import Atlas
from engine.events import (
    AccessChanged,
    BudgetsChanged,
    ChannelsChanged,
    EngineChanged,
    Event,
    JobChanged,
    JobLogged,
    JobProgressed,
    OperationChanged,
    PolicyChanged,
    SchedulesChanged,
    SecretsChanged,
    TypesChanged,
    WebhooksChanged,
    WorkflowsChanged,
)
from engine.health import trouble
from engine.views import OFFLINE_AFTER, EngineState, JobView
from models.states import Status
from ui.memory import give_back_memory
from ui.reader import Reader
from ui.since import Since
from ui.tab import Still, Tab

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
COLLECT_SECONDS = 0.03
SHARE = 2.5  # times as long as a flush took there is no other one of its kind: with many pages, others have their turn
AT_ONCE = 10  # pages that are drawn before somebody else has a turn
REFRESH_SECONDS = 10.0
ENGINE_SECONDS = 2.0
CHECK_SECONDS = 30.0
MANY_LEFT = 10
FORGOTTEN_SECONDS = 45.0  # after the last one left; until then its browser may come back to it
MAX_REMEMBERED = 20_000
MAX_PAGES = 200  # of one person
MAX_LOADING = 100  # each is kept for a minute, whether or not a browser comes for it


class Live:
    """One for the process; pages come and go."""

    def __init__(self, atlas: Atlas, still: Still) -> None:
        self._atlas = atlas
        self.still = still
        self._tabs: set[Tab] = set()
        self._awake: set[Tab] = set()
        self._loading: set[Tab] = set()  # no browser has listened yet
        self._left = 0  # pages that are gone since memory was given back
        self._left_at = 0.0
        self.version = 0
        self._changed: set[int] = set()
        self._logged: set[int] = set()
        self._operations: set[int] = set()
        self._percents: dict[int, float] = {}
        self._sections: dict[int, tuple[str, Status, str | None, str | None]] = {}
        self._asking: set[Tab] = set()
        self._stale = False
        self._flush_lock = asyncio.Lock()
        self._something_changed = Since()
        self._something_moved_on = Since()
        self._access_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._reading: asyncio.Future[EngineState] | None = None
        self.engine: EngineState | None = None

    def start(self) -> None:
        """Listen to the engine."""
        self._unsubscribe = self._atlas.bus.subscribe(self._on_event)
        self._atlas.metrics.live_pages.set_function(lambda: len(self._awake))
        loops = (
            self._flushing(self._something_changed, self._flush_changes),
            self._flushing(self._something_moved_on, self._flush_progress),
            self._refreshing(),
            self._checking(),
            self._watching_engine(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Tell pages nothing more."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def join(self, tab: Tab) -> None:
        """Know of this tab; it is brought up to date once it is awake."""
        self._tabs.add(tab)
        self._loading.add(tab)

    def is_crowded(self, actor: Actor) -> bool:
        """Whether somebody has as many pages open, or asked for and never opened, as one may have."""
        loading = sum(tab.actor.name == actor.name for tab in self._loading)
        return loading >= MAX_LOADING or sum(tab.actor.name == actor.name for tab in self._tabs) >= MAX_PAGES

    def leave(self, tab: Tab) -> None:
        """Its page is gone."""
        self._left += tab in self._tabs
        self._left_at = monotonic()
        for tabs in (self._tabs, self._awake, self._loading):
            tabs.discard(tab)

    def wake(self, tab: Tab, version: int) -> None:
        """A browser listens: keep its tab up to date; what has changed since `version` it reads now."""
        self._loading.discard(tab)
        self._awake.add(tab)
        if self.engine:
            tab.on_engine(self.engine)
        if version != self.version:
            self.ask_refresh(tab)

    def doze(self, tab: Tab) -> int:
        """No browser listens: tell it nothing; returns the version to wake it with."""
        self._awake.discard(tab)
        return -1  # what is being flushed just now does not reach it any more

    def is_awake(self, tab: Tab) -> bool:
        """Whether a browser listens."""
        return tab in self._awake

    def ask_refresh(self, tab: Tab) -> None:
        """Let this tab read again with the next flush."""
        self._asking.add(tab)
        self._something_changed.set()

    def reader(self) -> Reader:
        """For a page's first read."""
        return Reader(self._atlas.queries)

    def _on_event(self, event: Event) -> None:
        match event:
            case JobChanged(job_id):
                self._changed.add(job_id)
            case JobProgressed(job_id, percent):
                self._percents[job_id] = percent
                self._something_moved_on.set()
                return
            case JobLogged(job_id):
                self._logged.add(job_id)
            case OperationChanged(operation_id):
                self._operations.add(operation_id)
            case AccessChanged():
                self._access_changed.set()
                self._stale = True
            case (
                ChannelsChanged()
                | TypesChanged()
                | WebhooksChanged()
                | SecretsChanged()
                | PolicyChanged()
                | WorkflowsChanged()
                | SchedulesChanged()
                | BudgetsChanged()
                | EngineChanged()
            ):
                self._stale = True
            case _:
                return
        self.version += 1
        self._something_changed.set()

    async def _flushing(self, something: Since, flush: Callable[[], Awaitable[None]]) -> None:
        next_at = 0.0
        while True:
            await something.wait()
            await asyncio.sleep(max(COLLECT_SECONDS, next_at - monotonic()))
            began, changed_at = monotonic(), something.at
            something.clear()
            async with self._flush_lock:
                flushing = monotonic()
                await self._guarded(flush())
            next_at = began + max(FLUSH_SECONDS, SHARE * (monotonic() - flushing))
            if self._awake:
                self._atlas.metrics.flush_lag.observe(monotonic() - changed_at)

    async def _refreshing(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._guarded(self._refresh_all())
            if self._left >= MANY_LEFT and monotonic() - self._left_at > FORGOTTEN_SECONDS:
                self._left = 0
                give_back_memory()

    async def _checking(self) -> None:
        """A page's socket outlives the cookie that opened it: who is still who they were is asked of every tab."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._access_changed.wait()
            self._access_changed.clear()
            for tab in tuple(self._tabs):
                await self._guarded(tab.check())

    async def _watching_engine(self) -> None:
        while True:
            await self._guarded(self._tell_engine())
            await asyncio.sleep(ENGINE_SECONDS)

    async def _flush_progress(self) -> None:
        if self._changed:  # a card must show that its job runs before it shows how far
            await self._flush_changes()
        percents, self._percents = self._percents, {}
        for tab in tuple(self._awake):
            with _fault_of_one_tab():
                tab.on_progress(percents)

    async def _flush_changes(self) -> None:
        changed, self._changed = self._changed, set()
        logged, self._logged = self._logged, set()
        begun, self._operations = self._operations, set()
        asking, self._asking = self._asking, set()
        stale, self._stale = self._stale, False
        if not self._awake:
            return
        jobs = await self._atlas.queries.jobs(changed) if changed else []
        operations = [await self._atlas.queries.operations.operation(each) for each in sorted(begun)]
        if self._moved(jobs) or stale:
            await self._refresh_all()
        for tab in tuple(self._awake):
            with _fault_of_one_tab():
                tab.on_operations(operations)
                tab.on_jobs(jobs)
                if logged and tab.on_log(logged):
                    asking.add(tab)
        await self._refresh(asking & self._awake)

    def _moved(self, jobs: Sequence[JobView]) -> bool:
        """Whether any of these jobs is new, or stands elsewhere than when it was last seen."""
        moved = False
        for job in jobs:
            section = (job.category, job.status, job.approval, job.outcome)
            if self._sections.get(job.id) != section:
                self._sections[job.id] = section
                moved = True
        while len(self._sections) > MAX_REMEMBERED:
            del self._sections[next(iter(self._sections))]
        return moved

    async def _refresh_all(self) -> None:
        await self._refresh(self._awake)

    async def _refresh(self, tabs: Iterable[Tab]) -> None:
        reader, every = self.reader(), tuple(tabs)
        for first in range(0, len(every), AT_ONCE):
            await asyncio.gather(*(self._guarded(tab.refresh(reader)) for tab in every[first : first + AT_ONCE]))

    async def _tell_engine(self) -> None:
        state = await self._engine_state()
        was, self.engine = self.engine, state
        if was is None or (was.online, was.fault) != (state.online, state.fault):
            for tab in tuple(self._awake):
                with _fault_of_one_tab():
                    tab.on_engine(state)
            self._stale = True
            self._something_changed.set()

    async def _engine_state(self) -> EngineState:
        """What the database says; while it does not answer, what is known with the time that has passed since."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._atlas.queries.engine())
        done, _ = await asyncio.wait({self._reading}, timeout=ENGINE_SECONDS if self.engine else None)
        if done or self.engine is None:
            reading, self._reading = self._reading, None
            return await reading
        beat = self.engine.last_beat_at
        is_late = beat is None or clock.now() - beat >= OFFLINE_AFTER
        return replace(self.engine, online=False) if is_late else self.engine

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            said = "open pages could not be brought up to date (%s); they read again in %g s"
            fault = trouble(error)
            log.warning(said, fault or error, REFRESH_SECONDS, exc_info=None if fault else error)


@contextmanager
def _fault_of_one_tab() -> Iterator[None]:
    """A tab that cannot be patched, because it is just being closed for example, must not cost the others theirs."""
    try:
        yield
    except Exception:
        log.exception("an open page could not be patched; it reads again in %g s", REFRESH_SECONDS)
