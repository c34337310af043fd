"""What is done again and again: to see how long it takes, or while something else is measured."""

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any


async def timed(ask: Callable[[], Awaitable[Any]], rounds: int) -> list[float]:
    """The milliseconds that each of so many answers takes, after one that is not counted."""
    await ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        times.append(1000 * (time.perf_counter() - began))
    return times


@contextmanager
def meanwhile(work: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do this in a thread of its own, with so many seconds before each time."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
