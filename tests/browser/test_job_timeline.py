"""What is told on a job's page: the log as it comes, what people did, raw JSON to copy, on a phone and by keyboard."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import PHONE, Browsing, execute, held_job, says
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

AT_END = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 3"
LONG = "A very long name that goes on until no line of a phone or of a desk can hold it: مهمة طويلة 🎬 " + "x" * 90
COPIED_STAYS = """
  const schedule = window.setTimeout;
  window.setTimeout = (work, ms, ...more) => schedule(work, ms === 2000 ? 60_000 : ms, ...more);
"""


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """Without a mail server: mail goes to the outbox at once."""
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 0, "RETENTION_DAYS": 30}


def log_of(page: Page) -> Locator:
    return page.get_by_role("log", name="Log of attempt 1")


def add_lines(runner: JobRunner, job_id: int, first: int, count: int) -> None:
    """Lines that the attempt might have logged."""
    at = "2026-11-27 06:00:00+00:00"
    rows = ", ".join(f"({job_id}, 1, '{at}', 'frame {number}')" for number in range(first, first + count))
    execute(runner, f"INSERT INTO log_line (job_id, attempt, at, text) VALUES {rows}")


def said_anew(runner: JobRunner, job_id: int) -> None:
    """A comment tells every open page to read again."""
    answer = runner.http.post(f"/api/v1/jobs/{job_id}/comments", json={"text": "Look"})
    assert answer.is_success, answer.text


def test_the_log_follows_the_end_only_for_a_reader_who_is_there(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    job_id, hold = held_job(runner, tmp_path, steps=2)
    page.goto(f"/app/jobs/{job_id}")
    expect(log_of(page)).to_contain_text("Started")
    add_lines(runner, job_id, 0, 100)
    said_anew(runner, job_id)
    expect(log_of(page).get_by_text("frame 99")).to_be_visible()
    assert log_of(page).evaluate(AT_END)
    log_of(page).evaluate("box => box.scrollTop = 40")
    add_lines(runner, job_id, 100, 20)
    said_anew(runner, job_id)
    expect(log_of(page).get_by_text("frame 119")).to_be_attached()
    assert log_of(page).evaluate("box => box.scrollTop") == 40
    expect(log_of(page).locator(".log-line")).to_have_count(121)
    runner.until_told(f"/api/v1/jobs/{job_id}", lambda told: told["progress"] == 50)  # progress is stored now and then
    said_anew(runner, job_id)
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("aria-valuenow", "50")
    hold.touch()
    says(page.locator("main"), "Completed")


def test_of_a_long_log_the_end_is_shown_and_earlier_lines_are_a_press_away(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer"})
    runner.until(job_id, "completed")
    add_lines(runner, job_id, 0, 700)
    page.goto(f"/app/jobs/{job_id}")
    expect(log_of(page).locator(".log-line")).to_have_count(500)
    assert log_of(page).evaluate(AT_END)
    more = page.get_by_role("button", name="Show earlier lines")
    log_of(page).evaluate("box => box.scrollTop = 0")
    more.click()
    expect(log_of(page).locator(".log-line")).to_have_count(701)
    expect(log_of(page).locator(".log-line").first).to_contain_text("Started")
    expect(log_of(page).get_by_text("frame 200")).to_be_in_viewport()  # what was read stays where it was
    expect(page.get_by_role("button", name="That is the first line")).to_be_disabled()


def test_what_people_did_stands_between_the_attempts_with_their_names(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail": "The encoder refused frame 17"}, created_by="Mira")
    runner.until(job_id, "failed")
    page.goto(f"/app/jobs/{job_id}")
    page.get_by_role("button", name="Retry job").click()
    moments = page.get_by_role("list", name="Timeline").locator(".moment")
    expect(moments).to_have_count(4)
    for place, words in enumerate(("Attempt 2", "local asked for another try", "Attempt 1", "Mira created it")):
        expect(moments.nth(place)).to_contain_text(words)
    page.get_by_role("textbox", name="Comment").fill("It is the third frame again")
    page.get_by_role("button", name="Add comment").click()
    expect(moments.first).to_contain_text("It is the third frame again")


@pytest.mark.parametrize("with_clipboard", [True, False])
def test_raw_json_is_copied_to_the_letter_with_and_without_the_clipboard(
    browsing: Browsing, runner: JobRunner, *, with_clipboard: bool
) -> None:
    payload = {"title": "Trailer “<b>” 🎬", "steps": 2}
    job_id = runner.submit("TEST_RENDER", payload)
    page = browsing.new(permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script(COPIED_STAYS)
    if not with_clipboard:
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('not here'))")
    page.goto(f"/app/jobs/{job_id}")
    asked = page.get_by_role("region", name="What was asked for")
    asked.get_by_text("Raw JSON").click()
    copy = asked.get_by_role("button", name="Copy payload")
    copy.click()
    expect(asked.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == payload
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_role("button", name="Copy id")).to_have_count(0)
    assert page.evaluate("navigator.clipboard.readText()") == str(job_id)


def test_a_mail_is_shown_as_it_looks_and_an_error_of_ten_lines_as_a_sentence(page: Page, runner: JobRunner) -> None:
    mail = runner.submit("EMAIL_SEND", {"to": "ada@example.org", "subject": "Numbers", "body": "Here **they** are."})
    page.goto(f"/app/jobs/{mail}")
    asked = page.get_by_role("region", name="What was asked for")
    expect(asked.get_by_role("heading", name="Numbers")).to_be_visible()
    expect(asked.locator("strong")).to_have_text("they")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text(re.compile("Put into the outbox as <.+>"))
    error = "\n".join(["The encoder refused frame 17", *(f"  at line {number}" for number in range(9))])
    failed = runner.submit("TEST_RENDER", {"fail": error})
    page.goto(f"/app/jobs/{failed}")
    why = page.get_by_role("region", name="Why it failed")
    expect(why.locator("p").first).to_have_text("The encoder refused frame 17")
    why.get_by_text("Show details").click()
    expect(why.get_by_text("at line 8")).to_be_visible()


def test_on_a_phone_nothing_goes_sideways_whatever_a_job_is_called(browsing: Browsing, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "y" * 300, "fail": "z" * 400}, name=LONG)
    runner.until(job_id, "failed")
    add_lines(runner, job_id, 0, 3)
    page = browsing.open(f"/app/jobs/{job_id}", viewport=PHONE)
    expect(page.get_by_role("heading", name=LONG)).to_be_visible()
    for fold in page.locator("summary:visible", has_text=re.compile("Show details|Raw JSON")).all():
        fold.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_everything_is_reached_and_folded_by_keyboard(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer"})
    page.goto(f"/app/jobs/{job_id}")
    says(page.locator("main"), "Completed")
    page.get_by_role("button", name="Edit and run again").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(log_of(page)).to_be_hidden()
    page.keyboard.press("Enter")
    expect(log_of(page)).to_be_visible()
    page.get_by_role("button", name="Copy log").focus()
    page.keyboard.press("Tab")
    expect(log_of(page)).to_be_focused()
    page.get_by_role("button", name="Edit and run again").press("Enter")
    expect(page.get_by_role("dialog", name="New Job").get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit and run again")).to_be_focused()


def test_a_job_that_was_removed_says_after_how_long_and_can_be_searched_for(
    browsing: Browsing, runner: JobRunner
) -> None:
    browsing.expect_fault("404")
    page = browsing.new()
    answer = page.goto("/app/jobs/424242")
    assert answer
    assert answer.status == 404
    expect(page.get_by_text("Jobs are removed 30 days after they ended")).to_be_visible()
    page.get_by_role("link", name="Search for “424242”").click()
    expect(page).to_have_url(re.compile(r"/app/jobs\?q=424242&view=history"))
