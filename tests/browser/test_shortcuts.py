"""Single keys: what they do on each page, where they are told, and how they are turned off (WCAG 2.1.4)."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import PATHS, Browsing, job, ready
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

GOES = {
    "j": ("Job Runner", "/app/jobs"),
    "a": ("Approvals", "/app/approvals"),
    "t": ("Schedules", "/app/schedules"),
    "w": ("Agent Watcher", "/app/agents"),
    "s": ("Settings", "/app/settings"),
    "k": ("Knowledge", "/app/kb"),
    "d": ("Dashboard", "/app"),
}


def told(page: Page) -> Locator:
    """The dialog that tells the keys."""
    return page.get_by_role("dialog", name="Keyboard shortcuts")


def title(page: Page, name: str) -> Locator:
    """The page's heading, if it is this one."""
    return page.get_by_role("heading", level=1, name=name, exact=True)


def test_g_and_a_letter_go_to_a_page_whose_title_takes_the_focus(page: Page) -> None:
    ready(page, "/app")
    for letter, (name, path) in GOES.items():
        page.keyboard.type(f"g{letter}")
        expect(title(page, name)).to_be_focused()
        expect(page).to_have_url(re.compile(f"{path}$"))


def test_a_question_mark_tells_the_keys_of_the_page_and_those_that_hold_everywhere(page: Page) -> None:
    for path, own in {"/app/jobs": "Select the job", "/app/approvals": "Reject, with a reason", "/app": ""}.items():
        ready(page, path)
        page.keyboard.press("?")
        expect(told(page)).to_contain_text("Search or jump to anything")
        here = told(page).get_by_role("heading", name="On this page")
        expect(here).to_have_count(1 if own else 0)
        if own:
            expect(told(page)).to_contain_text(own)
        page.keyboard.press("Escape")
        expect(told(page)).to_have_count(0)


def test_j_k_and_enter_walk_through_the_jobs_and_open_one(page: Page, runner: JobRunner) -> None:
    older, newer = (runner.submit("TEST_NOOP", requires_approval=True) for _ in range(2))
    ready(page, "/app/jobs")
    expect(job(page, newer)).to_be_visible()
    for key, job_id in (("j", newer), ("j", older), ("j", older), ("k", newer), ("j", older)):
        page.keyboard.press(key)
        expect(job(page, job_id).get_by_role("link").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/app/jobs/{older}$"))


def test_n_opens_the_form_of_a_new_job_from_any_page(page: Page) -> None:
    for path in ("/app/settings", "/app/jobs"):
        ready(page, path)
        page.keyboard.press("n")
        expect(page.get_by_role("dialog", name="New Job")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_slash_goes_to_the_search_of_the_page_or_else_opens_the_palette(page: Page) -> None:
    for path, name in {"/app/jobs": "Search jobs", "/app/kb": "Search the articles"}.items():
        ready(page, path)
        expect(page.get_by_label(name)).to_be_visible()
        page.keyboard.press("/")
        expect(page.get_by_label(name)).to_be_focused()
        expect(page.get_by_label(name)).to_have_value("")
    ready(page, "/app/settings")
    page.keyboard.press("/")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()


def test_single_keys_are_only_letters_where_somebody_types_or_a_dialog_is_open(page: Page) -> None:
    ready(page, "/app/kb")
    search = page.get_by_label("Search the articles")
    search.focus()
    page.keyboard.type("gjn?/")
    expect(search).to_have_value("gjn?/")
    ready(page, "/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    dialog.get_by_role("button", name="Close").focus()
    page.keyboard.type("gs?")
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(title(page, "Job Runner")).to_be_attached()


def test_single_keys_are_turned_off_for_every_page_and_on_again(browsing: Browsing) -> None:
    page, other = browsing.new(), browsing.new()
    ready(page, "/app/jobs")
    ready(other, "/app/approvals")
    page.keyboard.press("?")
    told(page).get_by_role("button", name="Turn single keys off").click()
    expect(told(page).get_by_role("status")).to_contain_text("are off in this browser")
    page.wait_for_function("document.cookie.includes('job_runner_keys=off')")
    page.keyboard.press("Escape")
    expect(told(page)).to_have_count(0)
    for tab in (page, other):
        for key in ("?", "n", "g", "s"):
            tab.keyboard.press(key)
        tab.keyboard.press("Control+k")  # which comes after them, and is no single key
        expect(tab.get_by_role("dialog", name="Command palette")).to_be_visible()
        expect(tab.get_by_role("dialog")).to_have_count(1)
        expect(title(tab, "Settings")).to_have_count(0)
        tab.keyboard.press("Escape")
    other.get_by_role("button", name="Keyboard shortcuts").click()
    told(other).get_by_role("button", name="Turn single keys on").click()
    expect(told(other).get_by_role("status")).to_contain_text("work while nobody types")
    other.wait_for_function("!document.cookie.includes('job_runner_keys=off')")
    other.keyboard.press("Escape")
    expect(told(other)).to_have_count(0)
    page.keyboard.press("?")
    expect(told(page)).to_be_visible()


def test_the_skip_link_leads_past_the_frame_on_every_page(page: Page) -> None:
    for path in PATHS:
        ready(page, path)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.id === 'content'")
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !document.activeElement.closest('nav.sidebar, .topbar')"
        ), path


def test_a_link_to_another_page_moves_the_focus_to_its_title_and_a_change_of_address_does_not(
    page: Page, runner: JobRunner
) -> None:
    job_id = runner.submit("TEST_NOOP", requires_approval=True)
    ready(page, "/app/jobs")
    video = page.get_by_role("button", name="Video", exact=True)
    video.click()
    expect(page).to_have_url(re.compile("type=video"))
    expect(video).to_be_focused()
    page.get_by_role("button", name="All", exact=True).click()
    job(page, job_id).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(f"/app/jobs/{job_id}$"))
    expect(page.locator("h1")).to_be_focused()
    page.go_back()
    expect(page.locator("h1")).to_be_focused()
    expect(job(page, job_id)).to_be_visible()


def test_with_reduced_motion_nothing_moves(browsing: Browsing, runner: JobRunner) -> None:
    page = browsing.new(reduced_motion="reduce")
    running = runner.submit("TEST_RENDER", {"title": "Slow", "seconds": 600})
    ready(page, "/app/jobs")
    expect(job(page, running).get_by_text("Running", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    assert page.evaluate("document.getAnimations({subtree: true}).length") == 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New Job").hover()
    assert page.evaluate("document.getAnimations({subtree: true}).length") == 0
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function("document.getAnimations({subtree: true}).length > 0")  # the badge of a running job turns
