"""Approvals from start to end: agents with tokens, reviewers who sign in, a real mail server."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, execute, toast
from tests.servers.smtp import SmtpTestServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

PASSWORD = "correct horse"
MAIL = {"to": ["ada@example.org"], "subject": "Old numbers", "body": "Here they are."}


@pytest.fixture(scope="module")
def mail_server(kind: str) -> Iterator[SmtpTestServer]:
    """Where the mail of this module goes, with each kind of database."""
    with SmtpTestServer() as server:
        yield server


@pytest.fixture(scope="module")
def server_settings(mail_server: SmtpTestServer) -> dict[str, object]:
    """Sign-in is asked for; an approval may be undone for longer than any test takes."""
    mail = {"SMTP_HOST": mail_server.host, "SMTP_PORT": mail_server.port, "SMTP_SECURITY": "none"}
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 600, "HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, **mail}


@pytest.fixture
def runner(server: JobRunner) -> JobRunner:
    """The module's Job Runner as it is: its programs' door is closed to whoever has no token."""
    return server


@pytest.fixture(scope="module")
def agent(server: JobRunner) -> Iterator[httpx.Client]:
    """An agent's token."""
    headers = {"Authorization": f"Bearer {server.token('Mailer', 'jobs:write', password=PASSWORD)}"}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def anna(server: JobRunner) -> None:
    """A second reviewer, besides the administrator."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30, headers={"Origin": server.url}) as admin:
        assert admin.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303
        person = {"name": "anna", "role": "approver", "password": PASSWORD}
        assert admin.post("/api/v1/people", json=person).status_code == 201


def submitted(agent: httpx.Client, type_key: str, payload: dict[str, Any]) -> int:
    """The agent's new job."""
    answer = agent.post("/api/v1/jobs", json={"type": type_key, "payload": payload})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def signed_in(browsing: Browsing, name: str, path: str) -> Page:
    """A tab of this person's own browser."""
    page = browsing.open(path, accept_downloads=True)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def answer(page: Page, name: str) -> Locator:
    """One of the answers."""
    return page.get_by_role("group", name="Answers").get_by_role("button", name=name)


def time_passes(runner: JobRunner, job_id: int) -> None:
    """Nobody may undo the approval any more."""
    execute(runner, f"UPDATE job SET undo_until = NULL, due_at = NULL WHERE id = {job_id}")


def state(agent: httpx.Client, job_id: int) -> dict[str, Any]:
    """The job as the agent reads it."""
    document: dict[str, Any] = agent.get(f"/api/v1/jobs/{job_id}").json()
    return document


def test_an_agents_mail_is_held_edited_approved_undone_approved_again_and_sent_as_edited(
    browsing: Browsing, runner: JobRunner, agent: httpx.Client, mail_server: SmtpTestServer
) -> None:
    job_id = submitted(agent, "EMAIL_SEND", MAIL)
    page = signed_in(browsing, "admin", f"/app/approvals?job={job_id}")
    expect(page.get_by_role("region", name="Item", exact=True)).to_contain_text("Needs approval: Mail from agents")
    page.keyboard.press("e")
    form = page.get_by_role("dialog", name="Edit Send email")
    form.get_by_label("Subject").fill("New numbers")
    form.get_by_role("button", name="Save new version").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="New numbers")).to_be_visible()
    versions = page.get_by_role("region", name="Versions")
    expect(versions.locator("del")).to_have_text("Old ")
    expect(versions.locator("ins")).to_have_text("New ")
    answer(page, "Approve").click()
    approved = page.get_by_role("status", name="Just approved")
    expect(approved).to_contain_text("Send email: approved")
    approved.get_by_role("button", name="Undo").click()
    expect(toast(page, "Undone: it waits for approval again")).to_be_visible()
    page.get_by_role("link", name="Send email").click()
    answer(page, "Approve").click()
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    assert mail_server.messages == []
    time_passes(runner, job_id)
    [received] = mail_server.wait_for(1)
    assert received.message["Subject"] == "New numbers"
    expect(approved.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_rejected_post_is_revised_by_its_agent_and_approved(
    browsing: Browsing, runner: JobRunner, agent: httpx.Client
) -> None:
    job_id = submitted(agent, "SOCIAL_POST", {"text": "Spring is hear", "channels": ["feed"]})
    page = signed_in(browsing, "admin", f"/app/approvals?job={job_id}")
    answer(page, "Reject").click()
    dialog = page.get_by_role("dialog", name="Reject job?")
    dialog.get_by_label("Reason").fill("It is spelled here")
    dialog.get_by_role("button", name="Reject job").click()
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    assert state(agent, job_id)["error"] == "Rejected: It is spelled here"
    revision = {"payload": {"text": "Spring is here", "channels": ["feed"]}, "comment": "Corrected"}
    assert agent.post(f"/api/v1/jobs/{job_id}/revise", json=revision).status_code == 200
    expect(page.get_by_role("group", name="On feed")).to_contain_text("Spring is here")
    expect(page.get_by_role("region", name="Versions").locator("ins")).to_have_text("here")
    thread = page.get_by_role("list", name="Review")
    for said in ("It is spelled here", "Corrected"):
        expect(thread).to_contain_text(said)
    answer(page, "Approve").click()
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    time_passes(runner, job_id)
    expect(page.get_by_role("button", name="Undo the approval of Publish post")).to_have_count(0)
    runner.until_told(f"/api/v1/jobs/{job_id}", lambda told: told["status"] == "completed", http=agent)
    assert "Spring is here" in agent.get("/feed.xml").text


def test_of_two_approvers_one_decides_and_the_other_is_told_by_whom(
    browsing: Browsing, agent: httpx.Client, anna: None
) -> None:
    job_id = submitted(agent, "EMAIL_SEND", MAIL)
    first = signed_in(browsing, "admin", f"/app/approvals?job={job_id}")
    second = signed_in(browsing, "anna", f"/app/approvals?job={job_id}")
    expect(answer(first, "Approve")).to_be_visible()
    answer(second, "Reject").click()  # the question keeps standing while somebody else decides
    dialog = second.get_by_role("dialog", name="Reject job?")
    expect(dialog).to_be_visible()
    answer(first, "Approve").click()
    expect(first.get_by_role("status", name="Just approved")).to_contain_text("Send email: approved")
    dialog.get_by_role("button", name="Reject job").click()
    expect(toast(second, "admin approved this job at")).to_be_visible()
    expect(second.get_by_role("region", name="Item", exact=True)).to_contain_text("Approved by admin")
    expect(answer(second, "Approve")).to_be_hidden()
    assert state(agent, job_id)["approval"] == "approved"


def test_a_reviewer_without_an_account_decides_by_a_link_that_works_once(
    browsing: Browsing, server: JobRunner, agent: httpx.Client
) -> None:
    boss = {"Authorization": f"Bearer {server.token('Boss', 'admin', password=PASSWORD)}"}
    rule = {"kind": "require", "title": "The customer looks", "types": ["BLOG_POST"], "by_link": True}
    assert server.http.post("/api/v1/approval-rules", json=rule, headers=boss).status_code == 201
    job_id = submitted(agent, "BLOG_POST", {"title": "Spring", "body": "It is **here**."})
    page = signed_in(browsing, "admin", f"/app/approvals?job={job_id}")
    page.get_by_role("button", name="Link for a reviewer").click()
    dialog = page.get_by_role("dialog", name="Link for a reviewer")
    dialog.get_by_label("Reviewer").fill("Cy at the customer's")
    dialog.get_by_role("button", name="Make link").click()
    link = page.get_by_label("Link", exact=True).inner_text()
    theirs = browsing.open(link, accept_downloads=True)  # another browser, which never signed in
    expect(theirs.get_by_text("It is **here**.")).to_be_visible()
    theirs.get_by_role("button", name="Approve").click()
    expect(theirs.get_by_text("Approved. Thank you.")).to_be_visible()
    assert state(agent, job_id)["approval"] == "approved"
    (step,) = agent.get(f"/api/v1/jobs/{job_id}/review").json()["steps"]
    assert (step["kind"], step["actor"]) == ("approved", "Cy at the customer's (link by admin)")
    assert httpx.get(link, trust_env=False).status_code == 404
