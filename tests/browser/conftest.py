"""A Chromium, a Job Runner a module, and tabs whose every complaint fails the test."""

from collections.abc import Generator, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.chromium import LAUNCH_ARGS, ensure_chromium
from tests.browser.pages import Browsing, forget_jobs, new_profile
from tests.conftest import new_database
from tests.support.server import JobRunner

SHOWN_OUTPUT = 6000
KEYBOARD_AND_LOAD = """() => {
  const [load] = performance.getEntriesByType("navigation");
  const age = Math.round(performance.now());
  return `keyboard: ${document.activeElement?.cloneNode().outerHTML}; ${load.type} ${age} ms ago`;
}"""
PATIENCE_MS = 20_000  # twice a refresh: two shared cores may be slow; what must be fast is measured on its own


# NOTE: not for the whole session: while Playwright's synchronous API is on, the thread has a running event loop, and
# no asynchronous test of another folder could run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all browser tests."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=ensure_chromium(), args=LAUNCH_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """The Job Runner's settings; a module overrides this for its own."""
    return {"POLL_SECONDS": 0.2}


@pytest.fixture(scope="module")
def server(
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    server_settings: dict[str, object],
    request: pytest.FixtureRequest,
) -> Iterator[JobRunner]:
    """A Job Runner for the module, with its own data folder."""
    folder = tmp_path_factory.mktemp("runner") / "data"
    with (
        new_database(kind, request, folder) as url,
        JobRunner(folder, **{"DRAIN_SECONDS": 0, "DATABASE_URL": url, **server_settings}) as started,
    ):
        yield started


@pytest.fixture
def runner(server: JobRunner) -> JobRunner:
    """The module's Job Runner, without the jobs of earlier tests."""
    forget_jobs(server)
    return server


@pytest.fixture(scope="module")
def profile(browser: Browser, server: JobRunner) -> Iterator[BrowserContext]:
    """A browser profile for the module, so that what never changes is loaded once."""
    profile = new_profile(browser, server.url)
    profile.new_page()  # stays open: with the last tab its processes end, and to start them is most of a load
    yield profile
    profile.close()


@pytest.fixture
def browsing(profile: BrowserContext, runner: JobRunner) -> Iterator[Browsing]:
    """Opens tabs; the test fails on any complaint of theirs that it does not expect."""
    browsing = Browsing(profile, runner.url)
    yield browsing
    browsing.close()
    assert browsing.faults == []


@pytest.fixture
def page(browsing: Browsing) -> Page:
    """One tab, on no page yet; a test says first where it goes."""
    return browsing.new()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, show what the server printed and what the page showed."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, JobRunner):
                report.sections.append((f"output of {name}", value.output[-SHOWN_OUTPUT:]))
            elif isinstance(value, Page):
                with suppress(Exception):  # it may be closed
                    report.sections.append((f"{name} at {value.url}", value.locator("body").aria_snapshot()))
                    report.sections.append((f"keyboard and load of {name}", value.evaluate(KEYBOARD_AND_LOAD)))
    return report
