"""Guide: a dead engine shows as offline within 15 s, and a lost connection heals by itself."""

from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, job, write_lock
from tests.support.other_program import LOCKED
from tests.support.server import JobRunner

pytestmark = pytest.mark.browser


def test_a_dead_engine_shows_as_offline_within_15_seconds_and_as_online_when_it_is_back(
    page: Page, runner: JobRunner, kind: str
) -> None:
    failed = runner.submit("TEST_RENDER", {"fail": "broken"})
    page.goto("/app/jobs")
    indicator = page.get_by_role("status", name="Engine")
    expect(indicator).to_have_text("Atlas online")
    with write_lock(runner):  # nothing can write, so no heartbeat arrives
        died = monotonic()
        expect(indicator).to_have_text("Atlas offline", timeout=15_000)
        print(f"offline was shown after {monotonic() - died:.1f} s")
        banner = page.get_by_role("alert").filter(has_text="The engine is offline")
        expect(banner).to_be_visible()
        expect(banner).to_contain_text(LOCKED[kind])
        expect(banner).to_contain_text("ago")
        expect(job(page, failed)).to_be_visible()
    expect(indicator).to_have_text("Atlas online", timeout=15_000)
    expect(banner).to_be_hidden()


@pytest.mark.either
def test_a_page_heals_by_itself_when_the_server_was_started_anew(browsing: Browsing, runner: JobRunner) -> None:
    browsing.expect_fault("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket|Failed to load resource")
    first = runner.submit("TEST_RENDER", {"fail": "broken"})
    page = browsing.open()
    expect(job(page, first)).to_be_visible()
    page.wait_for_function("window.socket?.connected")  # a page that was never connected has no connection to lose
    runner.stop()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    expect(job(page, first)).to_be_visible()  # what was shown stays
    runner.start()
    second = runner.submit("TEST_RENDER", {"fail": "broken too"})
    expect(job(page, second)).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Connection lost")).to_be_hidden()
    expect(page.get_by_role("status", name="Engine")).to_have_text("Atlas online")
    runner.http.post(f"/api/v1/jobs/{second}/cancel")
    expect(job(page, second)).to_be_hidden()  # and it is live again


def test_a_job_that_cannot_be_stored_says_why_and_keeps_what_was_entered(
    page: Page, runner: JobRunner, kind: str
) -> None:
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    for label, text in {"Recipient": "ada@example.org", "Subject": "Numbers", "Body": "Here they are."}.items():
        dialog.get_by_label(label).fill(text)
    with write_lock(runner):
        dialog.get_by_role("button", name="Submit").click()
        fault = dialog.get_by_text(f"The job was not created: {LOCKED[kind]}")
        expect(fault).to_be_visible(timeout=15_000)
        expect(dialog.get_by_label("Subject")).to_have_value("Numbers")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    assert [job["payload"]["subject"] for job in runner.http.get("/api/v1/jobs").json()["items"]] == ["Numbers"]
