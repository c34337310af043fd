"""Engine events → batched patches to open pages.

What changed is collected and flushed every quarter of a second: a patch goes only to the cards that a page shows.
When a job enters, leaves or changes a list, pages read their lists again, and those that show the same share one
read. Every ten seconds everything is read again, so that a missed event heals.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from engine.actors import Actor
from engine.engine import Atlas
from engine.health import trouble
from engine.views import EngineState
from ui.engine_watch import EngineWatch
from ui.memory import give_back_memory
from ui.news import News
from ui.reader import Reader
from ui.since import Since
from ui.tab import Still, Tab

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
COLLECT_SECONDS = 0.03
SHARE = 3.25  # times as long as a flush took there is no other one of its kind: with many pages, others have their turn
AT_ONCE = 10  # pages that are drawn before somebody else has a turn
REFRESH_SECONDS = 10.0
ENGINE_SECONDS = 2.0
CHECK_SECONDS = 30.0
MANY_LEFT = 10
FORGOTTEN_SECONDS = 45.0  # after the last one left; until then its browser may come back to it
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
        self._asking: set[Tab] = set()
        self._news = News()
        self._flush_lock = asyncio.Lock()
        self._watch = EngineWatch(atlas.queries, ENGINE_SECONDS)
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def version(self) -> int:
        """Of what pages show; it grows with every change."""
        return self._news.version

    @property
    def engine(self) -> EngineState | None:
        """How the engine is, once it was looked at."""
        return self._watch.state

    def start(self) -> None:
        """Listen to the engine."""
        self._unsubscribe = self._atlas.bus.subscribe(self._news.tell)
        self._atlas.metrics.live_pages.set_function(lambda: len(self._awake))
        loops = (
            self._flushing(self._news.changed, self._flush_changes),
            self._flushing(self._news.moved_on, self._flush_progress),
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
        self._news.changed.set()

    def reader(self) -> Reader:
        """For a page's first read."""
        return Reader(self._atlas.queries)

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
                    await self._news.access_changed.wait()
            self._news.access_changed.clear()
            for tab in tuple(self._tabs):
                await self._guarded(tab.check())

    async def _watching_engine(self) -> None:
        while True:
            await self._guarded(self._tell_engine())
            await asyncio.sleep(ENGINE_SECONDS)

    async def _flush_progress(self) -> None:
        if self._news.has_changed_jobs:  # a card must show that its job runs before it shows how far
            await self._flush_changes()
        percents = self._news.take_progress()
        for tab in tuple(self._awake):
            with _fault_of_one_tab():
                tab.on_progress(percents)

    async def _flush_changes(self) -> None:
        changed = self._news.take()
        asking, self._asking = self._asking, set()
        if not self._awake:
            return
        jobs = await self._atlas.queries.jobs(changed.jobs) if changed.jobs else []
        operations = [await self._atlas.queries.operations.operation(each) for each in sorted(changed.operations)]
        if self._news.have_moved(jobs) or changed.is_stale:
            await self._refresh_all()
        for tab in tuple(self._awake):
            with _fault_of_one_tab():
                tab.on_operations(operations)
                tab.on_jobs(jobs)
                if changed.logged and tab.on_log(changed.logged):
                    asking.add(tab)
        await self._refresh(asking & self._awake)

    async def _refresh_all(self) -> None:
        await self._refresh(self._awake)

    async def _refresh(self, tabs: Iterable[Tab]) -> None:
        reader, every = self.reader(), tuple(tabs)
        for first in range(0, len(every), AT_ONCE):
            await asyncio.gather(*(self._guarded(tab.refresh(reader)) for tab in every[first : first + AT_ONCE]))

    async def _tell_engine(self) -> None:
        if await self._watch.look() and (state := self._watch.state):
            for tab in tuple(self._awake):
                with _fault_of_one_tab():
                    tab.on_engine(state)
            self._news.make_stale()

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
