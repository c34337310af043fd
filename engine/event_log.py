"""Follows what happens to jobs, for whoever listens: one read for all of them, and from the database what is older."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import takewhile

from engine.events import Bus, Event, JobChanged
from models.database import DRIVER_ERRORS
from models.job_event import START, Happened, Position, events_after, is_kept, newest_position

log = logging.getLogger(__name__)

COLLECT_SECONDS = 0.05
LOOK_SECONDS = 1.0  # news may have been committed in another process, and its message lost
BATCH = 500
REMEMBERED = 5000


class EventLog:
    """The end of the log, held in memory while anybody listens."""

    def __init__(self, bus: Bus) -> None:
        self._woken = asyncio.Event()
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._listeners = 0
        self._recent: deque[Happened] = deque()
        self._before = START  # the position before the first that is remembered
        self._head: Position | None = None
        self._closed = False
        self._generation = 0  # of what is remembered: what a read brings for a former one is thrown away
        bus.subscribe(self._on_event)

    @property
    def is_followed(self) -> bool:
        """Whether the end of the log is held for somebody."""
        return self._head is not None

    @property
    def remembered(self) -> int:
        """How many events are in memory."""
        return len(self._recent)

    def close(self) -> None:
        """Let every listener go."""
        self._closed = True
        self._turn()

    async def run(self) -> None:
        """Read on for ever, while anybody listens."""
        while True:
            await self._wanted.wait()
            self._woken.clear()
            try:
                is_new = await self._read()
            except DRIVER_ERRORS as error:
                log.warning("the log of events cannot be read, trying again: %s", error)
                is_new = False
            if not is_new:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._woken.wait()
            await asyncio.sleep(COLLECT_SECONDS)

    async def follow(self, after: Position | None, *, quiet_seconds: float) -> AsyncIterator[Sequence[Happened]]:
        """What happens after this position, or from now on, in batches; empty ones after quiet, and when woken."""
        self._listeners += 1
        self._wanted.set()
        try:
            position = await newest_position() if after is None else after
            has_waited = False
            while not self._closed:
                news = self._news
                batch = await self._after(position)
                if batch:
                    position = batch[-1].position
                if batch or has_waited:
                    yield batch
                if has_waited := not batch:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(quiet_seconds):
                            await news.wait()
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted.clear()
                self._generation += 1
                self._head = None
                self._recent.clear()

    async def is_kept(self, position: Position) -> bool:
        """Whether everything after this position can still be read."""
        return await is_kept(position)

    async def newest(self) -> Position:
        """Where whoever begins now begins."""
        return await newest_position()

    def wake(self) -> None:
        """Let every listener have a turn."""
        self._turn()

    async def _after(self, position: Position) -> Sequence[Happened]:
        if self._head is not None and position >= self._before:
            newer = takewhile(lambda event: event.position > position, reversed(self._recent))
            return list(newer)[::-1]
        return await events_after(position, BATCH)

    async def _read(self) -> bool:
        generation = self._generation
        if self._head is None:
            newest = await newest_position()
            if generation != self._generation:
                return False
            self._head = self._before = newest
            self._turn()  # what came between a listener's first look and this one, it reads for itself
        batch = await events_after(self._head, BATCH)
        if not batch or generation != self._generation:
            return False
        self._recent.extend(batch)
        self._head = batch[-1].position
        while len(self._recent) > REMEMBERED:
            self._before = self._recent.popleft().position
        self._turn()
        return True

    def _turn(self) -> None:
        self._news.set()
        if not self._closed:  # once closed nobody waits any more: a signal closes it in the middle of anything
            self._news = asyncio.Event()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            self._woken.set()
