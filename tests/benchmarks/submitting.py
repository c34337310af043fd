"""A Job Runner with a client inside: it submits no-op jobs one after the other, through the engine's own commands.

Half of them before the engine looks for the first time, half while it drains; prints how fast each half went.
"""

import asyncio
import sys
import time

import main
from engine.engine import Atlas
from tests.benchmarks.engine import SUBMITTED


class SubmittingAtlas(Atlas):
    """An engine that gets its jobs from within."""

    async def start(self) -> None:
        """Submit the first half, start, then submit the second half beside the work."""
        await self._submit(SUBMITTED // 2)
        await super().start()
        self._client = asyncio.create_task(self._submit(SUBMITTED - SUBMITTED // 2))

    async def _submit(self, count: int) -> None:
        began = time.perf_counter()
        for _ in range(count):
            await self.commands.submit("TEST_NOOP", {})
        print(f"submitted {count / (time.perf_counter() - began):,.0f} a second", flush=True)


if __name__ == "__main__":
    vars(main)["Atlas"] = SubmittingAtlas
    sys.exit(main.main([]))
