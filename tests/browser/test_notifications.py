"""Browser notifications: switched on in Settings, shown for what newly needs approval, on whichever page is open."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import MAIL, Browsing, ready
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

GRANTED = {"permissions": ["notifications"]}
RECORDED = """
window.shown = [];
const Real = window.Notification;
window.Notification = class {
  static get permission() { return window.answer ?? Real.permission; }
  static async requestPermission() { window.asked = true; return (window.answer = window.toAnswer ?? "granted"); }
  constructor(title, options) { window.shown.push([title, options.body, options.tag]); window.latest = this; }
};
"""


def opened(browsing: Browsing, path: str, **options: Any) -> Page:
    """A tab of a browser of its own, in which notifications are written down."""
    page = browsing.new(**options)
    page.add_init_script(RECORDED)
    page.goto(path)
    return page


def switch(page: Page) -> Locator:
    return page.get_by_role("switch", name="Notify me in this browser when a job needs approval")


def test_whoever_wants_it_is_told_of_each_job_that_newly_needs_approval(browsing: Browsing, runner: JobRunner) -> None:
    before = runner.submit("EMAIL_SEND", MAIL, requires_approval=True, name="Before")
    page = opened(browsing, "/app/settings", **GRANTED)
    expect(switch(page)).not_to_be_checked()
    switch(page).check()
    expect(page.get_by_text("On, as long as a page of Job Runner is open.")).to_be_visible()
    ready(page, "/app/jobs")
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True, name="June", created_by="Reporter")
    runner.submit("TEST_NOOP", name="Needs nobody")
    page.wait_for_function("shown.length")
    assert page.evaluate("shown") == [
        ["June needs approval", "by Reporter: asked for when it was submitted", f"job-runner-{job_id}"]
    ]
    for told in (before, job_id):
        assert runner.http.post(f"/api/v1/jobs/{told}/comments", json={"text": "Hm"}).status_code == 204
    runner.submit("EMAIL_SEND", MAIL, requires_approval=True, name="July")
    page.wait_for_function("shown.length > 1")
    assert [title for title, *_ in page.evaluate("shown")] == ["June needs approval", "July needs approval"]
    page.evaluate("latest.onclick()")
    page.wait_for_url("**/app/approvals?job=*")


def test_the_choice_is_kept_by_the_browser_and_can_be_taken_back(browsing: Browsing, runner: JobRunner) -> None:
    page = opened(browsing, "/app/settings", **GRANTED)
    switch(page).check()
    page.reload()
    expect(switch(page)).to_be_checked()
    switch(page).uncheck()
    page.reload()
    expect(switch(page)).not_to_be_checked()
    ready(page, "/app/jobs")
    runner.submit("EMAIL_SEND", MAIL, requires_approval=True, name="June")
    expect(page.get_by_role("article", name="June")).to_be_visible()
    assert page.evaluate("shown") == []


def test_a_browser_that_is_told_no_says_what_to_do(browsing: Browsing) -> None:
    page = opened(browsing, "/app/settings")
    page.evaluate("toAnswer = 'denied'; answer = 'default'")
    switch(page).click()
    expect(page.get_by_text("allow notifications in its settings for this site")).to_be_visible()
    expect(switch(page)).not_to_be_checked()
    expect(switch(page)).to_be_disabled()
    assert page.evaluate("asked")


def test_many_at_once_are_told_as_a_number(browsing: Browsing, runner: JobRunner) -> None:
    page = opened(browsing, "/app/settings", **GRANTED)
    switch(page).check()
    expect(page.get_by_text("On, as long as a page of Job Runner is open.")).to_be_visible()
    job = {"type": "EMAIL_SEND", "payload": MAIL, "requires_approval": True}
    assert runner.http.post("/api/v1/jobs:batch", json={"jobs": [job] * 20}).status_code == 201
    page.wait_for_function("shown.length")
    assert page.evaluate("shown")[0][0] == "20 jobs need approval"
