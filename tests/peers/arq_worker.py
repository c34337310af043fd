"""arq on Redis."""

import asyncio
from importlib.metadata import version
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from tests.peers.talk import Enqueue, options, serve


class Arq:
    """`worker` is given to its worker: how often it polls decides how fast it can be."""

    version = version("arq")

    def __init__(self, url: str, at_once: int, worker: dict[str, Any]) -> None:
        self._redis = RedisSettings.from_dsn(url)
        self._at_once = at_once
        self._worker = worker

    async def prepare(self) -> dict[str, Enqueue]:
        """It has no batches."""
        return {"one by one": self._one_by_one}

    async def _one_by_one(self, jobs: int) -> None:
        pool = await create_pool(self._redis)
        for _ in range(jobs):
            await pool.enqueue_job("nothing")
        await pool.aclose()

    async def drain(self) -> None:
        """As its command does it, but for the log."""
        worker = Worker([nothing], redis_settings=self._redis, max_jobs=self._at_once, **self._worker)
        await worker.async_run()


async def nothing(context: Any) -> None:
    """The job."""


if __name__ == "__main__":
    asked = options()
    asyncio.run(serve(Arq(asked["url"], asked["at_once"], asked.get("worker", {})), asked["jobs"]))
