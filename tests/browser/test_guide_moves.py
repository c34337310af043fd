"""Guide: cancel with confirmation, pause, resume, retry, and what the state does not allow."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import active, completed, held_job, job, says, toast
from tests.servers.mastodon import MastodonServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


def press(card: Locator, name: str) -> None:
    """Press a card's button."""
    card.get_by_role("button", name=name).click()


def waiting(runner: JobRunner) -> int:
    """A queued job that stays queued."""
    return runner.submit("TEST_NOOP", requires_approval=True)


def test_cancel_asks_first_and_keep_job_keeps_it(page: Page, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page.goto("/app/jobs")
    press(job(page, job_id), "Cancel job")
    dialog = page.get_by_role("dialog", name="Cancel job?")
    expect(dialog).to_contain_text("It will not run. This cannot be undone.")
    dialog.get_by_role("button", name="Keep job").click()
    expect(dialog).to_be_hidden()
    expect(job(page, job_id).get_by_role("button", name="Cancel job")).to_be_focused()
    press(job(page, job_id), "Cancel job")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert runner.job(job_id)["status"] == "queued"
    says(job(page, job_id), "Queued")


def test_cancel_job_cancels_it_and_it_leaves_the_list(page: Page, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page.goto("/app/jobs")
    press(job(page, job_id), "Cancel job")
    page.get_by_role("dialog", name="Cancel job?").get_by_role("button", name="Cancel job").click()
    expect(toast(page, "Do nothing: cancelled")).to_be_visible()
    expect(job(page, job_id)).to_have_count(0)
    assert runner.job(job_id)["status"] == "cancelled"


def test_cancelling_a_running_job_really_stops_it_and_says_that_nothing_had_gone_out(
    page: Page, runner: JobRunner, tmp_path: Path
) -> None:
    job_id, hold = held_job(runner, tmp_path, "Trailer")
    page.goto("/app/jobs")
    says(job(page, job_id), "Running")
    press(job(page, job_id), "Cancel job")
    dialog = page.get_by_role("dialog", name="Cancel job?")
    expect(dialog).to_contain_text("It is running: it will be stopped.")
    dialog.get_by_role("button", name="Cancel job").click()
    expect(toast(page, "Cancelled while running. Nothing had gone out.")).to_be_visible()
    expect(job(page, job_id)).to_have_count(0)
    [attempt] = runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()
    assert attempt["outcome"] == "cancelled"
    assert attempt["finished_at"]
    assert runner.http.get("/api/v1/engine").json()["running"] == 0
    hold.touch()
    other = runner.submit("TEST_NOOP")
    expect(completed(page).locator(f"[data-job-id='{other}']")).to_be_visible()
    assert runner.job(job_id)["status"] == "cancelled"
    assert not (runner.data_dir / "artifacts" / str(job_id)).exists()


def test_cancelling_a_running_job_says_what_had_already_gone_out(page: Page, runner: JobRunner) -> None:
    with MastodonServer() as server:
        channel = {"name": "slow", "kind": "mastodon", "url": server.url, "credentials": {"access_token": server.token}}
        assert runner.http.post("/api/v1/channels", json=channel).status_code == 201
        server.hold_next("/api/v2/instance", after_effect=False)  # before it posts, it asks for the limits
        job_id = runner.submit("SOCIAL_POST", {"text": "Hello", "channels": ["feed", "slow"]})
        page.goto(f"/app/jobs/{job_id}")
        expect(page.get_by_text("Posting to slow (mastodon)")).to_be_visible()
        page.goto("/app/jobs")
        press(job(page, job_id), "Cancel job")
        page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
        expect(toast(page, "Already done, and not taken back: feed")).to_be_visible()
        assert server.statuses == []


def test_pause_and_resume_a_queued_job(page: Page, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page.goto("/app/jobs")
    press(job(page, job_id), "Pause job")
    expect(toast(page, "Do nothing: paused")).to_be_visible()
    says(job(page, job_id), "Paused")
    expect(job(page, job_id).get_by_role("button", name="Pause job")).to_have_count(0)
    press(job(page, job_id), "Resume job")
    expect(toast(page, "Do nothing: resumed")).to_be_visible()
    says(job(page, job_id), "Queued")


def test_a_running_job_pauses_at_its_next_safe_point_and_resumes(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    job_id, hold = held_job(runner, tmp_path, "Trailer")
    page.goto("/app/jobs")
    says(job(page, job_id), "Running")
    press(job(page, job_id), "Pause job")
    says(job(page, job_id), "Paused")
    press(job(page, job_id), "Resume job")
    says(job(page, job_id), "Running")
    hold.touch()
    says(completed(page).locator(f"[data-job-id='{job_id}']"), "Completed")


def test_retry_brings_a_failed_job_back_to_the_queue(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail": "The encoder refused"})
    page.goto("/app/jobs")
    says(job(page, job_id), "Failed")
    press(job(page, job_id), "Retry job")
    expect(toast(page, "Render a test video: queued again")).to_be_visible()
    expect(job(page, job_id)).to_contain_text("attempt 2 of 3")
    says(job(page, job_id), "Failed")
    assert len(runner.http.get(f"/api/v1/jobs/{job_id}/attempts").json()) == 2


def test_what_is_not_allowed_is_disabled_with_the_reason(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Slow", "seconds": 600, "steps": 1})  # no safe point all the while
    page.goto("/app/jobs")
    says(job(page, job_id), "Running")
    press(job(page, job_id), "Pause job")
    expect(toast(page, "pauses at its next safe point")).to_be_visible()
    says(job(page, job_id), "Pausing")
    pause = job(page, job_id).get_by_role("button", name="Pause job")
    expect(pause).to_have_attribute("aria-disabled", "true")
    expect(pause).to_have_attribute("title", "It pauses at its next safe point")
    pause.click(force=True)
    expect(toast(page, "It pauses at its next safe point")).to_be_visible()
    assert runner.job(job_id)["status"] == "running"
    expect(job(page, job_id).get_by_role("button", name="Cancel job")).not_to_have_attribute(
        "aria-disabled", re.compile(".")
    )


def test_a_move_that_came_too_late_says_so_and_changes_nothing(page: Page, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page.goto("/app/jobs")
    press(job(page, job_id), "Cancel job")
    dialog = page.get_by_role("dialog", name="Cancel job?")
    expect(dialog).to_be_visible()
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    expect(active(page).get_by_role("article")).to_have_count(0)
    expect(dialog).to_be_visible()  # a dialog is not closed by what happens behind it
    dialog.get_by_role("button", name="Cancel job").click()
    expect(toast(page, "cancelled")).to_contain_text("cannot")


def test_the_question_stays_while_the_page_of_the_job_is_drawn_anew(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer", "seconds": 30, "steps": 300})
    page.goto(f"/app/jobs/{job_id}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel job").click()
    dialog = page.get_by_role("dialog", name="Cancel job?")
    expect(dialog).to_be_visible()
    runner.http.post(f"/api/v1/jobs/{job_id}/pause")
    says(page.locator("main"), "Paused")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Cancel job").click()
    says(page.locator("main"), "Cancelled")
