"""How the engine is, as pages tell it, also while the database does not answer."""

import asyncio
from dataclasses import replace

from engine import clock
from engine.queries import Queries
from engine.views import OFFLINE_AFTER, EngineState


class EngineWatch:
    """Looks at the engine; a look takes `patience` seconds at most once it is known."""

    def __init__(self, queries: Queries, patience: float) -> None:
        self._queries = queries
        self._patience = patience
        self._reading: asyncio.Future[EngineState] | None = None
        self.state: EngineState | None = None
        """As it was seen last."""

    async def look(self) -> bool:
        """Look once more, and return whether it is online or has a fault other than before."""
        was, self.state = self.state, await self._look()
        return was is None or (was.online, was.fault) != (self.state.online, self.state.fault)

    async def _look(self) -> EngineState:
        """What the database says; while it does not answer, what is known with the time that has passed since."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._queries.engine())
        done, _ = await asyncio.wait({self._reading}, timeout=self._patience if self.state else None)
        if done or self.state is None:
            reading, self._reading = self._reading, None
            return await reading
        beat = self.state.last_beat_at
        is_late = beat is None or clock.now() - beat >= OFFLINE_AFTER
        return replace(self.state, online=False) if is_late else self.state
