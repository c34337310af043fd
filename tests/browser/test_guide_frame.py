"""Guide: the sidebar, the header with the engine's state, light and dark."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active, held_job, job
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

LINKS = [
    ("Jobs", "Job Runner", "/app/jobs"),
    ("Approvals", "Approvals", "/app/approvals"),
    ("Schedules", "Schedules", "/app/schedules"),
    ("Agents", "Agent Watcher", "/app/agents"),
    ("Settings", "Settings", "/app/settings"),
    ("Dashboard", "Dashboard", "/app"),
]
LIGHT, DARK = "rgb(248, 250, 252)", "rgb(11, 17, 32)"


def background(page: Page) -> str:
    """The colour behind everything."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_sidebar_leads_to_every_page_without_loading_anew(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/app$"))
    page.evaluate("window.loadedOnce = true")
    for name, title, path in LINKS:
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True)
        link.click()
        expect(page.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()
        expect(page).to_have_url(re.compile(f"{path}$"))
        expect(link).to_have_attribute("aria-current", "page")
        expect(page.locator("[aria-current=page]")).to_have_count(1)
        expect(page).to_have_title(re.compile(title))
    assert page.evaluate("window.loadedOnce") is True


def test_every_page_opens_by_its_address_and_back_returns(page: Page) -> None:
    for _, title, path in LINKS:
        page.goto(path)
        expect(page.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(active(page)).to_be_visible()
    expect(page).to_have_url(re.compile("/app/jobs$"))  # which comes after what is shown
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Dashboard", exact=True)).to_be_visible()
    page.go_forward()
    expect(active(page)).to_be_visible()


def test_the_header_says_that_the_engine_is_online(page: Page) -> None:
    for _, _, path in LINKS:
        page.goto(path)
        expect(page.get_by_role("status", name="Engine")).to_have_text("Atlas online")
    expect(page.get_by_role("alert").filter(has_text="offline")).to_be_hidden()


def test_light_and_dark_follow_the_system(browsing: Browsing) -> None:
    page = browsing.open(color_scheme="dark")
    expect(active(page)).to_be_visible()
    assert background(page) == DARK
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor === '{LIGHT}'")


def test_a_chosen_mode_is_kept_over_a_reload(browsing: Browsing) -> None:
    page = browsing.open(color_scheme="dark")
    page.get_by_role("button", name="Colours: as the system").click()
    expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    page.wait_for_function("document.cookie.includes('light')")
    page.reload()
    expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor === '{LIGHT}'")
    page.get_by_role("button", name="Colours: light").click()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor === '{DARK}'")
    page.get_by_role("button", name="Colours: dark").click()
    expect(page.get_by_role("button", name="Colours: as the system")).to_be_visible()


def test_the_dashboard_and_the_agents_page_follow_the_jobs(
    browsing: Browsing, runner: JobRunner, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runner.until(runner.submit("TEST_NOOP"), "completed")
    dashboard, agents = browsing.open("/app"), browsing.open("/app/agents")
    expect(dashboard.get_by_role("region", name="Needs you")).to_contain_text("Nothing needs you.")
    operator = agents.get_by_role("article", name="Operator")
    expect(operator).to_contain_text("Waits for a job")
    expect(agents.get_by_role("region", name="Engines")).to_contain_text("Online")
    job_id, _ = held_job(runner, tmp_path_factory.mktemp("held"), "Trailer")
    expect(operator).to_contain_text("Trailer")
    expect(agents.get_by_role("progressbar")).to_be_visible()
    failed = runner.submit("TEST_RENDER", {"fail": "The encoder refused frame 17"})
    runner.submit("EMAIL_SEND", {"to": "a@b.example", "subject": "s", "body": "b"}, requires_approval=True)
    needs = dashboard.get_by_role("region", name="Needs you")
    expect(needs.get_by_role("link", name="1 waiting for approval")).to_be_visible()
    expect(dashboard.get_by_role("link", name=re.compile("Running"))).to_contain_text("1")
    dashboard.get_by_role("link", name="The encoder refused frame …").click()
    expect(job(dashboard, failed)).to_be_visible()
    operator.get_by_role("link", name="Render a test video", exact=True).click()
    expect(agents).to_have_url(re.compile(f"/app/jobs/{job_id}$"))


def test_the_whole_card_opens_the_job(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer", "fail": "broken"})
    page.goto("/app/jobs")
    job(page, job_id).click()
    expect(page).to_have_url(re.compile(f"/app/jobs/{job_id}$"))
    page.get_by_role("link", name="All jobs").click()
    expect(active(page)).to_be_visible()
