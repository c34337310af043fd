"""The keyboard is never lost: where what had it vanishes, it goes on at what stands next."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import LATER, execute, job
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

FARM, OVEN = "The farm answered 503", "The oven refused the tray"


def failed(runner: JobRunner, error: str) -> int:
    """A job that failed so, and does not when it is tried again."""
    job_id = runner.submit("TEST_RENDER", {"fail": error})
    runner.until(job_id, "failed")
    execute(runner, f"UPDATE job SET type = 'TEST_NOOP', payload = '{{}}' WHERE id = {job_id}")
    return job_id


def retry(page: Page, cause: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=cause).get_by_role("button", name=re.compile("^Retry all"))


def test_a_cause_that_is_gone_gives_the_keyboard_to_the_next_and_the_last_to_the_heading(
    page: Page, runner: JobRunner
) -> None:
    for error in (FARM, FARM, OVEN):
        failed(runner, error)
    page.goto("/app")
    for cause, verb, then in (
        (FARM, "Retry 2 jobs", retry(page, OVEN)),
        (OVEN, "Retry 1 job", page.get_by_role("heading", name="Failures by cause")),
    ):
        retry(page, cause).focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name=f"{verb}?").get_by_role("button", name=verb).press("Enter")
        expect(retry(page, cause)).to_have_count(0)
        expect(then).to_be_focused()


def test_on_the_page_of_a_job_the_keyboard_stays_among_what_may_be_done_next(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_NOOP", **LATER)
    page.goto(f"/app/jobs/{job_id}")
    page.get_by_role("button", name="Pause job").focus()
    for following in ("Resume job", "Pause job"):
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=following)).to_be_focused()
    page.get_by_role("button", name="Cancel job").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel job?")
    dialog.get_by_role("button", name="Cancel job").press("Enter")
    expect(page.get_by_role("button", name="Edit and run again")).to_be_focused()


def test_the_bars_of_many_jobs_give_the_keyboard_back_to_the_list(page: Page, runner: JobRunner) -> None:
    first, second = (runner.submit("TEST_NOOP", **LATER) for _ in range(2))
    page.goto("/app/jobs")
    box = job(page, second).get_by_role("checkbox")
    box.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause selected").focus()
    page.keyboard.press("Enter")
    bar = page.get_by_role("region", name="Operation")
    expect(bar).to_contain_text("1 paused")
    expect(box).to_be_focused()
    bar.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(bar).to_contain_text("1 taken back")
    expect(bar.get_by_role("button", name="Dismiss")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bar).to_have_count(0)
    expect(box).to_be_focused()
    job(page, second).get_by_role("button", name="Cancel job").focus()
    runner.http.post(f"/api/v1/jobs/{second}/cancel")  # somebody else is quicker
    expect(job(page, second)).to_have_count(0)
    expect(job(page, first).get_by_role("button", name="Cancel job")).to_be_focused()


def test_a_field_that_is_refused_takes_the_keyboard_but_not_from_who_types_in_another_meanwhile(
    page: Page, runner: JobRunner
) -> None:
    page.goto("/app/workflows")
    page.get_by_role("button", name="Run Article to post").click()
    dialog = page.get_by_role("dialog")
    title, article = dialog.get_by_label("Title"), dialog.get_by_label("Article")
    run = dialog.get_by_role("button", name="Run")
    run.click()
    expect(title).to_be_focused()
    title.fill("How we work")
    run.click()
    expect(article).to_be_focused()
    title.fill("")
    dialog.evaluate(
        """(dialog) => {
          [...dialog.querySelectorAll("button")].find((node) => node.textContent.includes("Run")).click();
          dialog.querySelectorAll("textarea")[1].focus();
        }"""
    )
    expect(dialog).to_contain_text("Title is required")
    switch = page.locator("#mode-switch")
    former = switch.get_attribute("aria-label") or ""
    switch.evaluate("(node) => node.click()")  # what the server says to that comes after what it said to the other
    expect(switch).not_to_have_attribute("aria-label", former)
    expect(dialog.get_by_label("Teaser")).to_be_focused()
