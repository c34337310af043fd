"""An event that remembers since when it is set."""

import asyncio
from time import monotonic


class Since(asyncio.Event):
    """What is set again while it is set stays set since the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0
        """A monotonic moment; it means something only while the event is set."""

    def set(self) -> None:
        """Set it from now on, unless it is set already."""
        if not self.is_set():
            self.at = monotonic()
        super().set()
