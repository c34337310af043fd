"""Job types that the tests and benchmarks install: found by entry point, as any package's would be.

Put this folder on PYTHONPATH, and a Job Runner has them.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engine.errors import PermanentError, TransientError
from engine.jobs.base import Context, JobType, Payload
from engine.retry import RetryPolicy
from models.states import Category


class RenderPayload(Payload):
    """`steps` progress changes over `seconds`; with `hold`, it then waits until that file exists."""

    title: Annotated[str, Field(title="Title", max_length=500)] = "Test"
    seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    hold: str | None = None
    fail: str | None = None
    fail_for_now: str | None = None


class TestRender(JobType[RenderPayload]):
    """Repeatable work whose pace the payload decides."""

    __test__ = False
    key = "TEST_RENDER"
    label = "Render a test video"
    description = "Count to a hundred"
    icon = "movie"
    category = Category.VIDEO
    retry = RetryPolicy(attempts=3, base=60)
    payload = RenderPayload

    def summary(self, payload: RenderPayload) -> str:
        """The title."""
        return payload.title

    async def run(self, payload: RenderPayload, context: Context) -> dict[str, Any]:
        """Step, hold, then fail or finish."""
        await context.log("Started")
        for step in range(payload.steps):
            await context.progress(100 * step / payload.steps)
            await asyncio.sleep(payload.seconds / payload.steps)
        while payload.hold and not Path(payload.hold).exists():  # noqa: ASYNC240 (one stat of a local file)
            await context.checkpoint()
            await asyncio.sleep(0.02)
        if payload.fail:
            raise PermanentError(payload.fail)
        if payload.fail_for_now:
            raise TransientError(payload.fail_for_now)
        context.artifact("result.txt").write_text(payload.title)
        return {"message": f"Rendered {payload.title}"}


class TestNoop(JobType[Payload]):
    """Does nothing, to measure what everything else costs."""

    __test__ = False
    key = "TEST_NOOP"
    label = "Do nothing"
    description = "Finish at once"
    payload = Payload

    async def run(self, payload: Payload, context: Context) -> dict[str, Any]:
        """Finish at once."""
        return {}
