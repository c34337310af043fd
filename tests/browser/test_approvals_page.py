"""Approvals: each job as what it will be, one answer or many at once, by mouse, by keyboard and on a phone."""

import base64
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import PHONE, Browsing, execute, job, says, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": "ada@example.org", "subject": "Quarterly numbers", "body": "Here **they** are."}
BLUE = (40, 60, 220)


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """What was approved may be undone for longer than any test takes."""
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 600}


def held(runner: JobRunner, payload: dict[str, Any] | None = None, **more: Any) -> int:
    """A mail that waits for approval."""
    return runner.submit("EMAIL_SEND", {**MAIL, **(payload or {})}, requires_approval=True, **more)


def item(page: Page) -> Locator:
    """What is shown beside the list."""
    return page.get_by_role("region", name="Item", exact=True)


def press(page: Page, name: str) -> None:
    """Press one of the answers."""
    page.get_by_role("group", name="Answers").get_by_role("button", name=name).click()


def waiting_count(page: Page) -> Locator:
    """The link in the sidebar, with the number of what needs a person."""
    return page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals")


def revise(runner: JobRunner, job_id: int, **changes: Any) -> None:
    """The creator changes what the job would do."""
    payload = {**runner.job(job_id)["payload"], **changes}
    answer = runner.http.post(f"/api/v1/jobs/{job_id}/revise", json={"payload": payload})
    assert answer.status_code == 200, answer.text


def picture() -> str:
    """A blue picture, as base64."""
    written = BytesIO()
    Image.new("RGB", (40, 30), BLUE).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


def test_nothing_that_waits_is_good_news(page: Page) -> None:
    page.goto("/app/approvals")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()


def test_a_mail_is_shown_as_it_will_be_read_with_everybody_who_gets_it(page: Page, runner: JobRunner) -> None:
    attached = [{"data": picture(), "name": "chart.png"}]
    job_id = held(runner, {"bcc": "boss@example.org", "attachments": attached}, created_by="Mailer")
    page.goto(f"/app/approvals?job={job_id}")
    mail = page.get_by_role("region", name="Preview")
    expect(mail.locator("strong", has_text="they")).to_be_visible()
    for text in ("Quarterly numbers", "ada@example.org", "boss@example.org", "2 people get this", "outbox"):
        expect(mail).to_contain_text(text)
    shown = mail.get_by_role("img", name="chart.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("picture => picture.naturalWidth") == 40
    expect(item(page)).to_contain_text("by Mailer")


def test_a_post_is_shown_for_each_channel_with_its_length_there(page: Page, runner: JobRunner) -> None:
    post = {"text": "Spring is here", "channels": ["feed"], "images": [{"data": picture(), "alt": "A blue sky"}]}
    job_id = runner.submit("SOCIAL_POST", post, requires_approval=True)
    page.goto(f"/app/approvals?job={job_id}")
    channel = page.get_by_role("group", name="On feed")
    expect(channel).to_contain_text("Spring is here")
    expect(channel).to_contain_text("14 of 5,000 characters")
    expect(channel.get_by_role("img", name="A blue sky")).to_be_visible()


def test_an_approval_counts_down_on_every_page_and_undo_brings_the_job_back(
    browsing: Browsing, runner: JobRunner
) -> None:
    page, jobs = browsing.open("/app/approvals"), browsing.open("/app/jobs")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    job_id = held(runner)
    expect(waiting_count(jobs)).to_contain_text("1")
    press(page, "Approve")
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("goes in 9 min")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    expect(waiting_count(jobs)).to_have_text("Approvals")
    expect(job(jobs, job_id)).to_contain_text("Goes in9 min")
    assert runner.job(job_id)["status"] == "queued"
    job(jobs, job_id).get_by_role("button", name="Undo approval").click()
    says(job(jobs, job_id), "Needs approval")
    expect(job(page, job_id)).to_be_visible()
    expect(page.get_by_role("button", name="Undo the approval of Send email")).to_have_count(0)
    assert runner.job(job_id)["approval"] == "pending"


def test_a_rejected_job_never_runs_and_its_page_says_why_and_offers_to_revise_it(page: Page, runner: JobRunner) -> None:
    job_id = held(runner)
    page.goto("/app/approvals")
    press(page, "Reject…")
    dialog = page.get_by_role("dialog", name="Reject job?")
    dialog.get_by_label("Reason").fill("The numbers are last month's")
    dialog.get_by_role("button", name="Reject job").click()
    expect(toast(page, "Send email: rejected")).to_be_visible()
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    assert runner.job(job_id)["status"] == "cancelled"
    page.goto(f"/app/jobs/{job_id}")
    decision = page.get_by_role("region", name="Approval", exact=True)
    expect(decision).to_contain_text("Rejected by local: The numbers are last month's")
    decision.get_by_role("button", name="Revise").click()
    form = page.get_by_role("dialog", name="Edit Send email")
    expect(form.get_by_label("Recipient")).to_have_value("ada@example.org")
    form.get_by_label("Subject").fill("This month's numbers")
    form.get_by_role("button", name="Save new version").click()
    expect(decision).to_contain_text("Needs approval")
    assert runner.job(job_id)["payload"]["subject"] == "This month's numbers"


def test_what_changes_while_it_is_looked_at_is_told_and_must_be_seen_before_it_is_approved(
    page: Page, runner: JobRunner
) -> None:
    job_id = held(runner)
    page.goto("/app/approvals")
    expect(item(page)).to_contain_text("Quarterly numbers")
    revise(runner, job_id, subject="Quarterly figures")
    notice = page.get_by_role("alert", name="This changed since you looked")
    expect(notice.locator("del")).to_have_text("numbers")
    expect(notice.locator("ins")).to_have_text("figures")
    page.keyboard.press("a")
    expect(toast(page, "look at the change first")).to_be_visible()
    assert runner.job(job_id)["approval"] == "pending"
    notice.get_by_role("button", name="I have seen the change").click()
    expect(notice).to_have_count(0)
    press(page, "Approve")
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("Send email: approved")
    assert runner.job(job_id)["approval"] == "approved"


def test_the_keyboard_goes_through_the_inbox_and_leaves_typing_alone(page: Page, runner: JobRunner) -> None:
    first, second, third = (held(runner, {"subject": name}) for name in ("One", "Two", "Three"))
    page.goto("/app/approvals")
    subject = page.get_by_role("region", name="Preview").get_by_role("heading").first
    expect(subject).to_have_text("One")
    page.keyboard.press("j")
    expect(subject).to_have_text("Two")
    expect(page).to_have_url(f"{runner.url}/app/approvals?job={second}")
    page.keyboard.press("ArrowUp")
    expect(subject).to_have_text("One")
    page.keyboard.press("x")
    expect(page.get_by_role("group", name="Selected jobs")).to_contain_text("1 selected")
    page.keyboard.press("c")
    expect(item(page).get_by_label("Comment", exact=True)).to_be_focused()
    page.keyboard.type("jar")
    expect(subject).to_have_text("One")
    assert runner.job(first)["approval"] == "pending"
    page.get_by_role("button", name="Next item").click()
    expect(subject).to_have_text("Two")
    page.keyboard.press("a")
    expect(subject).to_have_text("Three")
    expect(page.get_by_role("heading", name="Send email")).to_be_focused()
    assert [runner.job(each)["approval"] for each in (first, second, third)] == ["pending", "approved", "pending"]
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Next item")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_twenty_are_approved_at_once_and_what_was_refused_is_told(page: Page, runner: JobRunner) -> None:
    mails = [held(runner, {"subject": f"Letter {number}"}) for number in range(19)]
    post = runner.submit("SOCIAL_POST", {"text": "Spring", "channels": ["feed"]}, requires_approval=True)
    page.goto("/app/approvals")
    page.get_by_role("checkbox", name="Select all on this page").check()
    selected = page.get_by_role("group", name="Selected jobs")
    expect(selected).to_contain_text("20 selected")
    revise(runner, mails[3], subject="Another letter")
    expect(job(page, mails[3])).to_contain_text("Another letter")
    selected.get_by_role("button", name="Approve selected").click()
    question = page.get_by_role("dialog", name="Approve 20 jobs?")
    expect(question).to_contain_text("19 × Send email and 1 × Publish post")
    question.get_by_role("button", name="Approve 20 jobs").click()
    report = page.get_by_role("dialog", name="19 of 20 approved")
    expect(report).to_contain_text("would do something else than was shown")
    report.get_by_role("button", name="Close").click()
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("19 jobs: approved")
    expect(waiting_count(page)).to_contain_text("1")
    states = [runner.job(each)["approval"] for each in (*mails, post)]
    assert states.count("approved") == 19
    assert states[3] == "pending"


def test_one_is_approved_from_a_phone(browsing: Browsing, runner: JobRunner) -> None:
    job_id = held(runner)
    page = browsing.open("/app/approvals", viewport=PHONE, has_touch=True, is_mobile=True)
    expect(item(page)).to_be_hidden()
    page.get_by_role("link", name="Send email").tap()
    expect(page.get_by_role("region", name="Preview")).to_contain_text("Here they are.")
    expect(job(page, job_id)).to_be_hidden()
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_in_viewport()
    box = approve.bounding_box()
    assert box
    assert box["height"] >= 44
    assert box["y"] > PHONE["height"] * 0.8
    page.get_by_role("button", name="Back to the list").tap()
    expect(job(page, job_id)).to_be_visible()
    page.get_by_role("link", name="Send email").tap()
    approve.tap()
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("Send email: approved")
    assert runner.job(job_id)["approval"] == "approved"


def test_what_nobody_knows_and_what_was_set_aside_stand_first_in_the_same_inbox(page: Page, runner: JobRunner) -> None:
    held(runner, name="A mail")
    unknown, aside = held(runner, name="A lost mail"), held(runner, name="A deadly mail")
    for job_id, error, outcome in ((unknown, "The connection was lost", "unknown"), (aside, "It died", "poisonous")):
        ended = f"status = 'failed', approval = 'approved', attempt = 1, error = '{error}', outcome = '{outcome}'"
        execute(runner, f"UPDATE job SET {ended} WHERE id = {job_id}")
    page.goto("/app/approvals")
    rows = page.get_by_role("region", name="Inbox").get_by_role("article")
    expect(rows).to_have_count(3)
    assert [row.get_attribute("aria-label") for row in rows.all()] == ["A lost mail", "A deadly mail", "A mail"]
    expect(waiting_count(page)).to_contain_text("3")
    question = page.get_by_role("region", name="Did it go out?")
    expect(question).to_contain_text("The connection was lost")
    question.get_by_role("button", name="It went out", exact=True).click()
    expect(toast(page, "settled as gone out")).to_be_visible()
    expect(waiting_count(page)).to_contain_text("2")
    page.get_by_role("link", name="A deadly mail").click()
    expect(page.get_by_role("region", name="Set aside").get_by_role("button", name="Retry job")).to_be_visible()
