"""Settings' approvals: a rule is made in the form and holds, trust is given where past decisions speak for it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from engine.approvals.rules import NewRule
from models.approval import Creators, RuleKind
from tests.browser.pages import DESKTOP, Browsing, choose, new_profile, says, toast
from tests.support.server import JobRunner
from ui.components.rule_words import headline, scope, terms

pytestmark = [pytest.mark.browser, pytest.mark.either]

MAIL = {"to": ["bob@example.org"], "subject": "Numbers", "body": "Here they are."}
RULES = "/api/v1/approval-rules"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """What is approved goes at once."""
    return {"POLL_SECONDS": 0.2, "UNDO_SECONDS": 0}


@pytest.fixture(autouse=True)
def as_shipped(runner: JobRunner) -> Iterator[None]:
    """Each test begins with the rules that a new Job Runner has."""
    shipped = {rule["id"] for rule in runner.http.get(RULES).json()["items"]}
    yield
    for rule in runner.http.get(RULES).json()["items"]:
        if rule["id"] not in shipped:
            runner.http.delete(f"{RULES}/{rule['id']}")


def section(page: Page) -> Locator:
    return page.get_by_role("region", name="Approvals")


def row(page: Page, title: str) -> Locator:
    """A rule's row."""
    return page.locator(f"[data-rule='{title}']")


def sign_in(page: Page, name: str) -> None:
    page.goto("/app/settings")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(section(page)).to_be_visible()


def submitted_by(runner: JobRunner, token: str, **more: Any) -> dict[str, Any]:
    """An agent's mail."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = runner.http.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def token_of(runner: JobRunner, name: str) -> str:
    made = runner.http.post("/api/v1/tokens", json={"name": name, "scopes": ["jobs:write"]}).json()
    return str(made["token"])


def test_a_rule_made_in_the_form_holds_the_next_job_with_its_reason(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    says(section(page), "Needs approval: Mail from agents", "EMAIL_SEND by agents")
    section(page).get_by_role("button", name="Add rule").click()
    dialog = page.get_by_role("dialog", name="Add rule")
    choose(page, "Types", "EMAIL_SEND")
    page.keyboard.press("Escape")
    dialog.get_by_label("Domains", exact=True).fill("a b")
    dialog.get_by_label("Recipients, at least").fill("few")
    dialog.get_by_role("button", name="Add rule").click()
    says(dialog, "min_recipients must be a whole number, not 'few'")
    expect(dialog.get_by_label("Recipients, at least")).to_be_focused()
    dialog.get_by_label("Recipients, at least").fill("2")
    dialog.get_by_role("button", name="Add rule").click()
    says(dialog, "title must have 1 to 200 printable characters", "domains must be domains, as example.org, not 'a b'")
    expect(dialog.get_by_label("Title")).to_be_focused()
    dialog.get_by_label("Title").fill("Mail to several")
    dialog.get_by_label("Domains", exact=True).fill("Example.org, example.com")
    dialog.get_by_role("button", name="Add rule").click()
    expect(dialog).to_have_count(0)
    expect(toast(page, "Mail to several: holds from now on")).to_be_visible()
    says(row(page, "Mail to several"), "Needs approval: Mail to several")
    says(row(page, "Mail to several"), "EMAIL_SEND to example.org or example.com, 2 recipients or more")
    job_id = runner.submit("EMAIL_SEND", {**MAIL, "cc": ["eve@elsewhere.example"]})
    assert runner.job(runner.submit("EMAIL_SEND", MAIL))["approval"] is None
    page.goto(f"/app/jobs/{job_id}")
    expect(page.locator("main")).to_contain_text("Mail to several")
    assert runner.job(job_id)["approval"] == "pending"


def test_a_rule_is_revoked_after_a_question_on_every_open_page(browsing: Browsing, runner: JobRunner) -> None:
    here, there = browsing.open("/app/settings"), browsing.open("/app/settings", viewport=DESKTOP)
    runner.http.post(RULES, json={"kind": "require", "title": "Every report", "types": ["REPORT"]})
    row(here, "Every report").get_by_role("button", name="Revoke Every report").click()
    question = here.get_by_role("dialog", name="Revoke Every report?")
    question.get_by_role("button", name="Keep rule").click()
    expect(question).to_have_count(0)
    expect(row(there, "Every report")).to_be_visible()
    here.get_by_role("button", name="Revoke Every report").click()
    question.get_by_role("button", name="Revoke rule").click()
    expect(toast(here, "Every report: revoked")).to_be_visible()
    for page in (here, there):
        expect(row(page, "Every report")).to_have_count(0)


def test_trust_is_given_from_a_suggestion_and_shows_its_use(page: Page, runner: JobRunner) -> None:
    token = token_of(runner, "writer")
    jobs = [submitted_by(runner, token)["id"] for _ in range(5)]
    for job_id in jobs:
        assert runner.http.post(f"/api/v1/jobs/{job_id}/approve").status_code == 200
    page.goto("/app/settings")
    suggestion = page.locator("[data-suggestion='EMAIL_SEND by writer']")
    expect(suggestion).to_contain_text("Suggested: trust EMAIL_SEND by writer")
    expect(suggestion).to_contain_text(re.compile(r"5 approved as they were since \d+ \w+, none rejected or revised"))
    for job_id in jobs:
        link = suggestion.get_by_role("link", name=f"Job {job_id}", exact=True)
        expect(link).to_have_attribute("href", f"/app/jobs/{job_id}")
    suggestion.get_by_role("button", name="Adjust before trusting").click()
    dialog = page.get_by_role("dialog", name="Add rule")
    expect(dialog.get_by_label("Approvers")).to_be_hidden()
    dialog.get_by_label("Title").fill("Small mails by writer")
    dialog.get_by_label("Recipients, at most").fill("1")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    suggestion.get_by_role("button", name="Trust these").click()
    question = page.get_by_role("dialog", name="Trust EMAIL_SEND by writer?")
    expect(question).to_contain_text("EMAIL_SEND by writer to example.org, up to 1 recipient.")
    question.get_by_role("button", name="Trust these").click()
    expect(suggestion).to_have_count(0)
    trusted = row(page, "EMAIL_SEND by writer")
    expect(trusted).to_contain_text("Trusted: EMAIL_SEND by writer")
    expect(trusted).to_contain_text("never used")
    expect(trusted).to_contain_text("Suggested by 5 approvals as they were")
    made = submitted_by(runner, token)
    (step,) = runner.http.get(f"/api/v1/jobs/{made['id']}/review").json()["steps"]
    rule = runner.http.get(RULES).json()["items"][-1]
    assert (made["approval"], step["kind"], step["rule_id"]) == ("approved", "trusted", rule["id"])
    expect(trusted).to_contain_text("used once, last")


def test_a_suggestion_is_adjusted_before_it_is_trusted(page: Page, runner: JobRunner) -> None:
    token = token_of(runner, "scout")
    for _ in range(5):
        runner.http.post(f"/api/v1/jobs/{submitted_by(runner, token)['id']}/approve")
    page.goto("/app/settings")
    page.get_by_role("button", name="Adjust before trusting: EMAIL_SEND by scout").click()
    dialog = page.get_by_role("dialog", name="Add rule")
    dialog.get_by_label("Recipients, at most").fill("1")
    dialog.get_by_label("Domains", exact=True).fill("example.org")
    dialog.get_by_role("button", name="Add rule").click()
    says(row(page, "EMAIL_SEND by scout"), "Trusted: EMAIL_SEND by scout, up to 1 recipient")
    assert submitted_by(runner, token)["approval"] == "approved"
    many = {**MAIL, "cc": ["eve@example.org"]}
    assert submitted_by(runner, token, payload=many)["approval"] == "pending"


def test_approvers_see_what_is_suggested_and_administrators_decide_and_say_who_is_in_which_group(
    browser: Browser, tmp_path: Path, own_database: str
) -> None:
    settings = {"HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, "DATABASE_URL": own_database, "UNDO_SECONDS": 0}
    with JobRunner(tmp_path / "data", POLL_SECONDS=60, DRAIN_SECONDS=0, **settings) as runner:
        token = runner.token("writer", "jobs:write", password=PASSWORD)
        own = {"Origin": runner.url}
        with httpx.Client(base_url=runner.url, trust_env=False, timeout=30, headers=own) as admin:
            admin.post("/login", data={"name": "admin", "password": PASSWORD})
            admin.post("/api/v1/people", json={"name": "anna", "role": "approver", "password": PASSWORD})
            for _ in range(5):
                admin.post(f"/api/v1/jobs/{submitted_by(runner, token)['id']}/approve")
        page, other = (new_profile(browser, runner.url).new_page() for _ in range(2))
        sign_in(page, "anna")
        expect(section(page)).to_contain_text("Needs approval: Posts from agents")
        expect(section(page)).to_contain_text("Suggested: trust EMAIL_SEND by writer")
        expect(section(page).get_by_role("button")).to_have_count(0)
        sign_in(other, "admin")
        expect(section(other).get_by_role("button", name="Trust these")).to_be_visible()
        other.get_by_role("button", name="Change anna").click()
        dialog = other.get_by_role("dialog", name="Change anna")
        dialog.get_by_label("Groups").fill("editors, " + "x" * 65)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_contain_text("groups must be names of 1 to 64 printable characters, not 'xxx")
        dialog.get_by_label("Groups").fill("editors, writers")
        dialog.get_by_role("button", name="Save").click()
        says(other.locator("[data-person='anna']"), "In editors, writers")
        for opened in (page, other):
            opened.context.close()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            NewRule(RuleKind.TRUST, "SOCIAL_POST by writer to news", ("SOCIAL_POST",), max_recipients=50),
            ["Trusted: SOCIAL_POST by writer to news, up to 50 recipients", "SOCIAL_POST, up to 50 recipients", ""],
        ),
        (
            NewRule(RuleKind.REQUIRE, "Anything", min_recipients=2, max_recipients=1000, creators=Creators.PEOPLE),
            ["Needs approval: Anything", "Every job by people, 2 to 1,000 recipients", ""],
        ),
        (
            NewRule("require", "New", ("A", "B", "C"), names=("x", "y"), outside_domains=("a.org",), new_domains=True),
            [
                "Needs approval: New",
                "A, B or C by x or y to any domain but a.org, and to a domain where nothing approved went before",
                "",
            ],
        ),
        (
            NewRule("require", "Strict", ("A",), approvers=2, approver_group="editors", own=False, by_link=True),
            [
                "Needs approval: Strict",
                "A",
                "Approved by 2 people of editors, not by whoever made the job · "
                "May be decided by a link, without an account",
            ],
        ),
    ],
)
def test_a_rule_is_told_in_words(rule: NewRule, told: list[str]) -> None:
    assert [headline(rule), scope(rule), terms(rule)] == told
