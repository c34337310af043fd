"""axe-core finds nothing on any page, in light and dark, phone and desktop, with dialogs open; no rule is off."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.pages import DESKTOP, PATHS, PHONE, Browsing, choose, completed, held_job, job, ready, says
from tests.servers.smtp import SmtpTestServer
from tests.support.moments import LATER
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

Look = tuple[str, dict[str, int], str]
ALL, COLOURS = "undefined", "{type: 'rule', values: ['color-contrast', 'link-in-text-block']}"
LOOKS: list[Look] = [("light", DESKTOP, ALL), ("dark", PHONE, ALL)]
PAGE_LOOKS: list[Look] = [*LOOKS, ("dark", DESKTOP, COLOURS), ("light", PHONE, COLOURS)]
PHONE_LOOKS: list[Look] = [("light", PHONE, ALL), ("dark", PHONE, ALL)]
"""A scheme, a size and the rules: the scheme changes nothing but colours."""

RUN = "axe.run({resultTypes: ['violations'], runOnly: %s}).then((found) => found.violations)"


@pytest.fixture(scope="module")
def mail_server() -> Iterator[SmtpTestServer]:
    """Loses a mail, for a job whose outcome is unknown."""
    with SmtpTestServer() as server:
        yield server


@pytest.fixture(scope="module")
def server_settings(mail_server: SmtpTestServer) -> dict[str, object]:
    """With that mail server."""
    mail = {"SMTP_HOST": mail_server.host, "SMTP_PORT": mail_server.port, "SMTP_SECURITY": "none"}
    return {"POLL_SECONDS": 0.2, **mail}


@pytest.fixture
def full(runner: JobRunner, mail_server: SmtpTestServer, tmp_path: Path) -> Iterator[dict[str, int]]:
    """A job in every state."""
    mail = {"to": "ada@example.org", "subject": "Numbers", "body": "Here they are."}
    mail_server.drop("CONTENT")
    jobs = {
        "unknown": runner.submit("EMAIL_SEND", mail),
        "failed": runner.submit("TEST_RENDER", {"title": "Film", "fail": "The encoder refused frame 17"}),
        "retrying": runner.submit("TEST_RENDER", {"title": "Film", "fail_for_now": "The farm answered 503"}),
        "approval": runner.submit("EMAIL_SEND", mail, requires_approval=True),
        "scheduled": runner.submit("TEST_NOOP", run_at=LATER, priority="high"),
        "paused": runner.submit("TEST_NOOP", run_at=LATER),
        "pausing": runner.submit("TEST_RENDER", {"title": "Slow", "seconds": 600}),
        "post": runner.submit("SOCIAL_POST", {"text": "Spring", "channels": ["feed"]}),
        "cancelled": runner.submit("TEST_NOOP", run_at=LATER),
    }
    for _ in range(16):
        runner.submit("TEST_NOOP")
    jobs["running"], hold = held_job(runner, tmp_path, steps=3)
    runner.http.post(f"/api/v1/jobs/{jobs['paused']}/pause")
    runner.http.post(f"/api/v1/jobs/{jobs['cancelled']}/cancel")
    yield jobs
    hold.touch()


def check(page: Page, where: str, looks: list[Look] = LOOKS) -> list[str]:
    """What axe finds now, in every look; the page is not loaded anew in between."""
    found = []
    page.evaluate(AXE_SCRIPT)
    for scheme, size, rules in looks:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        page.wait_for_function(
            "dark => document.body.matches('.plain-page') || document.body.classList.contains('body--dark') === dark",
            arg=scheme == "dark",
        )
        for fault in page.evaluate(RUN % rules):
            nodes = "; ".join(node["html"][:200] for node in fault["nodes"][:4])
            found.append(f"{where}, {scheme}, {size['width']} px: {fault['id']}: {fault['help']}: {nodes}")
    return found


def test_axe_finds_nothing_on_pages_without_jobs(page: Page) -> None:
    found = []
    for path in [*PATHS, "/app/jobs?type=animation"]:
        page.goto(path)
        expect(page.get_by_role("status", name="Engine")).to_have_text("Atlas online")
        expect(page.locator(".skeleton")).to_have_count(0)
        found += check(page, path, PAGE_LOOKS)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_pages_with_jobs_in_every_state(
    page: Page, runner: JobRunner, full: dict[str, int]
) -> None:
    found = []
    page.goto("/app/jobs")
    says(job(page, full["pausing"]), "Running")
    runner.http.post(f"/api/v1/jobs/{full['pausing']}/pause")
    for name, word in {
        "unknown": "Outcome unknown",
        "failed": "Failed",
        "approval": "Needs approval",
        "paused": "Paused",
        "pausing": "Pausing",
        "running": "Running",
    }.items():
        says(job(page, full[name]), word)
    expect(completed(page).get_by_text("Page 1 of 2")).to_be_visible()
    film = {"job": {"type": "TEST_RENDER", "payload": {}}}
    made = runner.http.post("/api/v1/schedules", json={"name": "Film", "target": film, "cron": "@daily"}).json()
    for path in PATHS:
        page.goto(path)
        expect(page.locator(".content-frame :is(h2, .tile, article)").first).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)
        found += check(page, path, PAGE_LOOKS)
    runner.http.delete(f"/api/v1/schedules/{made['id']}")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_the_page_of_a_job_in_any_state(page: Page, full: dict[str, int]) -> None:
    found = []
    for name in ("unknown", "failed", "retrying", "approval", "post", "running", "cancelled"):
        page.goto(f"/app/jobs/{full[name]}")
        expect(page.get_by_role("region", name="Facts")).to_be_visible()
        for fold in page.locator("summary:visible", has_text="Raw JSON").all():
            fold.click()
        found += check(page, f"page of the {name} job", PAGE_LOOKS)
    page.goto(f"/app/jobs/{full['post']}")
    for verb, dialog in (("Run again", "Publish again?"), ("Edit and run again", "New Job")):
        page.get_by_role("button", name=verb, exact=True).click()
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        found += check(page, dialog)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_open_dialogs(page: Page, full: dict[str, int]) -> None:
    found = []
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog.get_by_text("Recipient is required")).to_be_visible()
    found += check(page, "New Job with faults")
    choose(page, "Job type", "SOCIAL_POST")
    expect(dialog.get_by_label("Text")).to_be_visible()
    found += check(page, "New Job for a post")
    page.get_by_role("combobox", name="Job type").click()
    expect(page.get_by_role("option").first).to_be_visible()
    found += check(page, "the list of job types")
    page.keyboard.press("Escape")
    page.goto("/app/jobs")
    job(page, full["running"]).get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("dialog", name="Cancel job?")).to_be_visible()
    found += check(page, "Cancel job?")
    page.goto("/app/settings")
    page.get_by_role("button", name="Connect a channel").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    found += check(page, "Connect a channel")
    for verb, name in (("Define a type", "Define a job type"), ("Add a webhook", "Add a webhook")):
        page.goto("/app/settings")
        page.get_by_role("button", name=verb).click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        found += check(page, name)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_the_inbox_while_it_is_worked_with(
    page: Page, full: dict[str, int], runner: JobRunner
) -> None:
    found = []
    page.goto(f"/app/approvals?job={full['approval']}")
    answers = page.get_by_role("group", name="Answers")
    expect(answers.get_by_role("button", name="Approve")).to_be_visible()
    payload = {"to": "ada@example.org", "subject": "Figures", "body": "Here they are."}
    runner.http.post(f"/api/v1/jobs/{full['approval']}/revise", json={"payload": payload, "comment": "Better words"})
    expect(page.get_by_role("alert", name="This changed since you looked")).to_be_visible()
    page.get_by_role("checkbox", name="Select all on this page").check()
    found += check(page, "a change and a selection")
    for name, dialog in (("Reject…", "Reject job?"), ("Edit", "Edit Send email")):
        answers.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        found += check(page, dialog)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="I have seen the change").click()
    page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    found += check(page, "the keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
    answers.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status", name="Just approved")).to_contain_text("Send email: approved")
    found += check(page, "just approved")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_while_many_jobs_are_found_selected_and_moved(page: Page, full: dict[str, int]) -> None:
    found = []
    page.goto("/app/jobs?q=film&status=failed&by=api&since=week&sort=oldest&needs=nothing")
    expect(page.get_by_role("group", name="Filters that hold")).to_be_visible()
    page.get_by_role("button", name="Filters, 3 set").click()
    expect(page.get_by_role("group", name="Filters", exact=True)).to_be_visible()
    found += check(page, "filters")
    page.goto("/app/jobs?view=history&sort=oldest")
    expect(job(page, full["cancelled"])).to_be_visible()
    found += check(page, "the history")
    page.goto("/app/jobs")
    for name in ("Views", "Export what matches"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("menu", name=name)).to_be_visible()
        found += check(page, f"the menu {name}")
        page.keyboard.press("Escape")
        expect(page.get_by_role("menu")).to_have_count(0)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Save this view…").click()
    dialog = page.get_by_role("dialog", name="Save this view")
    expect(dialog).to_be_visible()
    found += check(page, "Save this view")
    dialog.get_by_label("Name").fill("Everything")
    dialog.get_by_role("button", name="Save view").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Manage views…").click()
    expect(page.get_by_role("dialog", name="Your views")).to_be_visible()
    found += check(page, "Your views")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("region", name="Active jobs").get_by_role("checkbox", name="Select page").check()
    expect(page.get_by_role("group", name="Selected jobs")).to_be_visible()
    found += check(page, "a selection")
    page.get_by_role("button", name="Cancel selected").click()
    expect(page.get_by_role("dialog", name=re.compile("^Cancel .* jobs"))).to_be_visible()
    found += check(page, "Cancel many?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Retry selected").click()
    report = page.get_by_role("region", name="Operation")
    expect(report).to_contain_text("left as they are")
    found += check(page, "a report")
    report.get_by_role("button", name="See why").click()
    expect(page.get_by_role("dialog")).to_contain_text("left as they are")
    found += check(page, "why some were left as they are")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_while_a_toast_is_shown_or_the_menu_is_open(page: Page, full: dict[str, int]) -> None:
    page.goto("/app/jobs")
    job(page, full["scheduled"]).get_by_role("button", name="Pause job").click()
    expect(page.locator(".q-notification")).to_be_visible()
    found = check(page, "a toast")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    page.get_by_role("button", name="Open the menu").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    found += check(page, "the open menu", PHONE_LOOKS)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_the_palette_and_the_shortcuts(page: Page, full: dict[str, int]) -> None:
    ready(page, "/app/jobs")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Command palette")
    expect(palette.get_by_role("option").first).to_be_visible()
    found = check(page, "the palette")
    page.keyboard.type("numb")
    expect(palette.get_by_role("group", name="Jobs").get_by_role("option").first).to_be_visible()
    found += check(page, "the palette with jobs")
    page.keyboard.press("Control+a")
    page.keyboard.type("qwxyz")
    expect(palette.get_by_text("Nothing matches")).to_be_visible()
    found += check(page, "the palette without a match")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    found += check(page, "the shortcuts")
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_plain_pages(browsing: Browsing, runner: JobRunner, full: dict[str, int]) -> None:
    page = browsing.open("/login")
    found = check(page, "/login")
    runner.until(full["post"], "completed")
    page.goto(str(runner.job(full["post"])["result"]["posts"][0]["url"]))
    found += check(page, "a post")
    assert not found, "\n".join(found)
