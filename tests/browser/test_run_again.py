"""A job's work once more: as it was, or edited; after a question where it cannot be taken back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, choose, execute, job, says, toast
from tests.servers.smtp import SmtpTestServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": "nobody@example.org", "subject": "Quarterly numbers", "body": "Here **they** are."}
REFUSAL = "550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in virtual mailbox table"


@pytest.fixture(scope="module")
def mail_server() -> Iterator[SmtpTestServer]:
    """Where the mail of this module goes."""
    with SmtpTestServer() as server:
        yield server


@pytest.fixture(scope="module")
def server_settings(mail_server: SmtpTestServer) -> dict[str, object]:
    """With that mail server."""
    mail = {"SMTP_HOST": mail_server.host, "SMTP_PORT": mail_server.port, "SMTP_SECURITY": "none"}
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 0, **mail}


def new_job_id(page: Page, earlier: int) -> int:
    """The job to whose page the browser went."""
    expect(page).to_have_url(re.compile(rf"/app/jobs/(?!{earlier}$)\d+$"))
    return int(page.url.rpartition("/")[2])


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="New Job")


def test_a_failed_job_is_understood_edited_and_run_again(
    page: Page, runner: JobRunner, mail_server: SmtpTestServer
) -> None:
    mail_server.answer("RCPT", REFUSAL)
    files = [{"name": "numbers.txt", "data": "NDI="}]
    failed = runner.submit("EMAIL_SEND", {**MAIL, "attachments": files}, priority="high", created_by="Mira")
    page.goto(f"/app/jobs/{failed}")
    why = page.get_by_role("region", name="Why it failed")
    expect(why.locator("p").first).to_have_text(re.compile("refused every recipient: nobody@example.org$"))
    expect(why).to_contain_text("edit it and run it again")
    expect(why.get_by_text("virtual mailbox table")).to_be_hidden()
    why.get_by_text("Show details").click()
    expect(why.get_by_text("User unknown in virtual mailbox table")).to_be_visible()
    page.get_by_role("button", name="Edit and run again").click()
    recipient = dialog(page).get_by_label("Recipient")
    expect(recipient).to_be_focused()
    expect(recipient).to_have_value("nobody@example.org")
    expect(dialog(page).get_by_label("Body")).to_have_value("Here **they** are.")
    expect(dialog(page).get_by_text("1. numbers.txt")).to_be_visible()
    expect(dialog(page).get_by_role("radio", name="High")).to_be_checked()
    recipient.fill("ada@example.org")
    dialog(page).get_by_role("button", name="Submit").click()
    expect(toast(page, "queued as a new job")).to_be_visible()
    made = new_job_id(page, failed)
    says(page.locator("main"), "Completed")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text(
        re.compile("Sent to ada@example.org as <.+@.+>")
    )
    sent = mail_server.messages[-1].message
    assert sent["To"] == "ada@example.org"
    (attached,) = sent.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("numbers.txt", "42")
    assert runner.job(made)["priority"] == "high"
    told = runner.http.get(f"/api/v1/jobs/{made}/life").json()
    assert [(moment["who"], moment["what"]) for moment in told] == [
        ("local", "created it"),
        ("Mailer", "began attempt 1, which succeeded"),
    ]


def test_a_mail_that_went_out_is_sent_again_only_after_a_question_and_as_another_message(
    page: Page, runner: JobRunner, mail_server: SmtpTestServer
) -> None:
    first = runner.submit("EMAIL_SEND", {**MAIL, "to": "ada@example.org"}, name="Numbers for Ada")
    page.goto(f"/app/jobs/{first}")
    says(page.locator("main"), "Completed")
    count = len(mail_server.messages)
    page.get_by_role("button", name="Run again", exact=True).click()
    question = page.get_by_role("dialog", name="Send again?")
    identity = str(runner.job(first)["result"]["message_id"])
    expect(question).to_contain_text(f"Sent to ada@example.org as {identity} (20")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    expect(page.get_by_role("button", name="Run again", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    question.get_by_role("button", name="Send again").click()
    expect(toast(page, "Numbers for Ada: queued as a new job")).to_be_visible()
    second = new_job_id(page, first)
    says(page.locator("main"), "Completed")
    one, other = mail_server.wait_for(count + 1)[-2:]
    assert one.message["Message-ID"] != other.message["Message-ID"]
    assert one.message["Subject"] == other.message["Subject"]
    assert runner.job(second)["name"] == "Numbers for Ada"


def test_what_can_be_repeated_is_run_again_at_once(page: Page, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Trailer"}, priority="low")
    page.goto(f"/app/jobs/{first}")
    page.get_by_role("button", name="Run again", exact=True).dblclick()
    second = runner.until(new_job_id(page, first), "completed")
    assert (second["payload"], second["priority"], second["created_by"]) == ({"title": "Trailer"}, "low", "local")
    assert runner.http.get("/api/v1/jobs").json()["total"] == 2, "the second press of a double click counts nothing"


def test_a_person_who_was_asked_for_is_asked_again(page: Page, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Trailer"}, requires_approval=True)
    runner.http.post(f"/api/v1/jobs/{first}/approve")
    page.goto(f"/app/jobs/{first}")
    page.get_by_role("button", name="Run again", exact=True).click()
    new = new_job_id(page, first)
    expect(page.get_by_role("region", name="Approval")).to_contain_text("Needs approval")
    assert runner.job(new)["approval"] == "pending"


def test_the_address_of_the_jobs_page_opens_the_form_filled_in(page: Page, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Trailer", "steps": 3})
    page.goto(f"/app/jobs?new=TEST_RENDER&from={first}")
    expect(dialog(page).get_by_label("Title")).to_have_value("Trailer")
    expect(dialog(page).get_by_label("Steps")).to_have_value("3")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    page.get_by_role("button", name="New Job").click()
    choose(page, "Job type", "TEST_RENDER")
    expect(dialog(page).get_by_label("Title")).to_have_value("Test")


def test_a_job_to_begin_with_that_is_gone_leaves_an_empty_form(page: Page, runner: JobRunner) -> None:
    page.goto("/app/jobs?new=TEST_RENDER&from=999999")
    expect(toast(page, "Job 999999 is gone")).to_be_visible()
    expect(dialog(page).get_by_label("Title")).to_have_value("Test")


def test_a_type_that_is_gone_is_told(page: Page, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Trailer"})
    runner.until(first, "completed")
    execute(runner, f"UPDATE job SET type = 'FORMER' WHERE id = {first}")
    page.goto(f"/app/jobs/{first}")
    for name in ("Run again", "Edit and run again"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(toast(page, "its type FORMER is not installed here any more").first).to_be_visible()
    expect(dialog(page)).to_have_count(0)
    says(page.get_by_role("region", name="What was asked for"), "Trailer")


def test_back_leads_to_the_list_one_came_from_with_its_filters(browsing: Browsing, runner: JobRunner) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Trailer", "fail": "broken"})
    page = browsing.open("/app/jobs?type=video&status=failed")
    job(page, first).get_by_role("link").first.click()
    page.get_by_role("link", name="All jobs").click()
    expect(page).to_have_url(re.compile(r"/app/jobs\?type=video&status=failed$"))
    expect(job(page, first)).to_be_visible()


def test_back_leads_to_all_jobs_for_whoever_came_by_a_link(browsing: Browsing, runner: JobRunner) -> None:
    page = browsing.open(f"/app/jobs/{runner.submit('TEST_NOOP')}")
    page.evaluate("sessionStorage.clear()")
    page.get_by_role("link", name="All jobs").click()
    expect(page).to_have_url(re.compile("/app/jobs$"))
