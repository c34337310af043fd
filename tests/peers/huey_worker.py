"""huey on its SQLite storage, with threads, which is its default kind of worker."""

import asyncio
from importlib.metadata import version
from typing import Any

from huey import SqliteHuey

from tests.peers.talk import Enqueue, options, serve


class Huey:
    """`result` is what each task returns: huey stores nothing for None; `storage` is given to its storage."""

    version = version("huey")

    def __init__(self, url: str, at_once: int, result: object, storage: dict[str, Any]) -> None:
        self._huey = SqliteHuey(filename=url, **storage)
        self._task = self._huey.task()(lambda: result)
        self._at_once = at_once

    async def prepare(self) -> dict[str, Enqueue]:
        """It has no batches."""
        return {"one by one": self._one_by_one}

    async def _one_by_one(self, jobs: int) -> None:
        for _ in range(jobs):
            self._task()

    async def drain(self) -> None:
        """As `huey_consumer` does it, but for the log."""
        self._huey.create_consumer(workers=self._at_once).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asked = options()
    peer = Huey(asked["url"], asked["at_once"], asked.get("result"), asked.get("storage", {}))
    asyncio.run(serve(peer, asked["jobs"]))
