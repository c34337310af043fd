"""How long a change takes to a real screen."""

import time

from playwright.sync_api import sync_playwright

from tests.browser.chromium import LAUNCH_ARGS, ensure_chromium
from tests.support.moments import LATER
from tests.support.server import JobRunner

CREATED = 10
WATCH = """
(name) => new Promise(resolve => {
  const cards = () => [...document.querySelectorAll('[data-job-id]')].map(e => e.getAttribute('aria-label'));
  new MutationObserver((_, observer) => {
    if (cards().includes(name)) { observer.disconnect(); resolve(Date.now()); }
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
})
"""


def to_screen(runner: JobRunner) -> list[float]:
    """The milliseconds from the request that creates a job until a Chromium shows its card, of each of a few."""
    delays = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=LAUNCH_ARGS)
        page = browser.new_page()
        page.goto(f"{runner.url}/app/jobs")
        page.get_by_role("article").first.wait_for()
        for number in range(CREATED):
            name = f"Watched {number}"
            page.evaluate("([watch, name]) => { window.seen = eval(watch)(name) }", [WATCH, name])
            asked_at = 1000 * time.time()
            runner.submit("TEST_NOOP", name=name, run_at=LATER)
            delays.append(page.evaluate("() => window.seen") - asked_at)
            time.sleep(0.4)  # another moment between two flushes
        browser.close()
    return delays
