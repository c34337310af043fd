"""Guide: completed jobs, and fifteen a page for both lists."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, active, cards, completed, held_job, job
from tests.support.server import JobRunner
from ui.present import duration

pytestmark = [pytest.mark.browser, pytest.mark.either]


def position(region: Locator, page_text: str) -> Locator:
    """The list's page arrows, saying where one is."""
    return region.get_by_role("navigation", name="Pagination").filter(has_text=page_text)


def test_completed_jobs_show_name_completion_time_duration_and_result_newest_first(
    page: Page, runner: JobRunner, tmp_path: Path
) -> None:
    page.goto("/app/jobs")
    first, hold = held_job(runner, tmp_path, "First created, last done")
    second = runner.submit("TEST_RENDER", {"title": "Last created, first done", "seconds": 1.1})
    expect(completed(page).locator(f"[data-job-id='{second}']")).to_be_visible()
    hold.touch()
    expect(cards(completed(page))).to_have_count(2)
    order = [card.get_attribute("data-job-id") for card in cards(completed(page)).all()]
    assert order == [str(first), str(second)]
    row = job(page, second)
    expect(row).to_contain_text("Render a test video")
    expect(row).to_contain_text("Rendered Last created, first done")
    expect(row.locator("time")).to_have_text(re.compile("just now|s ago"))
    started, finished = (datetime.fromisoformat(runner.job(second)[at]) for at in ("started_at", "finished_at"))
    expect(row.locator(".row-duration")).to_have_text(duration(finished - started))
    expect(row.locator("time")).to_have_attribute("datetime", re.compile(f"^{finished:%Y-%m-%dT%H:%M:%S}"))
    expect(row.locator("time")).to_have_attribute("title", re.compile(r":\d\d"))


def test_a_mail_shows_its_message_id_and_a_post_links_to_itself(page: Page, runner: JobRunner) -> None:
    mail = runner.submit("EMAIL_SEND", {"to": "ada@example.org", "subject": "Hello", "body": "Hello"})
    post = runner.submit("SOCIAL_POST", {"text": "Spring is here", "channels": ["feed"]})
    page.goto("/app/jobs")
    expect(completed(page).locator(f"[data-job-id='{mail}']")).to_contain_text(re.compile(r"outbox.*<.+@.+>"))
    with page.context.expect_page() as opened:
        job(page, post).get_by_role("link", name="Posted to feed").click()
    expect(opened.value.get_by_role("paragraph").filter(has_text="Spring is here")).to_be_visible()
    assert opened.value.url.endswith(runner.job(post)["result"]["posts"][0]["url"])


def test_both_lists_show_fifteen_a_page_with_arrows(browsing: Browsing, runner: JobRunner) -> None:
    done = [runner.submit("TEST_NOOP") for _ in range(31)]
    open_jobs = [runner.submit("TEST_NOOP", requires_approval=True) for _ in range(16)]
    page = browsing.open()
    expect(position(completed(page), "Page 1 of 3")).to_be_visible()
    expect(position(active(page), "Page 1 of 2")).to_be_visible()
    expect(cards(active(page))).to_have_count(15)
    expect(cards(completed(page))).to_have_count(15)
    back = active(page).get_by_role("button", name="Previous page")
    expect(back).to_have_attribute("aria-disabled", "true")
    active(page).get_by_role("button", name="Next page").click()
    expect(position(active(page), "Page 2 of 2")).to_be_visible()
    expect(cards(active(page))).to_have_count(1)
    expect(job(page, open_jobs[0])).to_be_visible()
    expect(active(page).get_by_role("button", name="Next page")).to_have_attribute("aria-disabled", "true")
    expect(position(completed(page), "Page 1 of 3")).to_be_visible()  # the other list stays where it was
    completed(page).get_by_role("button", name="Next page").evaluate("next => { next.click(); next.click(); }")
    expect(position(completed(page), "Page 3 of 3")).to_be_visible()  # also when somebody is faster than the list
    expect(cards(completed(page))).to_have_count(1)
    expect(job(page, done[0])).to_be_visible()
    expect(page).to_have_url(re.compile(r"page=2&completed=3$"))
    copy = browsing.open(page.url)
    expect(position(active(copy), "Page 2 of 2")).to_be_visible()
    expect(position(completed(copy), "Page 3 of 3")).to_be_visible()
    page.go_back()
    expect(position(completed(page), "Page 2 of 3")).to_be_visible()
    expect(position(active(page), "Page 2 of 2")).to_be_visible()


def test_a_page_beyond_the_end_shows_the_last_one_and_a_filter_begins_at_the_first(
    page: Page, runner: JobRunner
) -> None:
    for _ in range(16):
        runner.submit("TEST_NOOP", requires_approval=True)
    page.goto("/app/jobs?page=99")
    expect(position(active(page), "Page 2 of 2")).to_be_visible()
    expect(cards(active(page))).to_have_count(1)
    page.get_by_role("button", name="Task", exact=True).click()
    expect(position(active(page), "Page 1 of 2")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/app/jobs\?type=task$"))
