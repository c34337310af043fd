"""The Agent Watcher: agents seen at work as it happens, a stream that can be held still, and agents that are paused."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.outside import Worker, define
from tests.browser.pages import PHONE, Browsing, active, cards, choose, held_job, ready, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


def agent(page: Page, name: object) -> Locator:
    return page.get_by_role("article", name=str(name), exact=True)


def stream(page: Page) -> Locator:
    return page.get_by_role("region", name="Activity")


def rows(page: Page) -> Locator:
    return page.get_by_role("log", name="Latest activity").locator(".activity-row")


def shown(page: Page) -> list[str]:
    return [f"{row.get_attribute('id')}" for row in rows(page).all()]


def says(card: Locator, *words: str) -> None:
    for word in words:
        expect(card.get_by_text(word, exact=True).first).to_be_visible()


def test_an_agent_is_watched_from_claim_to_result_while_somebody_else_creates_its_job(
    browsing: Browsing, runner: JobRunner
) -> None:
    key = define(runner)
    worker = Worker(runner, key)
    watching = browsing.open("/app/agents")
    card = agent(watching, worker.name)
    says(card, "Idle", "Waits for a job", "Translate a text")

    other = browsing.open("/app/jobs", locale="en-GB")
    other.get_by_role("button", name="New Job").click()
    form = other.get_by_role("dialog", name="New Job")
    choose(other, "Job type", key)
    form.get_by_role("textbox", name="Text").fill("Good morning")
    form.get_by_role("button", name="Submit").click()
    expect(rows(watching).filter(has_text="Good morning").filter(has_text="created")).to_be_visible()
    waits = cards(active(other)).filter(has_text="Translate a text")
    expect(waits).to_contain_text(f"{worker.name}")
    second = Worker(runner, key)
    expect(waits).to_contain_text(" or ".join(sorted([worker.name, second.name])))  # either may take it
    runner.http.delete(f"/api/v1/agents/{second.id}")
    expect(waits).not_to_contain_text(second.name)

    job = worker.one()
    says(card, "Working")
    expect(card.get_by_role("link", name="Translate a text")).to_have_attribute("href", f"/app/jobs/{job['job_id']}")
    worker.report(job, progress=40, log=["Looking words up"])
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    says(card, "Looking words up")
    worker.report(job, progress=80, log=["Nearly there"])
    says(card, "Nearly there")
    worker.report(job, status="completed", result={"message": "Guten Morgen"})
    says(card, "Idle", "100 %", "1")
    expect(card.get_by_role("link", name=re.compile("^Translate a text: succeeded"))).to_be_visible()
    told = rows(watching).filter(has_text="Good morning").locator(".activity-words")
    expect(told).to_have_text(["completed", "Nearly there", "Looking words up", "started", "created"])


def test_a_built_in_agent_shows_what_it_does_and_what_it_did(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    ready(page, "/app/agents")
    card = agent(page, "Operator")
    says(card, "Idle", "Built in")
    job_id, hold = held_job(runner, tmp_path, "Trailer", steps=2)
    says(card, "Working", "Started", "Trailer")
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    hold_more = [held_job(runner, tmp_path, f"Teaser {number}")[1] for number in range(2)]
    expect(card.get_by_role("link", name="and 2 more")).to_have_attribute(
        "href", "/app/jobs?agent=operator&status=running"
    )
    for file in (hold, *hold_more):
        file.touch()
    runner.until(job_id, "completed")
    says(card, "Idle")
    expect(card.get_by_role("link", name=re.compile("Render a test video: succeeded"))).to_have_count(3)


def test_the_stream_stands_still_while_it_is_held_and_goes_on_from_there(page: Page, runner: JobRunner) -> None:
    runner.until(runner.submit("TEST_NOOP", name="Before"), "completed")
    page.goto("/app/agents?show=moves")
    expect(rows(page).filter(has_text="Before")).to_have_count(3)
    hold = stream(page).get_by_role("button", name="Hold")
    hold.focus()
    page.keyboard.press("Space")
    expect(hold).to_have_attribute("aria-pressed", "true")
    before = shown(page)
    for number in range(3):
        runner.until(runner.submit("TEST_NOOP", name=f"Meanwhile {number}"), "completed")
    says(stream(page), "9 new")
    assert shown(page) == before
    expect(hold).to_be_focused()
    page.keyboard.press("Space")
    expect(hold).to_have_attribute("aria-pressed", "false")
    expect(rows(page).filter(has_text="Meanwhile")).to_have_count(9)
    expect(rows(page).first).to_contain_text("completed")
    expect(stream(page).get_by_text("new", exact=False).filter(has_text=re.compile(r"\d new"))).to_have_count(0)


def test_the_stream_shows_what_is_asked_for_and_the_address_keeps_it(page: Page, runner: JobRunner) -> None:
    runner.until(runner.submit("TEST_RENDER", {"title": "Film", "fail": "Frame 17"}, name="Bad"), "failed")
    runner.until(runner.submit("TEST_NOOP", name="Good"), "completed")
    page.goto("/app/agents")
    expect(rows(page).filter(has_text="Good")).to_have_count(3)
    stream(page).get_by_role("button", name="Failures only").click()
    expect(rows(page).locator(".activity-words")).to_have_text(["failed"])
    expect(page).to_have_url(re.compile("show=failures"))
    stream(page).get_by_role("button", name="Log lines").click()
    expect(rows(page).locator(".activity-words")).to_have_text(["Started"])
    expect(page).to_have_url(re.compile("show=lines"))
    page.go_back()
    expect(rows(page).locator(".activity-words")).to_have_text(["failed"])
    stream(page).get_by_role("combobox", name="Agent").select_option("Mailer")
    expect(stream(page)).to_contain_text("Nothing of that happened lately.")
    expect(page).to_have_url(re.compile("agent=mailer"))
    page.reload()
    expect(stream(page).get_by_role("button", name="Failures only")).to_have_attribute("aria-pressed", "true")
    expect(stream(page).get_by_role("combobox", name="Agent")).to_have_value("mailer")


def test_the_jobs_of_a_paused_agent_wait_until_it_is_resumed(page: Page, runner: JobRunner) -> None:
    page.goto("/app/agents")
    card = agent(page, "Operator")
    pause = card.get_by_role("button", name="Pause Operator")
    pause.focus()
    page.keyboard.press("Enter")
    expect(toast(page, "Operator: paused")).to_be_visible()
    says(card, "Paused")
    job_id = runner.submit("TEST_NOOP", name="Held back")
    expect(rows(page).filter(has_text="Held back")).to_have_count(1)
    assert "paused" in runner.job(job_id)["waiting_for"]
    resume = card.get_by_role("button", name="Resume Operator")
    expect(resume).to_be_focused()
    page.keyboard.press("Enter")
    assert runner.until(job_id, "completed")
    says(card, "Idle")


def test_numbers_are_told_over_a_day_or_a_week(page: Page) -> None:
    page.goto("/app/agents")
    says(agent(page, "Mailer"), "Over a day")
    page.get_by_role("radio", name="Day").press("ArrowRight")
    says(agent(page, "Mailer"), "Over a week")
    expect(page).to_have_url(re.compile("span=week"))
    expect(page.get_by_role("radio", name="Week")).to_be_focused()


def test_an_agents_own_page_tells_its_life_in_full(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    for number in range(3):
        runner.until(runner.submit("TEST_NOOP", name=f"Small {number}"), "completed")
    runner.until(runner.submit("TEST_RENDER", {"fail": "Frame 17"}), "failed")
    page.goto("/app/agents")
    agent(page, "Operator").get_by_role("link", name="Operator").click()
    expect(page).to_have_url(re.compile("/app/agents/operator$"))
    expect(page.get_by_role("heading", level=2, name="Operator")).to_be_visible()
    done = page.get_by_role("region", name="Last jobs")
    expect(done.get_by_role("listitem").first).to_contain_text("failed after")
    expect(done.get_by_role("link", name="All of its jobs")).to_have_attribute(
        "href", "/app/jobs?agent=operator&view=history"
    )
    failures = page.get_by_role("region", name="Failures by type")
    expect(failures.get_by_role("link", name="Render a test video")).to_be_visible()
    chart = page.get_by_role("region", name="Throughput")
    chart.get_by_role("button", name="Show as table").click()
    expect(chart.get_by_role("table")).to_contain_text("Total")
    under_way = page.get_by_role("region", name="Under way")
    expect(under_way).to_contain_text("Waits for a job")
    _, hold = held_job(runner, tmp_path, "Trailer")
    expect(under_way.get_by_role("listitem")).to_contain_text("Trailer")
    expect(rows(page).filter(has_text="Trailer").filter(has_text=re.compile("started"))).to_be_visible()
    hold.touch()
    expect(done.get_by_role("listitem").first).to_contain_text("succeeded after")
    page.get_by_role("link", name="All agents").click()
    expect(agent(page, "Operator")).to_be_visible()


def test_an_agent_that_is_not_there_is_a_404_in_words(browsing: Browsing, page: Page) -> None:
    browsing.expect_fault("404")
    answer = page.goto("/app/agents/nobody")
    assert answer
    assert answer.status == 404
    says(page.locator(".content"), "There is no such agent")


def test_many_events_do_not_flood_the_page(page: Page, runner: JobRunner) -> None:
    ready(page, "/app/agents")
    says(agent(page, "Operator"), "Idle")
    jobs = [{"type": "TEST_NOOP", "payload": {}} for _ in range(200)]
    assert runner.http.post("/api/v1/jobs:batch", json={"jobs": jobs}).status_code == 201
    expect(page.locator(".activity-left-out").first).to_contain_text("more happened here, too quickly to show")
    page.wait_for_function("document.querySelectorAll('.activity-row').length >= 25")
    assert rows(page).count() <= 200


@pytest.mark.parametrize("path", ["/app/agents", "/app/agents/operator"])
def test_nothing_scrolls_sideways_on_a_phone(browsing: Browsing, runner: JobRunner, path: str, tmp_path: Path) -> None:
    held_job(runner, tmp_path, "A title that is far too long for a phone " * 3)[1].touch()
    page = browsing.open(path, viewport=PHONE)
    expect(rows(page).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
