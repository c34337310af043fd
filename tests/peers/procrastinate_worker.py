"""Procrastinate on PostgreSQL, one asynchronous worker."""

import asyncio
from importlib.metadata import version

from procrastinate import App, PsycopgConnector

from tests.peers.talk import Enqueue, options, serve

BATCH = 1000


class Procrastinate:
    """A connection for each job at once, as its pool would otherwise be the limit."""

    version = version("procrastinate")

    def __init__(self, url: str, at_once: int) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=url, max_size=at_once + 2))
        self._task = self._app.task(name="nothing")(nothing)
        self._at_once = at_once

    async def prepare(self) -> dict[str, Enqueue]:
        """Make its tables."""
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()
        return {"one by one": self._one_by_one, "in batches": self._in_batches}

    async def _one_by_one(self, jobs: int) -> None:
        for _ in range(jobs):
            await self._task.defer_async()

    async def _in_batches(self, jobs: int) -> None:
        for begin in range(0, jobs, BATCH):
            await self._task.batch_defer_async(*[{}] * min(BATCH, jobs - begin))

    async def drain(self) -> None:
        """As `procrastinate worker` does it."""
        await self._app.run_worker_async(concurrency=self._at_once)


async def nothing() -> None:
    """The job."""


if __name__ == "__main__":
    asked = options()
    asyncio.run(serve(Procrastinate(asked["url"], asked["at_once"]), asked["jobs"]))
