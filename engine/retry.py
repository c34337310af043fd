"""When to try again: exponential backoff, bounded, with jitter."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class RetryPolicy:
    """How often a type is tried, and how long it waits; times are in seconds.

    `jitter` is the share of the delay that is drawn at random, so that jobs which failed together
    do not come back together.
    """

    attempts: int = 5
    base: float = 10
    cap: float = 3600
    jitter: float = 0.2

    def delay(self, attempt: int, *, retry_after: timedelta | None = None) -> timedelta:
        """The wait after failed attempt number `attempt`; never less than what the server asked for."""
        seconds = min(self.cap, self.base * 2 ** (attempt - 1))
        seconds *= 1 - self.jitter * random.random()  # noqa: S311 (spreads load, keeps no secret)
        asked = retry_after.total_seconds() if retry_after else 0
        return timedelta(seconds=max(seconds, asked))
