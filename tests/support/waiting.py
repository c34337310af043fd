"""An engine at which jobs wait for jobs, as long as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.engine import Atlas
from engine.errors import PermanentError
from engine.jobs.base import Context
from engine.settings import Settings
from engine.submission import After
from tests.support.engine import running, scripted, submitted

MADE = {"url": "https://films.test/7", "files": ["a.png", "b.png"], "length": 3}


@dataclass
class World:
    """An engine whose jobs are held until told, and fail if told."""

    atlas: Atlas
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[int] = field(default_factory=list)
    failing: bool = False
    made: dict[str, Any] = field(default_factory=lambda: MADE)

    async def parent(self) -> int:
        """A job that runs until it is let go."""
        return await submitted(self.atlas)

    async def child(self, *after: After, note: str = "", **more: Any) -> int:
        """A job that waits for these."""
        return await submitted(self.atlas, payload={"note": note}, after=after, **more)

    async def waits(self, job_id: int) -> str | None:
        """What the job waits for, in words."""
        return (await self.atlas.queries.job(job_id)).waiting_for


@asynccontextmanager
async def world_of(settings: Settings) -> AsyncIterator[World]:
    """Its engine claims what it may, and has begun nothing yet."""
    made: list[World] = []

    async def work(context: Context) -> dict[str, Any]:
        world = made[0]
        world.begun.append(context.job_id)
        if len(world.begun) == 1:
            await world.go_on.wait()
            if world.failing:
                raise PermanentError("The footage is missing")
        return world.made

    async with running(settings, scripted(work)) as atlas:
        made.append(World(atlas))
        yield made[0]
