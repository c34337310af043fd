"""Sign-in, as soon as others than this machine could reach the pages."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """Bound to every address."""
    return {"POLL_SECONDS": 0.2, "HOST": "0.0.0.0"}


@pytest.fixture
def runner(server: JobRunner) -> JobRunner:
    """The module's Job Runner as it is: its programs' door is closed, too."""
    return server


def sign_in(page: Page, password: str) -> None:
    """Fill the form."""
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


# NOTE: one test after the other: the second needs the administrator that the first creates.
def test_the_set_up_form_takes_the_code_in_the_log_and_nothing_else(browsing: Browsing, runner: JobRunner) -> None:
    browsing.expect_fault("403|422")
    [code] = re.findall("one-time code: ([0-9a-f]{16})", runner.output)
    page = browsing.open("/app/jobs?type=video")
    expect(page).to_have_url(re.compile("/login"))
    for tried, password, fault in (
        ("0" * 16, PASSWORD, "That is not the one-time code in the log"),
        (code, "short", "The password must have 8 to 1000 characters, not 5"),
    ):
        page.get_by_label("One-time code").fill(tried)
        page.get_by_label("New password").fill(password)
        page.get_by_role("button", name="Create administrator").click()
        expect(page.get_by_role("alert")).to_have_text(fault)
    page.get_by_label("One-time code").fill(code)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Create administrator").click()
    expect(page).to_have_url(re.compile(r"/app/jobs\?type=video$"))
    expect(page.get_by_role("button", name="Video")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Sign out admin")).to_be_visible()


def test_sign_in_and_sign_out(browsing: Browsing) -> None:
    browsing.expect_fault("403|401")
    page = browsing.open("/app/settings")
    expect(page.get_by_role("heading", name="Sign in to Job Runner")).to_be_visible()
    sign_in(page, "wrong horse battery")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong")
    sign_in(page, PASSWORD)
    expect(page.get_by_role("heading", level=1, name="Settings")).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    for label in ("Recipient", "Subject", "Body"):
        dialog.get_by_label(label, exact=True).fill("a@b.example")
    dialog.get_by_role("button", name="Submit").click()
    expect(active(page).get_by_role("article").or_(page.locator(".job-row")).first).to_be_visible()
    page.get_by_role("link", name="Send email").click()
    expect(page.get_by_role("region", name="Facts")).to_contain_text("admin")  # who created it
    page.get_by_role("button", name="Sign out admin").click()
    expect(page).to_have_url(re.compile("/login"))
    page.goto("/app/jobs")
    expect(page).to_have_url(re.compile(r"/login\?next=/app/jobs$"))


def test_a_page_that_is_still_open_can_do_nothing_after_signing_out(browsing: Browsing, runner: JobRunner) -> None:
    browsing.expect_fault("401|WebSocket|Failed to load resource")
    page = browsing.open("/app/jobs")
    sign_in(page, PASSWORD)
    other = page.context.new_page()
    other.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    for label in ("Recipient", "Subject", "Body"):
        dialog.get_by_label(label, exact=True).fill("late@b.example")
    other.get_by_role("button", name="Sign out admin").click()
    expect(other).to_have_url(re.compile("/login"))
    expect(page).to_have_url(re.compile("/login"))
    sign_in(page, PASSWORD)
    expect(active(page)).to_be_visible()
    expect(page.get_by_text("late@b.example")).to_have_count(0)
