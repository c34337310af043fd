"""The programs' door under load: single submissions, batches, open event streams, and an outside worker."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from job_runner_client import AsyncJobRunner
from tests.api.outside import define
from tests.benchmarks.table import line, spread, title
from tests.support.moments import LATER
from tests.support.server import JobRunner

RATE, SECONDS = 200, 6
BATCH, BATCHES = 1000, 5
STREAMS, IDLE_SECONDS = 100, 5.0
WORK, HANDFUL = 3000, 100


def run(folder: Path) -> None:
    """Each beside the running engine, on a database of its own."""
    title("The agents' door")
    with JobRunner(folder / "submit", MAX_SUBMISSIONS_A_MINUTE=1_000_000) as runner:
        asyncio.run(_submissions(runner))
        asyncio.run(_batches(runner))
    with JobRunner(folder / "streams") as runner:
        asyncio.run(_streams(runner))
    with JobRunner(folder / "worker", POLL_SECONDS=0.5) as runner:
        asyncio.run(_worker(runner))


async def _submissions(runner: JobRunner) -> None:
    """An open loop: a request is sent when its time has come, whatever has become of those before it."""
    delays: list[float] = []
    body = {"type": "TEST_NOOP", "payload": {}}
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=runner.url, timeout=30, trust_env=False, limits=limits) as http:

        async def submit(due: float) -> None:
            answer = await http.post("/api/v1/jobs", json=body)
            assert answer.status_code == 201, answer.text
            delays.append(1000 * (time.perf_counter() - due))

        for seconds, is_warming in ((1, True), (SECONDS, False)):
            if not is_warming:
                delays.clear()
            began, sent = time.perf_counter(), []
            for number in range(RATE * seconds):
                due = began + number / RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sent.append(asyncio.create_task(submit(due)))
            await asyncio.gather(*sent)
    p50, p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[-1]
    line(f"POST /jobs, {RATE} a second, engine running: p95", f"{p95:.0f} ms", "under 25 ms")
    line("the same: median", f"{p50:.1f} ms")


async def _batches(runner: JobRunner) -> None:
    jobs = [{"type": "TEST_NOOP", "payload": {}, "run_at": LATER}] * BATCH
    times = []
    async with httpx.AsyncClient(base_url=runner.url, timeout=60, trust_env=False) as http:
        for _ in range(BATCHES):
            began = time.perf_counter()
            answer = await http.post("/api/v1/jobs:batch", json={"jobs": jobs})
            assert answer.status_code == 201, answer.text
            times.append(1000 * (time.perf_counter() - began))
    line(f"a batch of {BATCH:,}", spread(times), "under 300 ms")


async def _streams(runner: JobRunner) -> None:
    alone = await _share(runner)
    limits = httpx.Limits(max_connections=STREAMS, max_keepalive_connections=STREAMS)
    async with httpx.AsyncClient(base_url=runner.url, timeout=60, trust_env=False, limits=limits) as http:
        opened = asyncio.Semaphore(0)

        async def listen() -> None:
            async with http.stream("GET", "/api/v1/events") as answer:
                async for text in answer.aiter_lines():
                    if text.startswith("id:"):
                        opened.release()

        listening = [asyncio.create_task(listen()) for _ in range(STREAMS)]
        for _ in range(STREAMS):
            await opened.acquire()
        await asyncio.sleep(2)
        with_streams = await _share(runner)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    line(f"share of a core, idle, {STREAMS} event streams open", f"{with_streams:.1f} %", "under 5 %")
    line("the same without a stream", f"{alone:.1f} %")


async def _share(runner: JobRunner) -> float:
    process = psutil.Process(runner.pid)
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    return float(100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began))


async def _worker(runner: JobRunner) -> None:
    """Claim a handful, report them all completed, and again: what the door costs when the work is nothing."""
    key = define(runner, payload_schema={"type": "object"})
    async with (
        AsyncJobRunner(runner.url) as client,
        httpx.AsyncClient(base_url=runner.url, timeout=60, trust_env=False) as http,
    ):
        for _ in range(WORK // BATCH):
            await client.submit_batch([{"type": key, "payload": {}}] * BATCH)
        body = {"name": "handful", "types": [key], "concurrency": HANDFUL}
        me = (await http.post("/api/v1/agents", json=body)).json()["id"]
        done, began = 0, time.perf_counter()
        while done < WORK:
            taken = (await http.post(f"/api/v1/agents/{me}/claim", json={"limit": HANDFUL, "wait_seconds": 1})).json()
            reports = [_completed(job) for job in taken["items"]]
            if reports:
                heard = (await http.post(f"/api/v1/agents/{me}/reports", json={"reports": reports})).json()["items"]
                assert not any(each["problem"] for each in heard)
                done += len(heard)
        rate = WORK / (time.perf_counter() - began)
    line(f"an outside worker's no-op loop, {HANDFUL} at a time", f"{rate:,.0f} a second", "300 a second or more")


def _completed(job: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": job["job_id"], "lease_token": job["lease_token"], "status": "completed"}
