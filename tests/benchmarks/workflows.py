"""Workflows of a thousand steps: how long one takes to start, what a step costs the engine, and how its page draws."""

import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
import yaml
from playwright.sync_api import sync_playwright

from tests.benchmarks.table import line, spread, title
from tests.browser.chromium import LAUNCH_ARGS, ensure_chromium
from tests.support.server import JobRunner

STEPS, DRAWN = 1000, 200
ROUNDS = 3
WAIT_SECONDS = 180

Before = Callable[[int], list[int]]


def run(folder: Path) -> None:
    """A chain, in which each step waits for the one before it, and layers of ten, each of which waits for two."""
    title("Workflows")
    with JobRunner(folder / "data") as runner:
        _save(runner, "parked", STEPS, lambda number: [number - 1] if number else [], when="{{ jobs.s0.id == 0 }}")
        times = [_timed(lambda: _start(runner, "parked")) for _ in range(ROUNDS)]
        line(f"starting {STEPS:,} steps", spread(times), "under 1,000 ms")
    with JobRunner(folder / "in-turn") as runner:
        alone = _measured(runner, "alone", lambda _: [])
        for name, before in (("chain", _chain), ("layers", _layers)):
            cost = _measured(runner, name, before)
            line(f"what waiting adds to a step of the {name}", f"{cost - alone:.2f} ms", "under 2 ms")
    with JobRunner(folder / "page") as runner:
        _save(runner, "drawn", DRAWN, _layers)
        _draw(runner, _start(runner, "drawn"))


def _chain(number: int) -> list[int]:
    return [number - 1] if number else []


def _layers(number: int) -> list[int]:
    return [] if number < 10 else [number - 10, number - 10 - number % 10 + (number + 3) % 10]


def _measured(runner: JobRunner, name: str, before: Before) -> float:
    """What a step costs, in milliseconds of the engine's process."""
    _save(runner, name, STEPS, before)
    process = psutil.Process(runner.pid)
    spent, began = _cpu(process), perf_counter()
    run_id = _start(runner, name)
    _until_over(runner, run_id)
    cost = 1000 * (_cpu(process) - spent) / STEPS
    line(f"{STEPS:,} steps, {name}: processor time a step", f"{cost:.2f} ms")
    line(f"{STEPS:,} steps, {name}: to the end", f"{perf_counter() - began:.1f} s")
    return cost


def _save(runner: JobRunner, name: str, steps: int, before: Before, **more: Any) -> None:
    made = {
        f"s{number}": {"type": "TEST_NOOP", "after": [f"s{other}" for other in before(number)]}
        for number in range(steps)
    }
    if more:
        made["s1"] |= more
    answer = runner.http.post("/api/v1/workflows", json={"source": yaml.safe_dump({"name": name, "steps": made})})
    assert answer.status_code == 201, answer.text


def _start(runner: JobRunner, name: str) -> int:
    answer = runner.http.post(f"/api/v1/workflows/{name}/runs", json={}, timeout=60)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def _until_over(runner: JobRunner, run_id: int) -> None:
    give_up_at = perf_counter() + WAIT_SECONDS
    while runner.http.get("/api/v1/runs", params={"limit": 1}).json()["items"][0]["status"] != "completed":
        assert perf_counter() < give_up_at, f"run {run_id} takes too long"
        time.sleep(0.5)  # to ask costs the engine too


def _draw(runner: JobRunner, run_id: int) -> None:
    _until_over(runner, run_id)
    answers = [_timed(lambda: runner.http.get(f"/app/runs/{run_id}")) for _ in range(ROUNDS)]
    line(f"a run of {DRAWN} steps: to the answer", spread(answers))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=LAUNCH_ARGS)
        page = browser.new_page(base_url=runner.url)
        times = []
        for _ in range(ROUNDS):
            page.goto("/app/workflows")
            page.get_by_role("link", name="run 1").first.wait_for()
            began = perf_counter()
            page.get_by_role("link", name="run 1").first.click()
            page.locator('[data-step="s199"]').wait_for()
            times.append(1000 * (perf_counter() - began))
        line(f"from a press to a graph of {DRAWN} steps", spread(times), "under 300 ms")
        browser.close()


def _timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return 1000 * (perf_counter() - began)


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)
