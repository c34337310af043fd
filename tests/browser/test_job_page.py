"""One job's page: facts, its timeline with the logs as they come, result, files, and "Did it go out?"."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active, held_job, job, says, toast
from tests.servers.smtp import SmtpTestServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": "ada@example.org", "subject": "Quarterly numbers", "body": "Here **they** are."}


@pytest.fixture(scope="module")
def mail_server() -> Iterator[SmtpTestServer]:
    """Where the mail of this module goes."""
    with SmtpTestServer() as server:
        yield server


@pytest.fixture(scope="module")
def server_settings(mail_server: SmtpTestServer) -> dict[str, object]:
    """With a mail server, so that mail can be lost on the way."""
    mail = {"SMTP_HOST": mail_server.host, "SMTP_PORT": mail_server.port, "SMTP_SECURITY": "none"}
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 0, **mail}


def unknown_mail(runner: JobRunner, mail_server: SmtpTestServer, page: Page) -> int:
    """A mail whose connection was lost after the server had it, and its page."""
    mail_server.drop("CONTENT")
    job_id = runner.submit("EMAIL_SEND", MAIL)
    page.goto(f"/app/jobs/{job_id}")
    expect(page.get_by_role("region", name="Did it go out?")).to_be_visible()
    return job_id


def test_it_shows_what_was_asked_for_facts_result_and_a_file_to_download(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Spring trailer"}, priority="low", created_by="Mira")
    page.goto(f"/app/jobs/{job_id}")
    expect(page.get_by_role("heading", level=2, name="Render a test video")).to_be_visible()
    says(page.locator("main"), "Completed")
    for name, text in {
        "Result": "Rendered Spring trailer",
        "What was asked for": "Spring trailer",
        "Timeline": "Succeeded",
    }.items():
        expect(page.get_by_role("region", name=name)).to_contain_text(text)
    facts = page.get_by_role("region", name="Facts")
    for text in (
        str(job_id),
        "TEST_RENDER",
        "Low",
        "Mira",
        "1 of 3",
        "Created",
        "Started",
        "Finished",
        "Waited",
        "Run time",
    ):
        says(facts, text)
    with page.expect_download() as download:
        page.get_by_role("region", name="Files").get_by_role("link", name="result.txt").click()
    assert Path(download.value.path()).read_text() == "Spring trailer"


def test_the_log_of_an_attempt_comes_live_and_progress_moves(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    page.goto(f"/app/jobs/{job_id}")
    attempts = page.get_by_role("region", name="Timeline")
    expect(attempts).to_contain_text("It needs approval")
    runner.http.post(f"/api/v1/jobs/{job_id}/approve")
    expect(attempts).to_contain_text("Connecting to 127.0.0.1")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Sent to 1 recipient")
    held, hold = held_job(runner, tmp_path)
    page.goto(f"/app/jobs/{held}")
    expect(attempts).to_contain_text("Under way")
    log = page.get_by_role("log", name="Log of attempt 1")
    expect(log.locator(".log-line").filter(has_text="Started").locator("time")).to_have_text(
        re.compile(r"\d\d:\d\d:\d\d")
    )
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    hold.touch()
    says(page.locator("main"), "Completed")
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_every_attempt_stands_there_the_latest_first(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail": "The encoder refused frame 17"})
    page.goto(f"/app/jobs/{job_id}")
    expect(page.get_by_role("region", name="Why it failed")).to_contain_text("The encoder refused frame 17")
    page.get_by_role("button", name="Retry job").click()
    attempts = page.get_by_role("region", name="Timeline")
    expect(attempts.get_by_text("Attempt 2")).to_be_visible()
    expect(attempts.locator("summary strong")).to_have_text(["Attempt 2", "Attempt 1"])
    expect(attempts.get_by_text("The encoder refused frame 17")).to_have_count(2)
    expect(attempts.locator("details.attempt[open] summary strong")).to_have_text(["Attempt 2"])


def test_an_unknown_outcome_asks_did_it_go_out_and_yes_completes_the_job(
    page: Page, runner: JobRunner, mail_server: SmtpTestServer
) -> None:
    job_id = unknown_mail(runner, mail_server, page)
    question = page.get_by_role("region", name="Did it go out?")
    expect(question).to_contain_text("not repeated by itself")
    expect(question).to_contain_text(re.compile("<.+@.+>"))  # the Message-ID to look for
    expect(page.get_by_role("button", name="Retry job")).to_have_count(0)
    sent = len(mail_server.messages)
    question.get_by_role("button", name="It went out").click()
    expect(toast(page, "settled as gone out")).to_be_visible()
    says(page.locator("main"), "Completed")
    expect(page.get_by_role("region", name="Result")).to_contain_text("Went out, as a person confirmed")
    assert runner.job(job_id)["outcome"] is None
    assert len(mail_server.messages) == sent


def test_an_unknown_outcome_that_did_not_go_out_is_tried_again_with_the_same_message_id(
    page: Page, runner: JobRunner, mail_server: SmtpTestServer
) -> None:
    job_id = unknown_mail(runner, mail_server, page)
    sent = len(mail_server.messages)
    page.get_by_role("button", name="It did not: try again").click()
    expect(toast(page, "queued again, for what did not go out")).to_be_visible()
    says(page.locator("main"), "Completed")
    first, second = mail_server.wait_for(sent + 1)[-2:]
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert runner.job(job_id)["attempt"] == 2


@pytest.mark.parametrize(
    ("answer", "told", "sent_again"),
    [("It went out", "settled as gone out", 0), ("It did not", "queued again, for what did not go out", 1)],
)
def test_the_card_of_an_unknown_outcome_asks_and_takes_the_answer(
    browsing: Browsing, runner: JobRunner, mail_server: SmtpTestServer, answer: str, told: str, sent_again: int
) -> None:
    page = browsing.new()
    job_id = unknown_mail(runner, mail_server, page)
    sent = len(mail_server.messages)
    page.goto("/app/jobs")
    card = job(page, job_id)
    says(card, "Failed", "Outcome unknown")
    expect(card.get_by_role("button", name="Retry job")).to_have_count(0)
    question = card.get_by_role("group", name="Did it go out?")
    expect(question.get_by_role("link", name="Evidence")).to_have_attribute("href", f"/app/jobs/{job_id}")
    question.get_by_role("button", name=answer).click()
    expect(toast(page, told)).to_be_visible()
    says(job(page, job_id), "Completed")
    assert len(mail_server.wait_for(sent + sent_again)) == sent + sent_again


def test_the_card_of_a_job_that_waits_for_its_next_try_says_when_and_can_be_tried_now(
    page: Page, runner: JobRunner
) -> None:
    job_id = runner.submit("TEST_RENDER", {"fail_for_now": "The farm is busy"})
    page.goto("/app/jobs")
    card = job(page, job_id)
    says(card, "Queued", "The farm is busy")
    expect(card).to_contain_text("Retrying")
    expect(card).to_contain_text("tried 1 of 3")
    card.get_by_role("button", name="Run job now").click()
    expect(toast(page, "starts at the engine's next look")).to_be_visible()
    expect(card).to_contain_text("tried 2 of 3")
    card.get_by_role("button", name="Run job now").click()
    says(card, "Failed")
    expect(card).to_contain_text("attempt 3 of 3")
    expect(card.get_by_role("button", name="Run job now")).to_have_count(0)


@pytest.mark.parametrize("path", ["/app/jobs/999999", "/app/jobs/x", "/app/jobs/99999999999999999999999999"])
def test_a_job_that_does_not_exist_says_so_and_leads_back(browsing: Browsing, path: str) -> None:
    browsing.expect_fault("404")
    page = browsing.new()
    answer = page.goto(path)
    assert answer
    assert answer.status == 404
    expect(page.get_by_text("There is no such job")).to_be_visible()
    page.get_by_role("link", name="All jobs").first.click()
    expect(active(page)).to_be_visible()
