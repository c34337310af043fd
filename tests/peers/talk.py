"""What a peer's process and the benchmark say to each other: JSON one way, a line the other.

It and the peers' own modules run in the peers' environment, where nothing of Job Runner is installed.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Enqueue = Callable[[int], Awaitable[None]]


class Peer(Protocol):
    """A library with its own store, of which a process of its own is one client, then one worker."""

    version: str

    async def prepare(self) -> dict[str, Enqueue]:
        """Connect; returns each way that there is to enqueue so many jobs, by what it is called."""

    async def drain(self) -> None:
        """Run what is enqueued; need not end."""


def options() -> dict[str, Any]:
    """What the benchmark asks for: `url`, `jobs`, `at_once`, and what one peer alone knows."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    return asked


async def serve(peer: Peer, jobs: int) -> None:
    """Enqueue the jobs, as many in each way, tell how fast that went, and drain once the benchmark says so."""
    ways = await peer.prepare()
    rates = {way: await _timed(enqueue, jobs // len(ways)) for way, enqueue in ways.items()}
    print(json.dumps({"version": peer.version, "enqueued": rates}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await peer.drain()


async def _timed(enqueue: Enqueue, jobs: int) -> float:
    began = time.perf_counter()
    await enqueue(jobs)
    return jobs / (time.perf_counter() - began)
