"""Guide: the filters with their counts, kept in the URL; and the empty states."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, active, cards, completed, job
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": "ada@example.org", "subject": "Hello", "body": "Hello"}
LATER = {"requires_approval": True}


def pill(page: Page, name: str) -> Locator:
    """A filter's button."""
    return page.get_by_role("button", name=name, exact=True)


def some_jobs(runner: JobRunner) -> dict[str, int]:
    """Active and completed ones of three categories."""
    return {
        "film": runner.submit("TEST_RENDER", {"fail": "broken"}),
        "done film": runner.submit("TEST_RENDER"),
        "mail": runner.submit("EMAIL_SEND", MAIL, **LATER),
        "done task": runner.submit("TEST_NOOP"),
        "post": runner.submit("SOCIAL_POST", {"text": "Hello", "channels": ["feed"]}, **LATER),
    }


def test_each_filter_shows_its_count_and_mail_counts_under_task(page: Page, runner: JobRunner) -> None:
    some_jobs(runner)
    page.goto("/app/jobs")
    counts = {"All": 5, "Video": 2, "Animation": 0, "Social": 1, "Document": 0, "Task": 2}
    for name, count in counts.items():
        expect(pill(page, name)).to_have_text(f"{name}{count}")
        expect(pill(page, name)).to_have_attribute("aria-pressed", "true" if name == "All" else "false")
    runner.submit("SOCIAL_POST", {"text": "Hello again", "channels": ["feed"]}, **LATER)
    expect(pill(page, "Social")).to_have_text("Social2")
    expect(pill(page, "All")).to_have_text("All6")


def test_a_filter_narrows_both_lists_and_lives_in_the_url(browsing: Browsing, runner: JobRunner) -> None:
    jobs = some_jobs(runner)
    page = browsing.open()
    expect(completed(page).locator(f"[data-job-id='{jobs['done task']}']")).to_be_visible()
    pill(page, "Video").click()
    expect(page).to_have_url(re.compile(r"/app/jobs\?type=video$"))
    for opened in (page, browsing.open(page.url)):  # a copied link reopens what it was copied from
        expect(pill(opened, "Video")).to_have_attribute("aria-pressed", "true")
        expect(pill(opened, "All")).to_have_attribute("aria-pressed", "false")
        expect(cards(active(opened))).to_have_count(1)
        expect(cards(completed(opened))).to_have_count(1)
        expect(job(opened, jobs["film"])).to_be_visible()
        expect(job(opened, jobs["done film"])).to_be_visible()


def test_back_and_forward_walk_through_the_filters(page: Page, runner: JobRunner) -> None:
    jobs = some_jobs(runner)
    page.goto("/app/jobs")
    pill(page, "Video").click()
    expect(job(page, jobs["mail"])).to_be_hidden()
    pill(page, "Task").click()
    expect(page).to_have_url(re.compile("type=task"))
    expect(job(page, jobs["mail"])).to_be_visible()
    page.go_back()
    expect(pill(page, "Video")).to_have_attribute("aria-pressed", "true")
    expect(job(page, jobs["film"])).to_be_visible()
    expect(job(page, jobs["mail"])).to_be_hidden()
    page.go_back()
    expect(pill(page, "All")).to_have_attribute("aria-pressed", "true")
    expect(cards(active(page))).to_have_count(3)
    page.go_forward()
    expect(pill(page, "Video")).to_have_attribute("aria-pressed", "true")


def test_a_filter_is_kept_over_a_visit_to_a_job(page: Page, runner: JobRunner) -> None:
    jobs = some_jobs(runner)
    page.goto("/app/jobs?type=task")
    job(page, jobs["mail"]).get_by_role("link", name="Send email").click()
    expect(page).to_have_url(re.compile(f"/app/jobs/{jobs['mail']}$"))
    page.go_back()
    expect(pill(page, "Task")).to_have_attribute("aria-pressed", "true")
    expect(cards(active(page))).to_have_count(1)


def test_a_filter_that_does_not_exist_shows_everything(page: Page, runner: JobRunner) -> None:
    some_jobs(runner)
    page.goto("/app/jobs?type=%3Cscript%3E&page=-3&completed=x")
    expect(pill(page, "All")).to_have_attribute("aria-pressed", "true")
    expect(cards(active(page))).to_have_count(3)


def test_nothing_yet_says_what_this_is_and_what_to_do(page: Page) -> None:
    page.goto("/app/jobs")
    expect(active(page)).to_contain_text("No jobs yet")
    expect(active(page)).to_contain_text("A job is one piece of work for Atlas")
    expect(active(page).get_by_role("button", name="Clear filters")).to_have_count(0)
    expect(completed(page)).to_contain_text("Nothing completed yet")
    active(page).get_by_role("button", name="Create the first job").click()
    expect(page.get_by_role("dialog", name="New Job")).to_be_visible()


def test_nothing_that_matches_says_which_filter_hides_and_clears_it(page: Page, runner: JobRunner) -> None:
    jobs = some_jobs(runner)
    page.goto("/app/jobs?type=animation")
    expect(active(page)).to_contain_text("No active animation jobs")
    expect(completed(page)).to_contain_text("No completed animation jobs")
    expect(page.get_by_text("No jobs yet")).to_have_count(0)
    active(page).get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/app/jobs$"))
    expect(job(page, jobs["mail"])).to_be_visible()
    expect(pill(page, "All")).to_have_attribute("aria-pressed", "true")


def test_all_work_done_is_good_news_and_not_an_empty_start(page: Page, runner: JobRunner) -> None:
    page.goto("/app/jobs")
    expect(active(page)).to_contain_text("No jobs yet")
    done = runner.submit("TEST_NOOP")
    expect(completed(page).locator(f"[data-job-id='{done}']")).to_be_visible()
    expect(active(page)).to_contain_text("Nothing is waiting or running")
    expect(page.get_by_text("No jobs yet")).to_have_count(0)
