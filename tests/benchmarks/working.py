"""What submitting a job and claiming ten cost, with a long history and with a short one, in turn."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from engine import clock
from engine.engine import Atlas
from engine.jobs import Registry, load_registry
from models.claim import claim_due, come_due
from models.database import transaction
from models.type_policy import TypePolicy
from tests.benchmarks.table import line
from tests.plugin.job_runner_test_jobs import TestNoop
from tests.support.engine import opened, settings_in

ROUNDS, SUBMITTED, CLAIMS, AT_ONCE = 5, 250, 20, 10
BOUND = "at most 1.2 times"


def compare(folder: Path, short: str, long: str) -> None:
    """Both databases do the same in turn, so that they see the same machine; the median of the ratios counts."""
    submits: list[tuple[float, float]] = []
    claims: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        few, many = (asyncio.run(_work(folder, url)) for url in (short, long))
        submits.append((few[0], many[0]))
        claims.append((few[1], many[1]))
    _tell("submitting a job", submits)
    _tell(f"claiming {AT_ONCE} jobs", claims)


def _tell(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    few, many = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = [many / few for few, many in pairs]
    told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    line(f"{what}: {few:.2f} ms, with the long history {many:.2f} ms", told, BOUND)


async def _work(folder: Path, url: str) -> tuple[float, float]:
    """Milliseconds of a submission and of a claim, each with its commit."""
    settings = settings_in(folder, database_url=url)
    async with opened(settings):
        atlas = Atlas(settings, Registry([*load_registry(), TestNoop()]))
        await atlas.commands.submit("TEST_NOOP", {})
        began = time.perf_counter()
        for _ in range(SUBMITTED):
            await atlas.commands.submit("TEST_NOOP", {})
        submitting = time.perf_counter() - began
        types = [job_type.key for job_type in atlas.registry]
        await TypePolicy.filter(type="TEST_NOOP").update(paused=False)
        await _claim(types, "warm-up")
        began = time.perf_counter()
        for number in range(CLAIMS):
            await _claim(types, f"claim {number}")
        claiming = time.perf_counter() - began
        await TypePolicy.filter(type="TEST_NOOP").update(paused=True)
    return 1000 * submitting / SUBMITTED, 1000 * claiming / CLAIMS


async def _claim(types: Sequence[str], token: str) -> None:
    now = clock.now()
    async with transaction() as writer:
        await come_due(writer, now)
        claimed, _ = await claim_due(
            writer,
            engine_id="bench",
            lease_token=token,
            now=now,
            lease_expires_at=now + timedelta(hours=1),
            places=dict.fromkeys(types, AT_ONCE),
            limit=AT_ONCE,
        )
    assert len(claimed) == AT_ONCE
