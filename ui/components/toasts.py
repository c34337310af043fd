"""What came of a wish, told at the bottom of the page."""

from collections.abc import Awaitable
from typing import Literal

from nicegui import ui

from engine.errors import JobRunnerError


async def tell(wish: Awaitable[object], done: str) -> bool:
    """Wait for it, then tell that it is done, or in one sentence why not; returns whether it is."""
    try:
        await wish
    except JobRunnerError as error:
        ui.notify(str(error), type="negative", position="bottom", multi_line=True)
        return False
    ui.notify(done, type="positive", position="bottom")
    return True


def say(text: str, *, is_good: bool = True) -> None:
    """Tell what was done, or why it was not."""
    kind: Literal["positive", "negative"] = "positive" if is_good else "negative"
    ui.notify(text, type=kind, position="bottom", multi_line=not is_good, timeout=7000)
