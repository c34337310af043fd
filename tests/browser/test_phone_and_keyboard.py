"""Guide: a 360 px phone to a wide screen, and the keyboard all the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import PATHS, PHONE, Browsing, active, choose, held_job, job
from tests.support.moments import LATER
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

LONG = "Quarterly review of the department of very long names " * 3 + "and-one-word-that-has-no-end" * 4
WIDTHS = [360, 768, 1024, 1920]


def later_jobs(runner: JobRunner) -> dict[str, int]:
    """Long texts in every place, and a job in every state."""
    mail = {"to": "ada@example.org", "subject": LONG[:290], "body": LONG}
    more: dict[str, Any] = {"name": LONG[:200], "created_by": "agent-" + "x" * 90}
    return {
        "failed": runner.submit("TEST_RENDER", {"title": LONG[:290], "fail": f"{LONG}\n" * 5}, **more),
        "plain failed": runner.submit("TEST_RENDER", {"title": "Film", "fail": "No"}),
        "retrying": runner.submit("TEST_RENDER", {"title": "Film", "fail_for_now": "The farm answered 503"}),
        "approval": runner.submit("EMAIL_SEND", mail, requires_approval=True, **more),
        "scheduled": runner.submit("TEST_NOOP", run_at=LATER, priority="high", **more),
        "mail": runner.submit("EMAIL_SEND", {**mail, "subject": "Hello"}),
        "post": runner.submit("SOCIAL_POST", {"text": LONG[:290], "channels": ["feed"]}, **more),
    }


@pytest.fixture
def full(runner: JobRunner, tmp_path: Path) -> Iterator[dict[str, int]]:
    """A Job Runner with long texts and a job in every state."""
    jobs = later_jobs(runner)
    jobs["running"], hold = held_job(runner, tmp_path, LONG[:290], name=LONG[:200])
    for name in ("mail", "post"):
        runner.until(jobs[name], "completed")
    yield jobs
    hold.touch()


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? []
        : [...document.querySelectorAll("body *")].filter(node => node.getBoundingClientRect().right > innerWidth + 1)
          .map(node => `${node.tagName}.${node.className}: ${node.textContent.slice(0, 40)}`)"""
    )
    return found


def test_no_page_scrolls_sideways_from_a_phone_to_a_wide_screen(page: Page, full: dict[str, int]) -> None:
    page.goto("/app/jobs")
    expect(job(page, full["running"])).to_be_visible()
    for path in [*PATHS, *(f"/app/jobs/{job_id}" for job_id in full.values())]:
        page.goto(path)
        expect(page.locator(".content-frame :is(h2, .tile, article)").first).to_be_visible()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            assert too_wide(page) == [], f"{path} at {width} px"


def test_dialogs_fit_a_phone(browsing: Browsing, full: dict[str, int]) -> None:
    page = browsing.open(viewport=PHONE, reduced_motion="reduce")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    for kind in ("EMAIL_SEND", "SOCIAL_POST"):
        choose(page, "Job type", kind)
        expect(dialog.get_by_role("button", name="Submit")).to_be_in_viewport()
        inside = dialog.locator(".dialog-body")
        assert inside.evaluate("node => node.scrollWidth <= node.clientWidth"), f"the form of {kind} is cut off"
    page.keyboard.press("Escape")
    job(page, full["running"]).get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Keep job")).to_be_in_viewport()
    assert too_wide(page) == []


def test_on_a_phone_nothing_on_a_card_covers_anything_else(browsing: Browsing, full: dict[str, int]) -> None:
    page = browsing.open(viewport=PHONE)
    for name, job_id in full.items():
        card = job(page, job_id)
        expect(card).to_be_visible()
        overlaps = card.evaluate(
            """card => { const parts = [...card.querySelectorAll(".badge, .card-actions button")];
              const seen = parts.filter(n => n.offsetWidth).map(n => [n, n.getBoundingClientRect()]);
              return seen.flatMap(([a, p], i) => seen.slice(i + 1).filter(([, q]) => p.left < q.right - 1 &&
                q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1).map(([b]) =>
                `${a.textContent || a.ariaLabel} and ${b.textContent || b.ariaLabel}`)); }"""
        )
        assert overlaps == [], f"on the card of the {name} job"


def test_on_a_phone_the_sidebar_opens_by_its_button_and_closes_by_a_link(browsing: Browsing) -> None:
    page = browsing.open("/app", viewport=PHONE)
    expect(page.get_by_role("heading", level=1, name="Dashboard")).to_be_visible()
    sidebar = page.get_by_role("navigation", name="Main")
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Open the menu").click()
    expect(sidebar).to_be_visible()
    sidebar.get_by_role("link", name="Jobs", exact=True).click()
    expect(active(page)).to_be_visible()
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Open the menu").click()
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    expect(page.get_by_role("button", name="Open the menu")).to_be_focused()


def test_touch_targets_on_a_phone_are_large_enough(browsing: Browsing, full: dict[str, int]) -> None:
    page = browsing.open(viewport=PHONE, has_touch=True, is_mobile=True)
    expect(job(page, full["running"])).to_be_visible()
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, .pill")].filter(node => node.offsetWidth)
        .filter(node => node.offsetWidth < 36 || node.offsetHeight < 36)
        .map(node => node.ariaLabel || node.textContent)"""
    )
    assert small == []


def test_every_stop_of_the_tab_key_is_visible(page: Page, full: dict[str, int]) -> None:
    page.goto("/app/jobs")
    expect(job(page, full["running"])).to_be_visible()
    stops: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(
            """() => { const node = document.activeElement; const rings = [node, node.closest("article")];
            const seen = rings.some(n => n && getComputedStyle(n).outlineStyle !== "none" &&
              parseFloat(getComputedStyle(n).outlineWidth) >= 2);
            const box = node.getBoundingClientRect();
            return [`${node.tagName} ${node.ariaLabel || node.textContent}`.trim(), seen && box.width > 0]; }"""
        )
        if name.startswith("BODY"):
            break
        stops.append(name)
        assert is_seen, f"nobody sees that {name} has the focus"
    assert any("New Job" in stop for stop in stops)
    assert any("Cancel job" in stop for stop in stops)
    assert any("Settings" in stop for stop in stops)


def test_the_first_stop_skips_to_the_content(page: Page) -> None:
    page.goto("/app/jobs")
    expect(active(page)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'content'")
    expect(active(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="All", exact=True)).to_be_focused()


def test_a_job_is_cancelled_by_keyboard_only(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("TEST_NOOP", requires_approval=True)
    page.goto("/app/jobs")
    cancel = job(page, job_id).get_by_role("button", name="Cancel job")
    cancel.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel job?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    sure = dialog.get_by_role("button", name="Cancel job")
    for _ in range(4):
        if sure.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(job(page, job_id)).to_have_count(0)


def test_what_is_typed_right_after_a_choice_stands_in_the_field_that_has_the_keyboard(page: Page) -> None:
    page.goto("/app/settings")
    page.get_by_role("button", name="Connect a channel").click()
    dialog = page.get_by_role("dialog", name="Connect a channel")
    kind, name = dialog.get_by_role("combobox", name="Kind"), dialog.get_by_label("Name")
    kind.click()
    page.get_by_role("option", name="Mastodon").click()
    name.focus()
    page.keyboard.type("The channel of our news", delay=30)
    expect(name).to_have_value("The channel of our news")
    expect(name).to_be_focused()
