"""A schedule from the empty page to its job: made with a preview, run, paused, changed, and removed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import PHONE, Browsing, choose, execute, ready, says, toast
from tests.support.moments import AHEAD
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture(autouse=True)
def _none_left(server: JobRunner) -> Iterator[None]:
    yield
    for table in ("schedule_run", "schedule"):
        execute(server, f"DELETE FROM {table}")


def row(page: Page, name: str) -> Locator:
    """The schedule in the list."""
    return page.get_by_role("article", name=name, exact=True)


def test_somebody_makes_a_schedule_runs_pauses_changes_and_removes_it(browsing: Browsing) -> None:
    page = browsing.open("/app/schedules", timezone_id="Europe/Berlin")
    says(page.locator(".empty"), "Nothing starts by itself yet")
    page.get_by_role("button", name="New schedule").click()
    dialog = page.get_by_role("dialog", name="New schedule")
    expect(dialog.get_by_role("combobox", name="Time zone")).to_have_value("Europe/Berlin")
    choose(page, "Job type or workflow", "EMAIL_SEND")
    dialog.get_by_role("button", name="Create schedule").click()
    expect(dialog.get_by_text("Recipient is required")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_be_focused()  # the uppermost of those that are refused
    choose(page, "Job type or workflow", "TEST_RENDER")
    coming = dialog.get_by_role("status", name="Next runs")
    expect(coming.get_by_role("listitem")).to_have_count(5)
    says(coming, "Every weekday at 09:00, Europe/Berlin")
    dialog.get_by_label("Cron expression").fill("99 9 * * *")
    expect(dialog.get_by_text("cron's minute must be made of 0 to 59")).to_be_visible()
    expect(coming.get_by_role("listitem")).to_have_count(0)
    dialog.get_by_role("button", name="Create schedule").click()
    expect(dialog.get_by_text("name must have 1 to 64 letters")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("Film of the day")
    dialog.get_by_label("Title").fill("A film")
    dialog.get_by_role("button", name="Every day", exact=True).click()
    says(coming, "Every day at 09:00, Europe/Berlin")
    dialog.get_by_role("button", name="Create schedule").click()
    expect(dialog).to_be_hidden()
    film = row(page, "Film of the day")
    says(film, "Render a test video", "Every day at 09:00, Europe/Berlin")
    film.get_by_role("button", name="Run Film of the day now").click()
    expect(toast(page, re.compile(r"Film of the day: job \d+ was started"))).to_be_visible()
    says(film, "Completed", "by hand")
    switch = film.get_by_role("switch", name="Film of the day starts by itself")
    expect(switch).to_be_checked()
    switch.press("Space")
    expect(film.get_by_role("switch")).not_to_be_checked()
    says(film, "· paused")
    film.get_by_role("button", name="Change Film of the day").click()
    changing = page.get_by_role("dialog", name="Change schedule")
    expect(changing.get_by_label("Title")).to_have_value("A film")
    changing.get_by_role("radio", name="Once").click()
    changing.get_by_label("Date and time").fill(f"{AHEAD:%Y-%m-%d}T09:30")
    changing.get_by_role("button", name="Save schedule").click()
    says(film, f"Once, {AHEAD.day} {AHEAD:%B %Y} at 09:30, Europe/Berlin")
    film.get_by_role("link", name="Render a test video").click()
    expect(page.get_by_role("region", name="Facts").get_by_role("link", name="Film of the day")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/app/jobs/\d+$"))
    page.go_back()
    film.get_by_role("button", name="Remove Film of the day").click()
    page.get_by_role("button", name="Remove schedule").click()
    says(page.locator(".empty"), "Nothing starts by itself yet")


def test_on_a_phone_nothing_is_cut_off_and_what_a_schedule_could_not_start_is_told(
    browsing: Browsing, runner: JobRunner
) -> None:
    name = "A film " + " ".join(["of the sea"] * 4)
    body = {"name": name, "target": {"job": {"type": "TEST_RENDER", "payload": {}}}, "cron": "@daily"}
    assert runner.http.post("/api/v1/schedules", json=body).status_code == 201
    fault = "type must be one of EMAIL_SEND, not 'TEST_RENDER'"
    execute(runner, f"UPDATE schedule SET fault = '{fault.replace(chr(39), chr(39) * 2)}'")
    page = ready(browsing.new(viewport=PHONE, has_touch=True, is_mobile=True), "/app/schedules")
    says(row(page, name), fault)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
