"""The Dashboard: what needs a person first, every number as the API tells it, and the way in while there is nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import LATER, MAIL, PHONE, Browsing, execute, held_job, write_lock
from tests.browser.test_accessibility import check
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

FARM, OVEN = "The farm answered 503", "The oven refused tray"
LONG_AGO = "2020-01-01 00:00:00+00:00"

SHOWN = """() => {
  const number = (text) => Number(text.replaceAll(",", "").split(" ")[0]);
  const all = (selector) => [...document.querySelectorAll(selector)].filter((node) => node.offsetParent);
  const text = (root, selector) => root.querySelector(selector).textContent;
  const numbers = (kind, inside) =>
    Object.fromEntries(all(`[data-${kind}]`).map((node) => [node.dataset[kind], number(text(node, inside))]));
  return {
    needs: numbers("need", "strong"),
    statuses: numbers("status", ".number"),
    causes: all(".cause").map((node) => [node.dataset.cause, number(text(node, ".cause-many"))]),
    oldest: all(".plain-row").map((node) => [Number(node.dataset.jobId), text(node, ".waits")]),
    slots: text(document, ".busy strong"),
    ended: all(".key").map((node) => number(node.textContent)),
  };
}"""


@pytest.fixture
def varied(runner: JobRunner, tmp_path: Path) -> Iterator[dict[str, int]]:
    """Jobs in every state, old and new failures of several causes, and questions that wait for a person."""
    before = ended(told(runner))
    jobs = {f"{name}{number}": runner.submit("TEST_RENDER", {"fail": error}) for name, error, number in FAILING}
    noops = [runner.submit("TEST_NOOP") for _ in range(3)]
    for _ in range(2):
        runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    jobs["paused"] = runner.submit("TEST_NOOP", **LATER)
    runner.http.post(f"/api/v1/jobs/{jobs['paused']}/pause")
    jobs["cancelled"] = runner.submit("TEST_NOOP", **LATER)
    runner.http.post(f"/api/v1/jobs/{jobs['cancelled']}/cancel")
    jobs["running"], go_on = held_job(runner, tmp_path)
    runner.until(jobs["running"], "running")
    for name, _, number in FAILING:
        runner.until(jobs[f"{name}{number}"], "failed")
    execute(runner, f"UPDATE job SET outcome = 'unknown' WHERE id = {jobs['farm1']}")
    execute(runner, f"UPDATE job SET outcome = 'poisonous' WHERE id = {jobs['disk1']}")
    execute(runner, f"UPDATE job SET finished_at = '{LONG_AGO}' WHERE id IN ({jobs['farm2']}, {jobs['disk1']})")
    many = before + len(FAILING) + len(noops)
    runner.until_told("/api/v1/dashboard", lambda dashboard: ended(dashboard) == many)
    yield jobs
    go_on.touch()


FAILING = [
    *[("farm", FARM, number) for number in (1, 2, 3)],
    *[("oven", f"{OVEN} {number}", number) for number in (1, 2)],
    ("disk", "The disk is full", 1),
]


def told(runner: JobRunner, span: str = "day") -> dict[str, Any]:
    document: dict[str, Any] = runner.http.get("/api/v1/dashboard", params={"span": span}).json()
    return document


def ended(dashboard: dict[str, Any]) -> int:
    """How many attempts are counted."""
    return int(dashboard["throughput"]["completed"] + dashboard["throughput"]["failed"])


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def cause(page: Page, headline: str) -> Locator:
    return panel(page, "Failures by cause").get_by_role("listitem").filter(has_text=headline)


def listed(page: Page) -> int:
    """How many jobs the lists of the Jobs page have."""
    expect(page.get_by_role("heading", level=1, name="Job Runner")).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    totals = page.locator(".region-head .total:visible").all_text_contents()
    return sum(int(text.replace(",", "")) for text in totals if text)


def open_full(page: Page) -> None:
    page.goto("/app")
    expect(panel(page, "Needs you")).to_be_visible()
    expect(page.locator(".chart svg")).to_be_visible()


def test_every_number_is_the_one_that_the_api_tells(page: Page, runner: JobRunner, varied: dict[str, int]) -> None:
    open_full(page)
    completed = runner.http.get("/api/v1/jobs?status=completed").json()["total"]
    expect(page.get_by_role("link", name=f"Completed: {completed}")).to_be_visible()
    api = told(runner)
    expect(panel(page, "Throughput")).to_contain_text(f"{api['throughput']['failed']:,} failed")
    shown = page.evaluate(SHOWN)
    assert shown["needs"] == api["needs"] == {"approvals": 2, "unknown": 1, "set_aside": 1, "failed_lately": 4}
    assert shown["statuses"] == {status: n for status, n in api["statuses"].items() if status != "cancelled"}
    assert shown["causes"] == [[group["cause"], group["jobs"]] for group in api["causes"]]
    assert dict(map(tuple, shown["causes"])) == {FARM: 3, f"{OVEN} …": 2, "The disk is full": 1}
    assert shown["oldest"] == [[job["id"], job["waiting_for"]] for job in api["oldest_waiting"]]
    assert shown["slots"] == f"{api['engine']['running']} of {api['engine']['concurrency']}" == "1 of 10"
    assert shown["ended"] == [api["throughput"]["completed"], api["throughput"]["failed"]]


def test_every_number_leads_to_as_many_jobs(page: Page, varied: dict[str, int]) -> None:
    open_full(page)
    shown = page.evaluate(SHOWN)
    links = {**{f"[data-need={name}]": n for name, n in shown["needs"].items() if name != "approvals"}}
    links |= {f"[data-status={status}]": n for status, n in shown["statuses"].items()}
    links |= {f".cause[data-cause='{name}'] a": n for name, n in shown["causes"]}
    for selector, number in links.items():
        address = page.locator(selector).get_attribute("href")
        page.goto(str(address))
        assert listed(page) == number, address
        page.goto("/app")
        expect(page.locator(selector)).to_be_visible()
    page.locator("[data-need=approvals]").click()
    expect(page.get_by_role("checkbox", name=re.compile("Select Send email"))).to_have_count(
        shown["needs"]["approvals"]
    )


def test_an_empty_instance_shows_the_way_in_and_becomes_the_dashboard_with_the_first_job(
    page: Page, runner: JobRunner
) -> None:
    page.goto("/app")
    start = panel(page, "Getting started")
    for title in ("Create a job", "Connect a channel", "Connect an agent"):
        expect(start.get_by_role("heading", name=title)).to_be_visible()
    expect(start.locator(".badge:visible")).to_have_count(0)
    expect(panel(page, "Throughput")).to_have_count(0)
    key = f"T_{abs(hash(page)) % 10**9}"
    runner.http.post(
        "/api/v1/job-types", json={"type": key, "label": "Translate", "payload_schema": {"type": "object"}}
    )
    agent = runner.http.post("/api/v1/agents", json={"name": "writer", "types": [key]}).json()["id"]
    page.reload()
    expect(start.get_by_role("listitem").filter(has_text="Connect an agent")).to_contain_text("Done")
    runner.http.delete(f"/api/v1/agents/{agent}")
    runner.submit("TEST_NOOP")
    expect(panel(page, "Needs you")).to_contain_text("Nothing needs you.")
    expect(page.get_by_role("link", name="Completed: 1")).to_be_visible()
    expect(start).to_have_count(0)


def test_the_first_step_opens_the_form(page: Page) -> None:
    page.goto("/app")
    panel(page, "Getting started").get_by_role("link", name="New Job").click()
    expect(page.get_by_role("dialog", name="New Job")).to_be_visible()


def test_numbers_follow_the_jobs_without_loading_anew(page: Page, runner: JobRunner) -> None:
    runner.submit("TEST_NOOP", **LATER)
    open_full(page)
    page.evaluate("() => { window.loadedOnce = true; window.bars = document.querySelector('.chart svg'); }")
    before = int(told(runner)["throughput"]["failed"])
    waiting = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    expect(page.get_by_role("link", name="1 waiting for approval")).to_be_visible()
    expect(panel(page, "Waiting longest")).to_contain_text("Waits for approval")
    failed = runner.submit("TEST_RENDER", {"fail": FARM})
    expect(cause(page, FARM)).to_contain_text("1 job")
    expect(page.get_by_role("link", name="1 failed in the last 24 hours")).to_be_visible()
    for job_id in (waiting, failed):
        runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    expect(panel(page, "Needs you")).to_contain_text("Nothing needs you.")
    expect(panel(page, "Failures by cause")).to_contain_text("No failed jobs.")
    expect(panel(page, "Throughput")).to_contain_text(f"{before + 1} failed")
    assert page.evaluate("window.loadedOnce && window.bars.isConnected"), "the chart is the same one"


def test_all_jobs_of_a_cause_are_retried_after_a_question(
    page: Page, runner: JobRunner, varied: dict[str, int]
) -> None:
    open_full(page)
    before = int(told(runner)["throughput"]["failed"])
    row = cause(page, FARM)
    row.get_by_role("button", name=re.compile("Retry all of these")).click()
    dialog = page.get_by_role("dialog", name="Retry 2 jobs?")
    expect(dialog).to_contain_text(f"2 × Render a test video: {FARM}")
    expect(dialog).to_contain_text("1 job is left as before")
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_have_count(0)
    expect(row.get_by_role("button")).to_be_focused()
    row.get_by_role("button").click()
    dialog.get_by_role("button", name="Retry 2 jobs").click()
    expect(page.get_by_role("status", name="Operations")).to_contain_text("2")
    expect(panel(page, "Throughput")).to_contain_text(f"{before + 2} failed")
    expect(page.get_by_role("link", name="5 failed in the last 24 hours")).to_be_visible()
    attempts = [runner.job(varied[name])["attempt"] for name in ("farm1", "farm2", "farm3", "oven1")]
    assert attempts == [1, 2, 2, 1]


def test_the_table_has_the_numbers_of_the_api_and_the_span_stands_in_the_address(
    page: Page, runner: JobRunner, varied: dict[str, int]
) -> None:
    open_full(page)
    chart = panel(page, "Throughput")
    expect(chart.get_by_role("table")).to_have_count(0)
    chart.get_by_role("button", name="Show as table").click()
    for name, span in (("Day", "day"), ("Week", "week"), ("Hour", "hour")):
        chart.get_by_role("radio", name=name).click()
        expect(chart.get_by_role("radio", name=name)).to_have_attribute("aria-checked", "true")
        expect(page).to_have_url(re.compile(r"/app$" if span == "day" else rf"/app\?span={span}$"))
        throughput = told(runner, span)["throughput"]
        total = [f"{throughput[kind]:,}" for kind in ("completed", "failed")]
        expect(chart.locator("tfoot td").first).to_have_text(total[0])
        expect(chart.locator("tfoot td").nth(1)).to_have_text(total[1])
        rows = chart.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => [row.dataset.start, ...[1, 2].map(place => Number(row.cells[place].textContent))])"
        )
        slots = [slot for slot in reversed(throughput["slots"]) if slot["completed"] or slot["failed"]]
        assert [row[1:] for row in rows] == [[slot["completed"], slot["failed"]] for slot in slots]
        assert [row[0][:16] for row in rows] == [slot["start"][:16] for slot in slots]
    page.go_back()
    expect(chart.get_by_role("radio", name="Week")).to_have_attribute("aria-checked", "true")
    page.reload()
    expect(chart.get_by_role("radio", name="Week")).to_have_attribute("aria-checked", "true")


def test_the_keyboard_reaches_everything(page: Page, varied: dict[str, int]) -> None:
    open_full(page)
    chosen = panel(page, "Throughput").get_by_role("radio", name="Day")
    chosen.focus()
    page.keyboard.press("ArrowRight")
    expect(panel(page, "Throughput").get_by_role("radio", name="Week")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?span=week$"))
    page.get_by_role("link", name="Open Approvals").focus()
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(str(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")))
    for name in ("2 waiting for approval", "Failed: 6", "Show as table", "All failed", "All queued", "Agent Watcher"):
        assert name in seen
    assert any(name.startswith("Retry all of these: 3 × Render a test video") for name in seen)


def test_the_bars_change_their_colours_with_the_mode(page: Page, varied: dict[str, int]) -> None:
    page.emulate_media(color_scheme="light")
    open_full(page)
    expect(panel(page, "Throughput")).to_contain_text(re.compile("[1-9][0-9]* failed"))
    bars = page.locator(".chart svg path[fill='var(--failed)']")
    expect(bars.first).to_be_attached()
    for scheme, colour in (("light", "rgb(185, 28, 28)"), ("dark", "rgb(252, 165, 165)")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(bars.first).to_have_css("fill", colour)
        labels = page.locator(".chart svg text").first
        expect(labels).to_have_css("fill", {"light": "rgb(91, 107, 130)", "dark": "rgb(148, 163, 184)"}[scheme])


def test_reduced_motion_is_honoured(page: Page, varied: dict[str, int]) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_full(page)
    assert page.evaluate("getElement(document.querySelector('.chart').id.slice(1)).options.animation") is False


def test_axe_finds_nothing_on_the_way_in_the_full_page_its_table_and_its_question(
    page: Page, runner: JobRunner, request: pytest.FixtureRequest
) -> None:
    page.goto("/app")
    expect(panel(page, "Getting started")).to_be_visible()
    found = check(page, "the way in")
    request.getfixturevalue("varied")
    open_full(page)
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("table")).to_be_visible()
    found += check(page, "the full page")
    cause(page, FARM).get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Retry 2 jobs?")).to_be_visible()
    found += check(page, "the question")
    assert not found, "\n".join(found)


def test_at_360_pixels_nothing_scrolls_sideways_and_the_order_is_kept(
    browsing: Browsing, varied: dict[str, int]
) -> None:
    page = browsing.open("/app", viewport=PHONE)
    expect(page.locator(".chart svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    names = page.locator(".dashboard section").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert names == ["Needs you", "Throughput", "Failures by cause", "Waiting longest", "Engine"]
    tops = page.locator(".dashboard section").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert tops == sorted(tops)


def test_an_engine_that_is_offline_is_said_to_be(page: Page, runner: JobRunner, varied: dict[str, int]) -> None:
    open_full(page)
    engine = panel(page, "Engine")
    expect(engine).to_contain_text("Online since")
    with write_lock(runner):  # nothing can write, so no heartbeat arrives
        expect(engine.get_by_text("Offline", exact=True)).to_be_visible(timeout=15_000)
        expect(engine).to_contain_text("Last seen")
        expect(engine).to_contain_text("when it is online again")
    expect(engine.get_by_text("Online", exact=True)).to_be_visible(timeout=15_000)
