"""Atlas: assembles the duties, starts and stops them."""

import asyncio
import contextlib
import logging
import uuid

from engine.administration import Administration
from engine.commands import Commands
from engine.dispatcher import Dispatcher
from engine.events import Bus, EngineChanged
from engine.executor import Executor
from engine.heartbeat import Heartbeat
from engine.jobs import Registry, load_registry
from engine.queries import Queries
from engine.rescuer import Rescuer
from engine.settings import Settings

log = logging.getLogger(__name__)


class Atlas:
    """The engine. The database must be open from `start` to after `stop`."""

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self.settings = settings
        self.id = uuid.uuid4().hex
        self.bus = Bus()
        self.registry = registry or load_registry()
        self.commands = Commands(settings, self.registry, self.bus)
        self.queries = Queries(settings, self.registry)
        self.administration = Administration(settings, self.bus)
        self._executor = Executor(settings, self.registry, self.bus)
        self._dispatcher = Dispatcher(settings, self.id, self._executor)
        self._heartbeat = Heartbeat(settings, self.id, self._executor, self.bus)
        self._rescuer = Rescuer(settings, self.id, self._executor, self.bus)
        self._duties: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Rescue what a dead engine left, then take up the duties."""
        await self.administration.ensure_feed()
        await self._heartbeat.register()
        await self._rescuer.after_restart()
        duties = (self._dispatcher, self._heartbeat, self._rescuer)
        self._duties = [asyncio.create_task(duty.run(), name=type(duty).__name__) for duty in duties]
        log.info("Atlas is online: looks every %g s, runs %d jobs at once", *self._pace())

    async def stop(self) -> None:
        """Claim nothing more, let what runs finish for a while, put the rest back."""
        self._dispatcher.stop()
        if self._duties:
            await asyncio.wait(self._duties[:1])  # a look that is under way hands over what it has claimed
        await self._dispatcher.drain()
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        with contextlib.suppress(Exception):  # a broken database must not keep the process alive
            await self._heartbeat.retire()
        self.bus.publish(EngineChanged())

    def _pace(self) -> tuple[float, int]:
        return self.settings.poll_seconds, self.settings.concurrency
