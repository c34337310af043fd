"""Lets jobs go that waited for other jobs, once these are over."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.cluster import Cluster
from engine.events import Bus, Event, JobChanged
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from engine.templated_jobs import TemplatedJobs
from models.dependency import is_any_blocked, meet, ready, release, waiting_for_any
from models.ended import AttemptEnd
from models.states import AttemptOutcome

LOOK_SECONDS = 5.0  # between looks at everything, for what an event was lost of
RETRY_SECONDS = 2.0
STEP = 500  # jobs of one look


class Releaser:
    """One process does it, the one that leads."""

    def __init__(
        self,
        settings: Settings,
        templated: TemplatedJobs,
        bus: Bus,
        ledger: Ledger,
        health: Health,
        cluster: Cluster,
        look_now: Callable[[], None],
    ) -> None:
        self._templated = templated
        self._bus = bus
        self._ledger = ledger
        self._health = health
        self._cluster = cluster
        self._look_now = look_now
        self._changed: set[int] = set()
        self._found: list[_Found] = []  # in the commits of endings
        self._looked_at: set[int] = set()  # there, and yet to be told
        self._wake = asyncio.Event()
        if not settings.is_shared:  # beside other writers, locks on both ends of a wait could cross theirs
            ledger.follower = self
        bus.subscribe(self._on_event)

    async def follow(self, ends: Mapping[int, AttemptEnd], writer: BaseDBAsyncClient) -> "_Found":
        """Let go what these ends were waited for; they do not wait themselves, as they ran."""
        closer = await meet(writer, clock.now(), ends) if ends else set[int]()
        missed = [job_id for job_id, end in ends.items() if end.outcome is not AttemptOutcome.SUCCEEDED]
        released = await release(writer, closer)
        return await self._go_on(writer, closer - set(released), missed, released) if closer or missed else NOTHING

    def on_followed(self, ends: Mapping[int, AttemptEnd], found: "_Found") -> None:
        """What is told of these ends is no reason to look once more."""
        self._looked_at.update(ends)
        if found is not NOTHING:
            self._found.append(found)
            self._wake.set()

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, JobChanged) or event.has_begun or not self._cluster.leading.is_set():
            return
        if event.job_id in self._looked_at:
            self._looked_at.discard(event.job_id)
        else:
            self._changed.add(event.job_id)
            self._wake.set()

    async def run(self) -> None:
        """Look after each change, and at everything now and then, for ever."""
        everything, looked_at = True, monotonic()
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("releasing")  # another process does it
                await self._cluster.leading.wait()
                everything = True
            self._wake.clear()
            if everything := everything or monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = monotonic()
                self._looked_at.clear()
            changed, self._changed = self._changed, set()
            try:
                found, self._found = self._found, []
                more = any([await self._let_go(each) for each in found])
                more |= await self.look(None if everything else changed)
                self._health.worked("releasing")
            except Exception as error:
                self._health.failed("releasing", error)
                await asyncio.sleep(RETRY_SECONDS)
                more = True
            everything = more
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()

    async def look(self, concerned: Collection[int] | None) -> bool:
        """Let go what waits for nobody any more; whether there may be more.

        `concerned` are the jobs, parents or not, that may have changed; None looks at all.
        """
        if concerned is not None and not concerned:
            return False
        return await self._let_go(await self._ledger.write(partial(self._release, concerned)))

    async def _let_go(self, found: "_Found") -> bool:
        for job_id in found.released:
            self._tell(job_id)
        for job_id in found.to_fill:
            await self._templated.fill(job_id)
        if found.to_fill:
            self._look_now()
        for job_id in found.waiting:  # they tell why they wait, which may have changed
            self._tell(job_id)
        return found.more

    def _tell(self, job_id: int) -> None:
        """It changed in a way that concerns no job after it: this is no reason to look once more."""
        is_known = job_id in self._changed
        self._bus.publish(JobChanged(job_id))
        if not is_known:
            self._changed.discard(job_id)

    async def _release(self, concerned: Collection[int] | None, writer: BaseDBAsyncClient) -> "_Found":
        closer = await meet(writer, clock.now(), concerned)
        if not await is_any_blocked(writer):
            return NOTHING
        return await self._go_on(writer, None if concerned is None else closer | set(concerned), concerned or (), [])

    async def _go_on(
        self,
        writer: BaseDBAsyncClient,
        among: Collection[int] | None,
        parents: Collection[int],
        released: list[int],
    ) -> "_Found":
        waiting = {} if among is not None and not among else await ready(writer, among, STEP)
        released = released + await release(writer, [job_id for job_id, fills in waiting.items() if not fills])
        if released:
            self._look_now()
            await asyncio.sleep(0)  # the dispatcher asks for its claim now, which then shares this commit
        to_fill = [job_id for job_id, fills in waiting.items() if fills]
        told = await waiting_for_any(writer, parents) if parents else set[int]()
        return _Found(released, to_fill, told - set(released) - set(to_fill), len(waiting) == STEP)


@dataclass(frozen=True)
class _Found:
    released: list[int]
    to_fill: list[int]
    waiting: set[int]
    more: bool


NOTHING = _Found([], [], set(), False)
