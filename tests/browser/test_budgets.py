"""Budgets and limits: set in Settings, told on the card, and jobs go on when a limit is raised or removed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import choose, job, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

CALL = {"method": "GET", "url": "https://hooks.example.org/x"}


@pytest.fixture(autouse=True)
def without_limits(runner: JobRunner) -> Iterator[None]:
    """Each test leaves none behind."""
    yield
    for budget in runner.http.get("/api/v1/budgets").json()["items"]:
        runner.http.delete(f"/api/v1/budgets/{budget['id']}")
    for limit in runner.http.get("/api/v1/rate-limits").json()["items"]:
        runner.http.delete(f"/api/v1/rate-limits/{limit['key']}")


def panel(page: Page) -> Locator:
    page.goto("/app/settings")
    return page.get_by_role("region", name="Budgets and limits")


def test_a_budget_is_set_spent_raised_and_the_job_that_waited_goes_on(page: Page, runner: JobRunner) -> None:
    runner.until(runner.submit("TEST_NOOP"), "completed")
    section = panel(page)
    expect(section).to_contain_text("There is no budget: jobs use whatever they need.")
    section.get_by_role("button", name="Set a budget").click()
    dialog = page.get_by_role("dialog", name="Set a budget")
    choose(page, "For", "Type: Do nothing")
    choose(page, "Counts", "Jobs")
    dialog.get_by_label("At most a day").fill("a few")
    dialog.get_by_role("button", name="Set budget").click()
    expect(dialog).to_contain_text("limit must be like 50, not 'a few'")
    dialog.get_by_label("At most a day").fill("1")
    dialog.get_by_role("button", name="Set budget").click()
    expect(dialog).to_be_hidden()
    budget = section.get_by_role("group", name="Do nothing, jobs a day")
    expect(budget).to_contain_text("Spent")
    expect(budget.get_by_role("meter", name="Used today")).to_have_attribute("aria-valuetext", "1 of 1 job today")
    banner = page.get_by_role("status").filter(has_text="Today's budget of 1 job for Do nothing is spent (1 job).")
    expect(banner).to_be_visible()
    waiting = runner.submit("TEST_NOOP")
    page.goto("/app/jobs")
    expect(job(page, waiting)).to_contain_text("Waits for tomorrow: today's budget of 1 job for Do nothing is spent")
    section = panel(page)
    section.get_by_role("button", name="Change Do nothing, jobs a day").click()
    dialog = page.get_by_role("dialog", name="Budget of Do nothing")
    dialog.get_by_label("Jobs at most a day").fill("50 jobs")
    dialog.get_by_role("button", name="Change budget").click()
    expect(dialog).to_be_hidden()
    expect(banner).to_be_hidden()
    runner.until(waiting, "completed")
    expect(budget).to_contain_text("2 of 50 jobs today")
    section.get_by_role("button", name="Remove Do nothing, jobs a day").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove budget").click()
    expect(toast(page, "The budget is removed")).to_be_visible()
    expect(section).to_contain_text("There is no budget")


def test_what_is_over_a_limit_gets_its_turn_which_the_card_tells(page: Page, runner: JobRunner) -> None:
    section = panel(page)
    section.get_by_role("button", name="Set a limit").click()
    dialog = page.get_by_role("dialog", name="Set a rate limit")
    choose(page, "Limits", "Calls of one host")
    dialog.get_by_label("At most", exact=True).fill("1")
    dialog.get_by_role("button", name="Set limit").click()
    expect(dialog).to_contain_text("name must say which domain, channel or host is limited")
    dialog.get_by_label("Domain, channel or host").fill("Hooks.Example.org")
    dialog.get_by_role("button", name="Set limit").click()
    expect(dialog).to_be_hidden()
    expect(section.get_by_role("group", name="Calls of hooks.example.org")).to_contain_text("At most 1 an hour")
    jobs = [runner.submit("WEBHOOK_CALL", CALL) for _ in range(2)]
    page.goto("/app/jobs")
    card = job(page, jobs[1])
    expect(card).to_contain_text(re.compile(r"Its turn.*\d\d:\d\d"))
    expect(card).to_contain_text("Waits for its turn: at most 1 call an hour of hooks.example.org")
    section = panel(page)
    section.get_by_role("button", name="Remove the limit of Calls of hooks.example.org").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove limit").click()
    expect(section).to_contain_text("There is no limit")
    page.goto(f"/app/jobs/{jobs[1]}")
    expect(page.get_by_role("region", name="Where it stands")).not_to_contain_text("at most 1 call")
