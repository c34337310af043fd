"""Fifteen running jobs with twenty progress changes a second, watched by fifty open pages."""

import time
from pathlib import Path

import psutil

from tests.benchmarks.sockets import open_pages
from tests.benchmarks.table import line, spread, title
from tests.browser.chromium import LAUNCH_ARGS, ensure_chromium
from tests.support.server import JobRunner

JOBS, PAGES, SECONDS = 15, 50, 8
CHANGES_PER_SECOND, CREATED = 20, 10
WATCH = """
(name) => new Promise(resolve => {
  const cards = () => [...document.querySelectorAll('[data-job-id]')].map(e => e.getAttribute('aria-label'));
  new MutationObserver((_, observer) => {
    if (cards().includes(name)) { observer.disconnect(); resolve(Date.now()); }
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
})
"""


def run(folder: Path) -> None:
    """The process's share of a core, and how long a change takes to a real screen."""
    title(f"Live: {JOBS} running jobs, {CHANGES_PER_SECOND} changes a second, {PAGES} open pages")
    with JobRunner(folder / "data", POLL_SECONDS=0.2, CONCURRENCY=JOBS) as runner:
        total = 600
        steps = total * CHANGES_PER_SECOND // JOBS
        for number in range(JOBS):
            runner.submit("TEST_RENDER", {"title": f"Clip {number}", "seconds": total, "steps": steps})
        while runner.http.get("/api/v1/jobs?status=running").json()["total"] < JOBS:
            pass
        line("share of a core, no page open", f"{_share(runner):.1f} %")
        with open_pages(runner.url, PAGES) as tabs:
            _share(runner, 3)
            before = sum(tab.updates for tab in tabs)
            line("share of a core, all pages open", f"{_share(runner):.1f} %", "under 15 %")
            per_second = (sum(tab.updates for tab in tabs) - before) / SECONDS / PAGES
            line("messages to each page", f"{per_second:.1f} a second")
            line("change to screen (a new job, in Chromium)", spread(_to_screen(runner)), "median under 400 ms")
        line("memory afterwards", f"{psutil.Process(runner.pid).memory_info().rss / 1e6:.0f} MB")


def _share(runner: JobRunner, seconds: float = SECONDS) -> float:
    process = psutil.Process(runner.pid)
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(seconds)
    return float(100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began))


def _to_screen(runner: JobRunner) -> list[float]:
    from playwright.sync_api import sync_playwright

    delays = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=LAUNCH_ARGS)
        page = browser.new_page()
        page.goto(f"{runner.url}/app/jobs")
        page.get_by_role("article").first.wait_for()
        for number in range(CREATED):
            name = f"Watched {number}"
            page.evaluate("([watch, name]) => { window.seen = eval(watch)(name) }", [WATCH, name])
            answer = runner.http.post(
                "/api/v1/jobs",
                json={"type": "TEST_NOOP", "payload": {}, "name": name, "run_at": "2027-06-01T08:00:00Z"},
            )
            created = time.time() * 1000 - answer.elapsed.total_seconds() * 1000
            delays.append(page.evaluate("() => window.seen") - created)
            time.sleep(0.4)
        browser.close()
    return delays
