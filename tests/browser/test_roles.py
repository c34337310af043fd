"""A story for each role: what it may not do is not offered, and open pages follow what changes for somebody."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active, choose, job, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

PASSWORD = "correct horse"
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}
PEOPLE = {"vera": "viewer", "olga": "operator", "anna": "approver"}


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """Sign-in is asked for, and mails wait."""
    return {"POLL_SECONDS": 3600, "HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD}


@pytest.fixture
def admin(server: JobRunner) -> Iterator[httpx.Client]:
    """The administrator, by the programs' door; everybody else is there, too, as at the beginning."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30, headers={"Origin": server.url}) as admin:
        assert admin.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303
        there = {person["name"]: person["id"] for person in admin.get("/api/v1/people").json()["items"]}
        for name, role in PEOPLE.items():
            if name in there:
                admin.delete(f"/api/v1/people/{there[name]}")
            admin.post("/api/v1/people", json={"name": name, "role": role, "password": PASSWORD})
        yield admin


@pytest.fixture
def runner(server: JobRunner, admin: httpx.Client) -> JobRunner:
    """The module's Job Runner, with whoever signs in."""
    return server


def a_job(admin: httpx.Client) -> int:
    """A mail that waits for approval."""
    answer = admin.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL, "requires_approval": True})
    return int(answer.json()["id"])


def person_id(admin: httpx.Client, name: str) -> int:
    people = admin.get("/api/v1/people").json()["items"]
    return next(int(person["id"]) for person in people if person["name"] == name)


def signed_in(browsing: Browsing, name: str, path: str = "/app/jobs") -> Page:
    """A tab of a browser of this person's own."""
    page = browsing.open(path, accept_downloads=True)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name=f"Sign out {name}")).to_be_attached()
    return page


def test_a_viewer_looks_at_everything_and_is_offered_nothing(browsing: Browsing, admin: httpx.Client) -> None:
    job_id = a_job(admin)
    page = signed_in(browsing, "vera")
    expect(job(page, job_id)).to_be_visible()
    expect(job(page, job_id).get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("button", name="New Job")).to_have_count(0)
    expect(page.get_by_role("checkbox", name=re.compile("^Select"))).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("group", name="Selected jobs")).to_have_count(0)
    page.goto(f"/app/jobs/{job_id}")
    expect(page.get_by_role("region", name="Facts")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("job$"))).to_have_count(0)
    page.goto("/app/approvals")
    expect(page.get_by_role("link", name="Open job").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.goto("/app/settings")
    expect(page.get_by_role("region", name="Job types")).to_be_visible()
    for region in ("People", "Tokens", "Audit"):
        expect(page.get_by_role("region", name=region, exact=True)).to_have_count(0)
    for name in ("Connect a channel", "Test connection", "Pause all"):
        expect(page.get_by_role("button", name=re.compile(name))).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="At once: Send email")).to_be_disabled()
    page.goto("/app/settings/audit")
    expect(page.get_by_text("The audit log is for administrators")).to_be_visible()


def test_an_operator_creates_and_moves_jobs_and_approves_none(browsing: Browsing, admin: httpx.Client) -> None:
    job_id = a_job(admin)
    page = signed_in(browsing, "olga")
    job(page, job_id).get_by_role("checkbox").check()
    selected = page.get_by_role("group", name="Selected jobs")
    expect(selected.get_by_role("button", name="Cancel selected")).to_be_visible()
    expect(selected.get_by_role("button", name="Approve selected")).to_have_count(0)
    job(page, job_id).get_by_role("button", name="Pause job").click()
    expect(job(page, job_id)).to_contain_text("Paused")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    for label in ("Recipient", "Subject", "Body"):
        dialog.get_by_label(label, exact=True).fill("olga@b.example")
    dialog.get_by_role("button", name="Submit").click()
    expect(active(page).get_by_text("by olga")).to_have_count(1)
    page.goto("/app/approvals")
    expect(page.get_by_role("link", name="Open job").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_an_approver_approves_and_changes_no_settings(browsing: Browsing, admin: httpx.Client) -> None:
    job_id = a_job(admin)
    page = signed_in(browsing, "anna", f"/app/approvals?job={job_id}")
    page.get_by_role("group", name="Answers").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("Send email: approved")
    assert admin.get(f"/api/v1/jobs/{job_id}").json()["approval"] == "approved"
    page.goto("/app/settings")
    expect(page.get_by_role("region", name="Channels")).to_be_visible()
    expect(page.get_by_role("button", name="Connect a channel")).to_have_count(0)


def test_an_administrator_lets_people_in_and_reads_what_was_done(browsing: Browsing, admin: httpx.Client) -> None:
    page = signed_in(browsing, "admin", "/app/settings")
    page.get_by_role("button", name="Add a person").click()
    dialog = page.get_by_role("dialog", name="Add a person")
    dialog.get_by_label("Name", exact=True).fill("nora")
    choose(page, "Role", "Viewer")
    dialog.get_by_label("Password", exact=True).fill("short")
    dialog.get_by_role("button", name="Add person").click()
    expect(dialog.get_by_text("password must have 8 to 1000 characters, not 5")).to_be_visible()
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Add person").click()
    expect(dialog).to_have_count(0)
    row = page.locator("[data-person='nora']")
    expect(row).to_contain_text("Viewer · not signed in")
    row.get_by_role("button", name="Change nora").click()
    dialog = page.get_by_role("dialog", name="Change nora")
    choose(page, "Role", "Operator")
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Operator")
    page.get_by_role("link", name="Open the audit log").click()
    log = page.get_by_role("region", name="Audit log")
    expect(log.locator(".list-row").first).to_contain_text("person change person nora")
    expect(log.locator(".list-row").first).to_contain_text("role: viewer → operator")
    page.get_by_label("Who, what or whom").fill("nora")
    expect(log.locator(".list-row")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/app/settings/audit\?q=nora$"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert "person nora" in download.value.path().read_text()
    page.goto("/app/settings")
    row.get_by_role("button", name="Remove nora").click()
    page.get_by_role("dialog", name="Remove nora?").get_by_role("button", name="Remove person").click()
    expect(row).to_have_count(0)


def test_a_token_is_shown_once_and_opens_nothing_once_it_is_revoked(
    browsing: Browsing, admin: httpx.Client, server: JobRunner
) -> None:
    page = signed_in(browsing, "admin", "/app/settings")
    page.get_by_role("button", name="Create a token").click()
    dialog = page.get_by_role("dialog", name="Create a token")
    dialog.get_by_label("Name", exact=True).fill("Reporter")
    dialog.get_by_role("button", name="Create token").click()
    shown = page.get_by_role("dialog", name="Token Reporter")
    secret = shown.get_by_label("Token").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{server.url}/api/v1/jobs", headers=headers, trust_env=False).status_code == 200
    shown.get_by_role("button", name="Done").click()
    expect(page.get_by_text(secret)).to_have_count(0)
    page.reload()
    row = page.locator("[data-token='Reporter']")
    expect(row).to_contain_text("Valid")
    row.get_by_role("button", name="Revoke Reporter").click()
    page.get_by_role("dialog", name="Revoke Reporter?").get_by_role("button", name="Revoke token").click()
    expect(row).to_contain_text("Revoked")
    assert httpx.get(f"{server.url}/api/v1/jobs", headers=headers, trust_env=False).status_code == 401


def test_a_role_that_changes_changes_open_pages_at_once(browsing: Browsing, admin: httpx.Client) -> None:
    browsing.expect_fault("WebSocket")
    page = signed_in(browsing, "vera")
    expect(page.get_by_role("button", name="New Job")).to_have_count(0)
    admin.patch(f"/api/v1/people/{person_id(admin, 'vera')}", json={"role": "operator"})
    expect(page.get_by_role("button", name="New Job")).to_be_visible()
    admin.patch(f"/api/v1/people/{person_id(admin, 'vera')}", json={"role": "viewer"})
    expect(page.get_by_role("button", name="New Job")).to_have_count(0)


def test_whoever_is_removed_is_sent_out_of_open_pages_at_once(browsing: Browsing, admin: httpx.Client) -> None:
    browsing.expect_fault("WebSocket|401")
    page = signed_in(browsing, "olga")
    admin.delete(f"/api/v1/people/{person_id(admin, 'olga')}")
    expect(page).to_have_url(re.compile("/login"))


def test_signing_out_everywhere_else_ends_the_other_browser_and_not_this_one(
    browsing: Browsing, admin: httpx.Client
) -> None:
    browsing.expect_fault("WebSocket|401")
    here, there = signed_in(browsing, "anna", "/app/settings"), signed_in(browsing, "anna")
    here.get_by_role("button", name="Sign out everywhere else").click()
    expect(toast(here, "Signed out everywhere else")).to_be_visible()
    expect(there).to_have_url(re.compile("/login"))
    here.reload()
    expect(here.get_by_role("region", name="You")).to_contain_text("Signed in as anna, approver")
