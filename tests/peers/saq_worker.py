"""SAQ, on PostgreSQL or Redis as the URL says."""

import asyncio
from importlib.metadata import version
from typing import Any

from saq import Queue, Worker

from tests.peers.talk import Enqueue, options, serve


class Saq:
    """Its queue and worker as they come."""

    version = version("saq")

    def __init__(self, url: str, at_once: int) -> None:
        self._queue = Queue.from_url(url)
        self._at_once = at_once

    async def prepare(self) -> dict[str, Enqueue]:
        """Make its tables, if it has any; it has no batches."""
        await self._queue.connect()
        return {"one by one": self._one_by_one}

    async def _one_by_one(self, jobs: int) -> None:
        for _ in range(jobs):
            await self._queue.enqueue("nothing")

    async def drain(self) -> None:
        """As its command does it."""
        await Worker(self._queue, [nothing], concurrency=self._at_once).start()


async def nothing(context: Any) -> None:
    """The job."""


if __name__ == "__main__":
    asked = options()
    asyncio.run(serve(Saq(asked["url"], asked["at_once"]), asked["jobs"]))
