"""What an attempt used is known at its end, however it ends."""

from typing import Any

import pytest

from engine import clock
from engine.budgets.told import told_use
from engine.engine import Atlas
from engine.errors import PermanentError, TransientError
from engine.jobs.base import Context
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.attempt import Attempt
from models.database import connection
from models.states import Status
from models.usage import Sum, Used, day_of, usage_between
from tests.engine.test_reports import in_hand
from tests.support.engine import running, scripted, submitted, until, until_status


async def today() -> list[Sum]:
    return await usage_between(connection(), day_of(clock.now()), day_of(clock.now()))


async def spends(context: Context) -> dict[str, Any]:
    context.artifact("a.txt").write_text("four")
    await context.spend(tokens=30, cost=0.25)
    await context.spend(tokens=12, cost=0.000001)
    return {}


async def test_a_completed_attempt_has_its_tokens_money_time_and_bytes(settings: Settings) -> None:
    async with running(settings, scripted(spends)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        attempt = await Attempt.get(job_id=job_id)
        (used,) = await today()
    assert (attempt.bytes, attempt.tokens, attempt.micros) == (4, 42, 250_001)
    assert (used.type, used.attempts, used.bytes, used.tokens, used.micros) == ("SCRIPTED", 1, 4, 42, 250_001)


async def test_a_failed_attempt_counts_what_it_had_spent_and_each_try_by_itself(settings: Settings) -> None:
    async def fails(context: Context) -> dict[str, Any]:
        await spends(context)
        raise TransientError("not now")

    retry = RetryPolicy(attempts=2, base=0)
    async with running(settings, scripted(fails, retry=retry)) as atlas:
        await until_status(atlas, await submitted(atlas), Status.FAILED)
        (used,) = await today()
    assert (used.attempts, used.tokens) == (2, 84)


async def test_a_cancelled_attempt_counts_too(settings: Settings) -> None:
    async def hangs(context: Context) -> dict[str, Any]:
        await spends(context)
        while True:
            await context.progress(1)

    async with running(settings, scripted(hangs)) as atlas:
        job_id = await submitted(atlas)
        await _until_spent(atlas, job_id)
        await atlas.commands.cancel(job_id)
        (used,) = await today()
    assert (used.attempts, used.tokens) == (1, 42)


async def _until_spent(atlas: Atlas, job_id: int) -> None:
    await until(atlas, lambda: Attempt.exists(job_id=job_id, tokens=42))


async def test_a_result_that_tells_its_use_is_believed(settings: Settings) -> None:
    async def tells(context: Context) -> dict[str, Any]:
        raise PermanentError("no", result={"tokens": {"input": 3, "output": 4}, "cost": 1.5})

    async with running(settings, scripted(tells)) as atlas:
        await until_status(atlas, await submitted(atlas), Status.FAILED)
        (used,) = await today()
    assert (used.tokens, used.micros) == (7, 1_500_000)


async def test_an_outside_agent_tells_as_it_goes_and_is_counted_by_itself(settings: Settings) -> None:
    async with in_hand(settings) as hand:
        await hand.upload("a.txt", b"12345")
        await hand.report(tokens=100, cost=0.5)
        await hand.report(tokens=90, status="failed", error="broke", retry=False)
        (used,) = await today()
    assert (used.agent, used.attempts, used.bytes, used.tokens, used.micros) == ("agent-1", 1, 5, 100, 500_000)


@pytest.mark.parametrize(
    ("result", "used"),
    [
        (None, Used()),
        ({"tokens": 5, "cost": 0.1}, Used(tokens=5, micros=100_000)),
        ({"tokens": {"input": 5, "output": "x"}}, Used(tokens=5)),
        ({"tokens": True, "cost": float("nan")}, Used()),
        ({"tokens": -5, "cost": "free"}, Used()),
        ({"tokens": 1e300, "cost": 10**400}, Used(tokens=2**53, micros=2**53)),
    ],
)
async def test_of_what_a_result_tells_only_what_makes_sense_is_taken(result: Any, used: Used) -> None:
    assert told_use(result) == used
