"""What the browser tests share: opened tabs that are watched for faults, and the names of things on the pages."""

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from models.job import Job
from tests.support import moments
from tests.support.other_program import ask, keeping_all_from_writing
from tests.support.server import JobRunner

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
PATHS = ["/app", "/app/jobs", "/app/kb", "/app/approvals", "/app/agents", "/app/agents/operator", "/app/settings"]
PATHS += ["/app/settings/audit", "/app/workflows", "/app/workflows/article-to-post", "/app/workflows/new/edit"]
PATHS += ["/app/schedules", "/app/settings/system"]

MAIL = {"to": "ada@example.org", "subject": "Numbers", "body": "Here they are."}
LATER: dict[str, Any] = {"run_at": moments.LATER}
"""More of a job that waits for its time as long as the tests take."""

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI}`));
"""


def new_profile(browser: Browser, url: str, **options: Any) -> BrowserContext:
    """A browser that knows nothing yet; addresses are taken from `url` on."""
    still = {"reduced_motion": "reduce"}  # without a graphics card, what moves keeps a core busy
    profile = browser.new_context(**{"base_url": url, "viewport": DESKTOP, **still, **options})
    profile.set_default_timeout(10_000)
    profile.add_init_script(_REPORT_VIOLATIONS)
    return profile


class Browsing:
    """Opens tabs on one Job Runner; every fault that a browser tells is kept in `faults`."""

    def __init__(self, profile: BrowserContext, url: str) -> None:
        self._profile = profile
        self._kept = profile.pages
        self._url = url
        self._own_profiles: list[BrowserContext] = []
        self._expected: list[str] = []
        self._faults: list[str] = []

    @property
    def faults(self) -> list[str]:
        """What browsers complained about, without what the test expects."""
        return [fault for fault in self._faults if not any(re.search(known, fault) for known in self._expected)]

    def expect_fault(self, pattern: str) -> None:
        """The test provokes this, and a browser may well say so."""
        self._expected.append(pattern)

    def open(self, path: str = "/app/jobs", **options: Any) -> Page:
        """A new tab on this page; with options it is the tab of a new browser profile."""
        page = self.new(**options)
        page.goto(path)
        return page

    def new(self, **options: Any) -> Page:
        """A new tab, on no page yet."""
        page = self._own_profile(options).new_page() if options else self._profile.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._faults.append(f"error: {error}"))
        page.on("request", self._on_request)
        return page

    def close(self) -> None:
        """Close every tab, and forget what it kept."""
        for page in self._profile.pages:
            if page not in self._kept:
                page.close()
        self._profile.clear_cookies()
        for profile in self._own_profiles:
            profile.close()

    def _own_profile(self, options: dict[str, Any]) -> BrowserContext:
        assert self._profile.browser
        profile = new_profile(self._profile.browser, self._url, **options)
        self._own_profiles.append(profile)
        return profile

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._faults.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self._faults.append(f"asked another host: {request.url}")


def ready(page: Page, path: str) -> Page:
    """The tab on this page, connected."""
    page.goto(path)
    page.wait_for_function("window.did_handshake")
    return page


def active(page: Page) -> Locator:
    """The list of active jobs."""
    return page.get_by_role("region", name="Active jobs")


def completed(page: Page) -> Locator:
    """The list of completed jobs."""
    return page.get_by_role("region", name="Completed jobs")


def job(page: Page, job_id: int) -> Locator:
    """The card or row of this job."""
    return page.locator(f'article[data-job-id="{job_id}"]')


def cards(region: Locator) -> Locator:
    """Every card or row of a list."""
    return region.get_by_role("article")


def icon(page: Page, job_id: int, name: str) -> Locator:
    """The job's type icon, if it is this one."""
    here = f'article[data-job-id="{job_id}"]'
    return page.locator(f"{here}[data-icon={name}], {here} [data-icon={name}]").first


def says(where: Locator, *words: str, timeout: float | None = None) -> None:
    """Each of these stands there, as a text of its own; `timeout` in milliseconds."""
    for word in words:
        expect(where.get_by_text(word, exact=True).first).to_be_visible(timeout=timeout)


def toast(page: Page, text: str | re.Pattern[str]) -> Locator:
    """A message at the bottom."""
    return page.locator(".q-notification").filter(has_text=text)


def choose(page: Page, label: str, option: str) -> None:
    """Pick the option, whose text begins so, in a combobox, and wait until that has the keyboard again.

    It takes it when its list is gone, and whatever is typed just then.
    """
    combobox = page.get_by_role("combobox", name=label)
    combobox.click()
    stays = page.get_by_role("listbox").get_attribute("aria-multiselectable") == "true"  # for more to be picked
    page.get_by_role("option", name=re.compile(f"^{re.escape(option)}")).click()
    if not stays:
        expect(page.get_by_role("listbox")).to_have_count(0)
        expect(combobox).to_be_focused()


def execute(runner: JobRunner, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement in the database behind the process's back: no event tells of it."""
    return ask(runner.database_url, sql)


def write_lock(runner: JobRunner) -> AbstractContextManager[None]:
    """Hold a lock, so that nothing of the process can write."""
    return keeping_all_from_writing(runner.database_url)


def forget_jobs(runner: JobRunner) -> None:
    """Empty the lists: cancel what is active, wait until nothing runs, and delete every job."""
    for found in runner.http.get("/api/v1/jobs?status=queued,running,paused,failed&limit=200").json()["items"]:
        runner.http.post(f"/api/v1/jobs/{found['id']}/cancel")
    for table in ("log_line", "effect", "attempt", "operation_item", "operation", "job"):
        execute(runner, f"DELETE FROM {table}")


def copy_job(runner: JobRunner, job_id: int, times: int) -> None:
    """As many more jobs like this one, stored behind the process's back."""
    names = ", ".join(name for name in sorted(Job._meta.db_fields) if name not in ("id", "idempotency_key"))
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times})"
    execute(runner, f"INSERT INTO job ({names}) {numbers} SELECT {names} FROM job, n WHERE id = {job_id}")


def held_job(runner: JobRunner, folder: Path, title: str = "Held", **more: Any) -> tuple[int, Path]:
    """A job that runs until the returned file exists; with `steps` it has come `(steps - 1) / steps` of the way."""
    file = folder / f"go-{title[:20].replace('/', '')}"
    payload = {"title": title, "hold": str(file), "steps": more.pop("steps", 1)}
    return runner.submit("TEST_RENDER", payload, **more), file
