"""How often somebody may ask for something."""

from collections import deque
from time import monotonic

from engine.errors import TooMany

MINUTE = 60.0
MAX_COUNTED = 10_000


class Pace:
    """So many a minute for each key, in this process."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._times: dict[object, deque[float]] = {}

    def count(self, key: object, many: int = 1) -> None:
        """Count so many more, or none of them.

        Raises:
            TooMany: there were as many in the last minute; says when there may be another.
        """
        now = monotonic()
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now - MINUTE:
            times.popleft()
        if len(times) + many > self._most:
            wait = times[0] + MINUTE - now if times else MINUTE
            raise TooMany(f"{self._what}: at most {self._most:,} a minute", wait)
        times.extend([now] * many)
        while len(self._times) > MAX_COUNTED:
            del self._times[next(iter(self._times))]
