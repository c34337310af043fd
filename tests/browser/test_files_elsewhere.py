"""Files in S3-compatible storage: downloads as ever, and a storage that is away troubles no other part of the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import MAIL, Browsing, completed
from tests.servers.relay import Relay
from tests.servers.s3 import S3Server
from tests.support.server import JobRunner

LESS_THAN_STORAGE_IS_WAITED_FOR_MS = 3000

pytestmark = [pytest.mark.browser, pytest.mark.either]

ATTACHED = {"name": "numbers.csv", "data": "MSwyLDMK"}
HEALS_MS = 15_000  # pages read again every ten seconds


@pytest.fixture(scope="module")
def relay(s3: S3Server) -> Iterator[Relay]:
    with Relay(s3.port) as relay:
        yield relay


@pytest.fixture(scope="module")
def server_settings(s3: S3Server, relay: Relay) -> dict[str, object]:
    """Files are kept behind the relay."""
    storage = s3.settings("pages", s3_endpoint=relay.url)
    return {"POLL_SECONDS": 0.2, **{name.upper(): value for name, value in storage.items()}}


def test_a_file_that_lies_elsewhere_is_downloaded_from_its_jobs_page(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Spring trailer"})
    runner.until(job_id, "completed")
    page.goto(f"/app/jobs/{job_id}")
    with page.expect_download() as download:
        page.get_by_role("region", name="Files").get_by_role("link", name="result.txt").click()
    assert Path(download.value.path()).read_text() == "Spring trailer"


def test_settings_say_where_mail_is_saved(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    expect(page.get_by_text("messages are saved to s3://jobs/pages/outbox.")).to_be_visible()


@pytest.mark.parametrize("away", ["cut", "hold"])
def test_while_the_storage_is_away_files_are_named_and_everything_else_stays_live(
    browsing: Browsing, runner: JobRunner, relay: Relay, away: str
) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Spring trailer"})
    runner.until(job_id, "completed")
    try:
        getattr(relay, away)()
        page, other = browsing.open(f"/app/jobs/{job_id}"), browsing.open()
        expect(page.get_by_role("region", name="Result")).to_contain_text("Rendered Spring trailer")
        link = page.get_by_role("region", name="Files").get_by_role("link", name="result.txt")
        expect(link).to_be_visible()
        another = runner.submit("TEST_NOOP")
        expect(completed(other).locator(f"[data-job-id='{another}']")).to_be_visible(
            timeout=LESS_THAN_STORAGE_IS_WAITED_FOR_MS
        )
    finally:
        relay.mend()


def test_what_was_asked_for_is_drawn_once_its_files_answer_and_says_why_while_they_do_not(
    browsing: Browsing, runner: JobRunner, relay: Relay
) -> None:
    job_id = runner.submit("EMAIL_SEND", {**MAIL, "attachments": [ATTACHED]}, requires_approval=True)
    try:
        relay.hold()
        page = browsing.open(f"/app/jobs/{job_id}")
        asked = page.get_by_role("region", name="What was asked for")
        expect(asked.locator(".skeleton")).to_be_visible()
        expect(page.get_by_role("region", name="Facts")).to_contain_text("EMAIL_SEND")
        relay.mend()
        expect(asked.get_by_text("Here they are.")).to_be_visible()
        expect(asked.locator(".skeleton")).to_have_count(0)
        relay.cut()
        page.reload()
        expect(asked).to_contain_text("Its files cannot be shown just now")
    finally:
        relay.mend()
    asked.get_by_role("button", name="Show it again").press("Enter")
    expect(asked.get_by_text("numbers.csv")).to_be_visible()
    expect(asked).not_to_contain_text("cannot be shown")
    expect(asked.get_by_role("heading", name="What was asked for")).to_be_focused()


def test_a_job_whose_files_must_be_looked_for_says_why_it_cannot_be_done_and_heals(
    browsing: Browsing, runner: JobRunner, relay: Relay
) -> None:
    job_id = runner.submit("TEST_NOOP")  # no row names a file: a former version may have stored some
    runner.until(job_id, "completed")
    try:
        relay.cut()
        page = browsing.open(f"/app/jobs/{job_id}")
        files = page.get_by_role("region", name="Files")
        expect(files).to_contain_text("cannot be reached")
    finally:
        relay.mend()
    expect(files).to_be_hidden(timeout=HEALS_MS)
