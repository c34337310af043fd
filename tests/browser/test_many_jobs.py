"""Acting on many jobs: selected by hand or all that match, as one operation with a report and an Undo."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import LATER, MAIL, PHONE, Browsing, active, cards, completed, copy_job, execute, job, says
from tests.support.server import JobRunner

AT_WORK_MS = 30_000  # with a thousand jobs
pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """Many at once, so that a thousand are soon over."""
    return {"POLL_SECONDS": 0.2, "CONCURRENCY": 50}


def waiting(runner: JobRunner, number: int) -> list[int]:
    return [runner.submit("TEST_NOOP", name=f"Check {place}", **LATER) for place in range(number)]


def bar(page: Page) -> Locator:
    """What may be done with what is selected."""
    return page.get_by_role("group", name="Selected jobs")


def operation(page: Page) -> Locator:
    """What came of it."""
    return page.get_by_role("region", name="Operation")


def box(page: Page, job_id: int) -> Locator:
    """What a job is selected by."""
    return job(page, job_id).get_by_role("checkbox", name=re.compile("^Select "))


def test_a_thousand_failed_jobs_are_retried_at_once_while_other_pages_stay_live(
    browsing: Browsing, runner: JobRunner
) -> None:
    first = runner.submit("TEST_RENDER", {"title": "Film", "fail": "The encoder refused frame 17"})
    runner.until(first, "failed")
    execute(runner, f"UPDATE job SET type = 'TEST_NOOP', payload = '{{}}' WHERE id = {first}")  # it will go well now
    copy_job(runner, first, 999)
    execute(runner, f"UPDATE job SET outcome = 'unknown' WHERE id IN (SELECT id FROM job WHERE id > {first} LIMIT 2)")
    page, other = browsing.open("/app/jobs?status=failed"), browsing.open("/app/jobs")
    expect(active(other).locator(".total")).to_have_text("1,000")
    active(page).get_by_role("checkbox", name="Select page").check()
    expect(bar(page)).to_contain_text("15 selected")
    bar(page).get_by_role("button", name="Select all 1,000 that match").click()
    expect(bar(page)).to_contain_text("All 1,000 that match")
    bar(page).get_by_role("button", name="Retry selected").click()
    dialog = page.get_by_role("dialog", name="Retry 1,000 jobs?")
    expect(dialog).to_contain_text("1,000 failed")
    dialog.get_by_role("button", name="Retry 1,000 jobs").click()
    expect(operation(page)).to_contain_text(re.compile("Retrying|retried"))
    expect(bar(page)).to_be_hidden()
    expect(cards(completed(other))).to_have_count(15)  # while it is at work
    expect(operation(page)).to_contain_text("998 retried, 2 left as they are", timeout=AT_WORK_MS)
    expect(completed(other).locator(".total")).to_have_text("998", timeout=AT_WORK_MS)
    expect(active(other).locator(".total")).to_have_text("2")
    expect(active(page).locator(".total")).to_have_text("2")
    operation(page).get_by_role("button", name="See why").click()
    why = page.get_by_role("dialog", name="2 jobs left as they are")
    expect(why).to_contain_text(re.compile("2 jobs: .*unknown"))
    why.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/app/jobs/\d+$"))
    expect(operation(page)).to_contain_text("998 retried")  # on whatever page one is
    page.reload()
    expect(operation(page)).to_contain_text("998 retried")
    operation(page).get_by_role("button", name="Dismiss").click()
    expect(operation(page)).to_have_count(0)
    page.wait_for_function("document.cookie.includes('job_runner_operations')")
    page.reload()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(operation(page)).to_have_count(0)


def test_what_is_selected_stays_selected_while_the_list_changes_and_on_other_pages(
    page: Page, runner: JobRunner
) -> None:
    jobs = waiting(runner, 16)
    page.goto("/app/jobs")
    box(page, jobs[15]).check()
    box(page, jobs[14]).check()
    runner.http.post(f"/api/v1/jobs/{jobs[15]}/pause")
    says(job(page, jobs[15]), "Paused")
    new = runner.submit("TEST_NOOP", **LATER)
    expect(job(page, new)).to_be_visible()
    for job_id in jobs[14:]:
        expect(box(page, job_id)).to_be_checked()
    expect(bar(page)).to_contain_text("2 selected")
    active(page).get_by_role("button", name="Next page").click()
    expect(job(page, jobs[0])).to_be_visible()
    expect(bar(page)).to_contain_text("2 selected, 0 on this page")
    active(page).get_by_role("button", name="Previous page").click()
    expect(box(page, jobs[15])).to_be_checked()
    page.get_by_role("button", name="Clear selection").click()
    expect(bar(page)).to_be_hidden()
    expect(box(page, jobs[15])).not_to_be_checked()


def test_a_range_is_selected_with_shift(page: Page, runner: JobRunner) -> None:
    jobs = waiting(runner, 6)
    page.goto("/app/jobs")
    box(page, jobs[5]).click()
    box(page, jobs[2]).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("4 selected")
    expect(box(page, jobs[3])).to_be_checked()
    expect(box(page, jobs[1])).not_to_be_checked()


def test_jobs_are_paused_together_and_that_is_undone(page: Page, runner: JobRunner) -> None:
    jobs = waiting(runner, 3)
    page.goto("/app/jobs")
    active(page).get_by_role("checkbox", name="Select page").check()
    bar(page).get_by_role("button", name="Pause selected").click()
    expect(operation(page)).to_contain_text("3 paused")
    for job_id in jobs:
        says(job(page, job_id), "Paused")
    operation(page).get_by_role("button", name="Undo").click()
    expect(operation(page)).to_contain_text("3 taken back")
    for job_id in jobs:
        says(job(page, job_id), "Queued")


def test_many_are_approved_after_a_question(page: Page, runner: JobRunner) -> None:
    jobs = [runner.submit("EMAIL_SEND", MAIL, requires_approval=True, **LATER) for _ in range(2)]
    jobs += waiting(runner, 1)
    page.goto("/app/jobs")
    active(page).get_by_role("checkbox", name="Select page").check()
    bar(page).get_by_role("button", name="Approve selected").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Approve"))
    expect(dialog).to_contain_text("approved as they are now")
    dialog.get_by_role("button", name=re.compile("^Approve")).click()
    expect(operation(page)).to_contain_text("2 approved")
    assert [runner.job(job_id)["approval"] for job_id in jobs] == ["approved", "approved", None]


def test_what_is_under_way_is_stopped_and_the_rest_is_left_as_it_is(page: Page, runner: JobRunner) -> None:
    copy_job(runner, waiting(runner, 1)[0], 2_999)
    page.goto("/app/jobs")
    active(page).get_by_role("checkbox", name="Select page").check()
    bar(page).get_by_role("button", name="Select all 3,000 that match").click()
    expect(bar(page)).to_contain_text("All 3,000 that match")
    bar(page).get_by_role("button", name="Pause selected").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause 3,000 jobs").click()
    operation(page).get_by_role("button", name="Stop").press("Enter")
    expect(operation(page)).to_contain_text(re.compile("paused, stopped before"), timeout=30_000)
    expect(operation(page).get_by_role("button", name="Undo")).to_be_focused()
    told = re.findall(r"[0-9][0-9,]*", operation(page).locator(".operation-text").inner_text())
    paused, left = (int(number.replace(",", "")) for number in told)
    assert runner.http.get("/api/v1/jobs?status=paused").json()["total"] == paused > 0
    assert runner.http.get("/api/v1/jobs?status=queued").json()["total"] == left == 3_000 - paused > 0


def test_another_priority_shows_on_the_cards(page: Page, runner: JobRunner) -> None:
    jobs = waiting(runner, 2)
    page.goto("/app/jobs")
    says(job(page, jobs[0]), "Medium")
    active(page).get_by_role("checkbox", name="Select page").check()
    bar(page).get_by_role("button", name="Priority selected").click()
    page.get_by_role("menu", name="Priority").get_by_role("menuitem", name="High").click()
    expect(operation(page)).to_contain_text("2 set to high priority")
    for job_id in jobs:
        says(job(page, job_id), "High")
        assert runner.job(job_id)["priority"] == "high"


def test_many_are_cancelled_by_keyboard_only_and_only_after_a_question(page: Page, runner: JobRunner) -> None:
    jobs = waiting(runner, 3)
    page.goto("/app/jobs")
    expect(job(page, jobs[0])).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(box(page, jobs[2])).to_be_checked()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bar(page)).to_contain_text("2 selected")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    page.keyboard.press("x")
    expect(box(page, jobs[1])).to_be_checked()
    bar(page).get_by_role("button", name="Cancel selected").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel 1 job?")
    expect(dialog).to_contain_text("1 queued: will not run.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(bar(page).get_by_role("button", name="Cancel selected")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Cancel 1 job").press("Enter")
    expect(operation(page)).to_contain_text("1 cancelled")
    expect(job(page, jobs[1])).to_have_count(0)
    assert [runner.job(job_id)["status"] for job_id in jobs] == ["queued", "cancelled", "queued"]


def test_a_verb_that_fits_nothing_that_is_selected_says_why(page: Page, runner: JobRunner) -> None:
    (waits,) = waiting(runner, 1)
    page.goto("/app/jobs")
    box(page, waits).check()
    retry = bar(page).get_by_role("button", name="Retry selected")
    expect(retry).to_have_attribute("aria-disabled", "true")
    expect(retry).to_have_attribute("title", "None of them: only failed jobs can be retried")
    expect(bar(page).get_by_role("button", name="Cancel selected")).not_to_have_attribute("aria-disabled", "true")


def test_on_a_phone_the_bars_fit(browsing: Browsing, runner: JobRunner) -> None:
    waiting(runner, 16)
    page = browsing.open(viewport=PHONE, has_touch=True, is_mobile=True)
    active(page).get_by_role("checkbox", name="Select page").check()
    expect(bar(page).get_by_role("button", name="Select all 16 that match")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    bar(page).get_by_role("button", name="Pause selected").click()
    expect(operation(page)).to_contain_text("15 paused")
    expect(operation(page).get_by_role("button", name="Dismiss")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
