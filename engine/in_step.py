"""What a process keeps in memory as the database says, whoever changes it."""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress

from engine.events import Bus, Event
from models.database import DRIVER_ERRORS

LOOK_SECONDS = 10.0

log = logging.getLogger(__name__)


class InStep(ABC):
    """Reads anew after each event of one kind, and every ten seconds in case its word was lost."""

    def __init__(self, bus: Bus, changed: type[Event], what: str) -> None:
        """`what` is told in the log when it cannot be read, as in "the policy"."""
        self._told_by, self._what = changed, what
        self._changed = asyncio.Event()
        bus.subscribe(self._on_event)

    @abstractmethod
    async def load(self) -> None:
        """Read it anew."""

    async def run(self) -> None:
        """Stay in step, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self.load()
            except DRIVER_ERRORS as error:
                log.warning("%s cannot be read, trying again: %s", self._what, error)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, self._told_by):
            self._changed.set()
