"""A lost connection shows in a slim bar, and heals by itself: without loading anew where that can be."""

import re
import signal
from os import kill
from time import perf_counter

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, job
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

EXPECTED = "ERR_|WebSocket|Failed to load resource|Failed to fetch|AbortError|TimeoutError"
SOON_MS = 20_000


def bar(page: Page) -> Locator:
    """What says that the connection is lost."""
    return page.get_by_role("alert").filter(has_text="Connection lost — trying again")


def opened(browsing: Browsing, path: str = "/app/jobs") -> Page:
    """A connected tab that notices when it is loaded anew."""
    browsing.expect_fault(EXPECTED)
    page = browsing.open(path)
    page.wait_for_function("window.did_handshake")
    page.evaluate("() => { window.isTheFirst = true; }")
    return page


def test_a_cut_line_shows_and_heals_without_loading_anew(browsing: Browsing, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"fail": "broken"})
    page = opened(browsing)
    expect(job(page, first)).to_be_visible()
    page.context.set_offline(True)
    expect(bar(page)).to_be_visible(timeout=SOON_MS)
    box = bar(page).bounding_box()
    assert box
    assert box["height"] < 48
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(job(page, first)).to_be_visible()
    second = runner.submit("TEST_RENDER", {"fail": "broken too"})
    runner.http.post(f"/api/v1/jobs/{first}/cancel")
    page.context.set_offline(False)
    expect(bar(page)).to_be_hidden(timeout=SOON_MS)
    expect(job(page, second)).to_be_visible()
    expect(job(page, first)).to_have_count(0)
    assert page.evaluate("window.isTheFirst") is True
    runner.http.post(f"/api/v1/jobs/{second}/cancel")
    expect(job(page, second)).to_have_count(0)  # and it is live


def test_a_server_that_falls_silent_is_noticed_and_heals_without_loading_anew(
    browsing: Browsing, runner: JobRunner
) -> None:
    page = opened(browsing)
    kill(runner.pid, signal.SIGSTOP)
    began = perf_counter()
    try:
        expect(bar(page)).to_be_visible(timeout=SOON_MS)
        print(f"silence was shown after {perf_counter() - began:.1f} s")
    finally:
        kill(runner.pid, signal.SIGCONT)
    expect(bar(page)).to_be_hidden(timeout=SOON_MS)
    made = runner.submit("TEST_RENDER", {"fail": "broken"})
    expect(job(page, made)).to_be_visible()
    assert page.evaluate("window.isTheFirst") is True


def test_after_a_restart_the_page_is_at_the_same_address_and_place(browsing: Browsing, runner: JobRunner) -> None:
    jobs = [runner.submit("TEST_NOOP", requires_approval=True) for _ in range(14)]
    page = opened(browsing, "/app/jobs?type=task")
    expect(job(page, jobs[0])).to_be_attached()
    # What stands above the list, such as word of an engine that is not up yet, is another thing before and after.
    page.evaluate("document.querySelector('main').style.marginTop = '60px'")
    job(page, jobs[5]).evaluate("node => node.scrollIntoView({block: 'start', behavior: 'instant'})")
    before = job(page, jobs[5]).bounding_box()
    assert before
    assert page.evaluate("window.scrollY") > 0
    runner.stop()
    expect(bar(page)).to_be_visible()
    runner.start()
    page.wait_for_function("window.isTheFirst === undefined && window.did_handshake", timeout=SOON_MS)
    expect(page).to_have_url(re.compile(r"/app/jobs\?type=task$"))
    expect(bar(page)).to_be_hidden()
    page.wait_for_function(
        "([id, top]) =>"
        " Math.abs(document.querySelector(`[data-job-id='${id}']`).getBoundingClientRect().top - top) < 3",
        arg=[jobs[5], before["y"]],
    )


def test_what_was_typed_in_new_job_is_still_there_after_a_restart(browsing: Browsing, runner: JobRunner) -> None:
    page = opened(browsing, "/app/jobs?new=SOCIAL_POST")
    dialog = page.get_by_role("dialog", name="New Job")
    dialog.get_by_label("Text", exact=True).fill("Half a post")
    runner.stop()
    expect(bar(page)).to_be_visible()
    runner.start()
    page.wait_for_function("window.isTheFirst === undefined", timeout=SOON_MS)
    expect(dialog.get_by_label("Text", exact=True)).to_have_value("Half a post")
    expect(page.get_by_text("What you typed is still here")).to_be_visible()
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog.get_by_text(re.compile("Text is required"))).to_have_count(0)  # the server knows of it too


def test_what_was_typed_elsewhere_is_not_lost_without_a_question(browsing: Browsing, runner: JobRunner) -> None:
    page = opened(browsing, "/app/settings")
    page.get_by_role("button", name="Connect a channel").click()
    page.get_by_label("Name", exact=True).press_sequentially("Our channel")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(getattr(dialog, "type", ""))
        getattr(dialog, "dismiss")()  # noqa: B009

    page.on("dialog", stay)
    runner.stop()
    expect(bar(page)).to_be_visible()
    runner.start()
    expect(page.get_by_text("copy what you typed, then reload this page")).to_be_visible(timeout=SOON_MS)
    assert asked == ["beforeunload"]
    expect(page.get_by_label("Name", exact=True)).to_have_value("Our channel")
    page.close(run_before_unload=False)
