"""Approvals: what waits for a person, and the two answers."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, job, says, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": "ada@example.org", "subject": "Quarterly numbers", "body": "Here they are."}


def test_nothing_that_waits_is_good_news(page: Page) -> None:
    page.goto("/app/approvals")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()


def test_an_approved_job_runs(browsing: Browsing, runner: JobRunner) -> None:
    page, jobs = browsing.open("/app/approvals"), browsing.open("/app/jobs")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True, created_by="Mailer")
    waiting = page.get_by_role("article", name="Send email")
    for text in ("ada@example.org", "Quarterly numbers", "Here they are.", "by Mailer"):
        expect(waiting).to_contain_text(text)
    count = page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals")
    expect(count).to_contain_text("1")
    says(job(jobs, job_id), "Queued", "Needs approval")
    assert runner.job(job_id)["status"] == "queued"
    waiting.get_by_role("button", name="Approve").click()
    expect(toast(page, "Send email: approved")).to_be_visible()
    expect(waiting).to_have_count(0)
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    expect(count).to_have_text("Approvals")
    says(job(jobs, job_id), "Completed")


def test_a_rejected_job_never_runs(browsing: Browsing, runner: JobRunner) -> None:
    first = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    second = runner.submit("TEST_NOOP", requires_approval=True)
    page = browsing.open("/app/approvals")
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_role("article", name="Send email").get_by_role("button", name="Reject").click()
    dialog = page.get_by_role("dialog", name="Reject job?")
    dialog.get_by_label("Reason").fill("The numbers are last month's")
    dialog.get_by_role("button", name="Reject job").click()
    expect(toast(page, "Send email: rejected")).to_be_visible()
    expect(job(page, first)).to_have_count(0)
    expect(job(page, second)).to_be_visible()
    found = runner.job(first)
    assert (found["status"], found["approval"], found["error"]) == (
        "cancelled",
        "rejected",
        "Rejected: The numbers are last month's",
    )
    assert runner.http.get(f"/api/v1/jobs/{first}/attempts").json() == []


def test_a_job_is_approved_on_its_own_page_too(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_NOOP", requires_approval=True)
    page.goto("/app/approvals")
    page.get_by_role("link", name="Open job").click()
    page.get_by_role("button", name="Approve job", exact=True).click()
    says(page.locator("main"), "Completed")
    assert runner.job(job_id)["approval"] == "approved"
