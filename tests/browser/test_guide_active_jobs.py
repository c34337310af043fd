"""Guide: active jobs as cards."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active, cards, completed, held_job, icon, job, says
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": ["ada@example.org", "bob@example.org"], "subject": "Quarterly numbers", "body": "Here they are."}


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """Two slots, so that they can be full."""
    return {"POLL_SECONDS": 0.2, "CONCURRENCY": 2}


def later() -> str:
    """Tomorrow, so that a job stays queued."""
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def test_a_running_job_shows_name_summary_icon_status_progress_time_left_age_and_priority(
    page: Page, runner: JobRunner
) -> None:
    page.goto("/app/jobs")
    payload = {"title": "Trailer for spring", "seconds": 20, "steps": 200}
    job_id = runner.submit("TEST_RENDER", payload, priority="high", created_by="Mira")
    card = active(page).get_by_role("article", name="Render a test video")
    expect(card).to_have_attribute("data-job-id", str(job_id))
    says(card, "Render a test video", "Trailer for spring", "Running", "High", "by Mira")
    expect(icon(page, job_id, "movie")).to_be_visible()
    expect(card.locator("[data-icon=autorenew]")).to_have_text("Running")
    bar = card.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"^\d+ % · about \d+ s left$"))
    before = int(bar.get_attribute("aria-valuenow") or 0)
    page.wait_for_function(
        "([id, before]) => document.querySelector(`[data-job-id='${id}'] [role=progressbar]`).ariaValueNow > before",
        arg=[str(job_id), before + 2],
    )
    assert 0 < int(bar.get_attribute("aria-valuenow") or 0) <= 100


def test_a_progress_bar_never_goes_back_when_the_lists_are_read_again(
    page: Page, runner: JobRunner, tmp_path: Path
) -> None:
    page.goto("/app/jobs")
    job_id, _ = held_job(runner, tmp_path, steps=4)  # says 75 % within moments, then nothing more
    bar = job(page, job_id).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "75")
    for number in range(3):
        other = runner.submit("EMAIL_SEND", MAIL, run_at=later(), name=f"Other {number}")
        expect(job(page, other)).to_be_visible()
        expect(bar).to_have_attribute("aria-valuenow", "75")
    runner.until_told(f"/api/v1/jobs/{job_id}", lambda told: told["progress"] == 75)  # progress is stored now and then
    page.reload()
    expect(bar).to_have_attribute("aria-valuenow", "75")


def test_the_line_under_the_name_tells_a_job_from_its_neighbours(page: Page, runner: JobRunner) -> None:
    mail = runner.submit("EMAIL_SEND", MAIL, run_at=later())
    post = runner.submit("SOCIAL_POST", {"text": "Spring is\n\nhere", "channels": ["feed"]}, run_at=later())
    named = runner.submit("EMAIL_SEND", MAIL, run_at=later(), name="Numbers for the board", priority="low")
    page.goto("/app/jobs")
    says(job(page, mail), "Send email", "ada@example.org and 1 more · Quarterly numbers", "Medium")
    says(job(page, post), "Publish post", "feed · Spring is here")
    says(job(page, named), "Numbers for the board", "Low")
    for job_id, name in ((mail, "mail"), (post, "share")):
        expect(icon(page, job_id, name)).to_be_visible()


def test_the_age_is_relative_and_exact_on_hover(browsing: Browsing, runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL, run_at=later())
    page = browsing.open(locale="en-GB", timezone_id="Asia/Tokyo")
    age = job(page, job_id).locator(".card-meta time")
    expect(age).to_have_text(re.compile(r"^(just now|\d+ s ago)$"))
    created = datetime.fromisoformat(runner.job(job_id)["created_at"])
    in_tokyo = created + timedelta(hours=9)
    expect(age).to_have_attribute("title", re.compile(f"{in_tokyo:%H:%M:%S}"))
    expect(age).to_have_attribute("datetime", re.compile(f"^{created:%Y-%m-%dT%H:%M:%S}"))


def test_a_queued_job_says_why_it_is_not_running_yet(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    page.goto("/app/jobs")
    scheduled = runner.submit("TEST_NOOP", run_at=later())
    approval = runner.submit("TEST_NOOP", requires_approval=True)
    held = [held_job(runner, tmp_path, f"Held {number}") for number in range(2)]
    for job_id, _ in held:
        says(job(page, job_id), "Running")
    waiting = runner.submit("TEST_NOOP")
    expect(job(page, waiting)).to_contain_text("Waits for a free slot")
    says(job(page, waiting), "Queued")
    expect(job(page, scheduled)).to_contain_text(re.compile("Scheduled.*[0-9]{2}:[0-9]{2}"))
    says(job(page, approval), "Queued", "Needs approval")
    held[0][1].touch()
    expect(completed(page).locator(f"[data-job-id='{waiting}']")).to_be_visible()


def test_a_failed_job_says_its_error_in_a_sentence(page: Page, runner: JobRunner) -> None:
    failed = runner.submit("TEST_RENDER", {"fail": "The encoder refused frame 17: wrong colours."})
    flaky = runner.submit("TEST_RENDER", {"fail_for_now": "The farm answered 503"})
    page.goto("/app/jobs")
    says(job(page, failed), "Failed", "The encoder refused frame 17: wrong colours.")
    expect(job(page, failed)).to_contain_text("attempt 1 of 3")
    expect(job(page, flaky)).to_contain_text("The farm answered 503")
    expect(job(page, flaky)).to_contain_text(re.compile("Retrying.*[0-9]{2}:[0-9]{2}:[0-9]{2}"))


def test_active_means_neither_completed_nor_cancelled(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    queued, running = runner.submit("TEST_NOOP", run_at=later()), held_job(runner, tmp_path)[0]
    paused, failed = runner.submit("TEST_NOOP", run_at=later()), runner.submit("TEST_RENDER", {"fail": "no"})
    cancelled, done = runner.submit("TEST_NOOP", run_at=later()), runner.submit("TEST_NOOP")
    runner.http.post(f"/api/v1/jobs/{paused}/pause")
    runner.http.post(f"/api/v1/jobs/{cancelled}/cancel")
    page.goto("/app/jobs")
    for job_id, word in ((queued, "Queued"), (running, "Running"), (paused, "Paused"), (failed, "Failed")):
        says(active(page).locator(f"[data-job-id='{job_id}']"), word)
    says(completed(page).locator(f"[data-job-id='{done}']"), "Completed")
    expect(job(page, cancelled)).to_have_count(0)
    expect(cards(active(page))).to_have_count(4)


def test_every_status_has_its_own_colour_icon_and_word(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    runner.submit("TEST_NOOP", run_at=later())
    held_job(runner, tmp_path)
    runner.submit("TEST_RENDER", {"fail": "no"})
    done = runner.submit("TEST_NOOP")
    paused = runner.submit("TEST_NOOP", run_at=later())
    runner.http.post(f"/api/v1/jobs/{paused}/pause")
    page.goto("/app/jobs")
    expect(completed(page).locator(f"[data-job-id='{done}']")).to_be_visible()
    looks = []
    for word in ("Queued", "Running", "Paused", "Failed", "Completed"):
        badge = page.locator(".badge").filter(has_text=re.compile(f"^{word}$"))
        expect(badge).to_have_count(1)  # a job that was submitted just now may be queued for a moment
        expect(badge).to_be_visible()
        looks.append((badge.evaluate("node => getComputedStyle(node).color"), badge.get_attribute("data-icon")))
    assert len({colour for colour, _ in looks}) == len({icon for _, icon in looks}) == 5
