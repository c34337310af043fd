"""Guide: auto-refresh every ten seconds, and live changes in between, which disturb nothing."""

from pathlib import Path
from statistics import median
from time import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing, active, cards, completed, execute, held_job, job, says
from tests.support.server import JobRunner

pytestmark = pytest.mark.browser

ROUNDS = 7
WATCH = """
  window.shownAt = null;
  const note = () => { if (!window.shownAt && look()) window.shownAt = Date.now(); };
  window.watcher?.disconnect();
  window.watcher = new MutationObserver(note);
  window.watcher.observe(document.body, {subtree: true, childList: true, characterData: true});
"""
NOTE_WHEN = f"""([id, word]) => {{
  const look = () => document.querySelector(`article[data-job-id='${{id}}'] .badge`)?.textContent === word;
  {WATCH}
}}"""
NOTE_NEWER = f"""(newest) => {{
  const look = () => [...document.querySelectorAll("article")].some((card) => Number(card.dataset.jobId) > newest);
  {WATCH}
}}"""
PRESS = "node => { const at = Date.now(); node.click(); return at; }"


def waiting(runner: JobRunner) -> int:
    """A queued job that stays queued."""
    return runner.submit("TEST_NOOP", requires_approval=True)


def test_a_change_in_one_browser_shows_in_another_in_under_half_a_second(browsing: Browsing, runner: JobRunner) -> None:
    job_id = waiting(runner)
    mine, theirs = browsing.open(), browsing.open(locale="de-DE")  # another browser profile
    says(job(mine, job_id), "Queued")
    says(job(theirs, job_id), "Queued")
    took = []
    for number in range(ROUNDS):
        button, word = ("Resume job", "Queued") if number % 2 else ("Pause job", "Paused")
        theirs.evaluate(NOTE_WHEN, [job_id, word])
        pressed = job(mine, job_id).get_by_role("button", name=button).evaluate(PRESS)
        theirs.wait_for_function("window.shownAt")
        took.append(theirs.evaluate("window.shownAt") - pressed)
        says(job(mine, job_id), word)
    print(f"milliseconds until the other browser showed it: {sorted(took)}, median {median(took):.0f}")
    assert median(took) < 500


@pytest.mark.either
def test_a_job_created_in_one_browser_appears_in_another(browsing: Browsing, runner: JobRunner) -> None:
    page = browsing.open()
    expect(active(page)).to_contain_text("No jobs yet")
    took = []
    for _ in range(ROUNDS):
        newest = max((int(str(card.get_attribute("data-job-id"))) for card in cards(active(page)).all()), default=0)
        page.evaluate(NOTE_NEWER, newest)
        created = time() * 1000
        waiting(runner)
        page.wait_for_function("window.shownAt")
        took.append(page.evaluate("window.shownAt") - created)
    print(f"milliseconds from creation to the other browser: {sorted(took)}, median {median(took):.0f}")
    assert median(took) < 500


@pytest.mark.either
def test_a_change_does_not_redraw_the_list(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    jobs = [waiting(runner) for _ in range(5)]
    page.goto("/app/jobs")
    expect(cards(active(page))).to_have_count(5)
    page.evaluate("document.querySelectorAll('article, nav, h1, h2, .pill').forEach(node => node.isTheFirst = true)")
    runner.http.post(f"/api/v1/jobs/{jobs[2]}/pause")
    says(job(page, jobs[2]), "Paused")
    runner.http.post(f"/api/v1/jobs/{jobs[4]}/cancel")
    expect(job(page, jobs[4])).to_have_count(0)
    new, _ = held_job(runner, tmp_path)
    says(job(page, new), "Running")
    for job_id in jobs[:4]:
        assert job(page, job_id).evaluate("node => node.isTheFirst"), f"the card of job {job_id} was redrawn"
    assert page.evaluate("[...document.querySelectorAll('nav, h1, .pill')].every(node => node.isTheFirst)")
    order = [int(card.get_attribute("data-job-id") or 0) for card in cards(active(page)).all()]
    assert order == sorted(order, reverse=True)


@pytest.mark.either
def test_a_change_does_not_lose_the_scroll_position(page: Page, runner: JobRunner) -> None:
    jobs = [waiting(runner) for _ in range(14)]
    page.goto("/app/jobs")
    expect(cards(active(page))).to_have_count(14)
    read = job(page, jobs[3])
    read.scroll_into_view_if_needed()
    page.evaluate("window.scrollBy({top: 40, behavior: 'instant'})")
    page.wait_for_function("window.scrollY > 100")
    top = read.bounding_box()
    runner.http.post(f"/api/v1/jobs/{jobs[2]}/pause")
    says(job(page, jobs[2]), "Paused")
    new = waiting(runner)
    expect(job(page, new)).to_be_attached()
    runner.http.post(f"/api/v1/jobs/{jobs[13]}/cancel")
    expect(job(page, jobs[13])).to_have_count(0)
    now = read.bounding_box()
    assert top
    assert now
    assert abs(now["y"] - top["y"]) < 3, "what one is reading has moved"


@pytest.mark.either
def test_a_change_does_not_close_a_dialog_or_lose_what_is_typed_in_it(browsing: Browsing, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page = browsing.open()
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    dialog.get_by_label("Subject").click()
    page.keyboard.type("Half a sub")
    runner.http.post(f"/api/v1/jobs/{job_id}/pause")
    says(job(page, job_id), "Paused")
    other = runner.submit("TEST_NOOP")
    expect(completed(page).locator(f"[data-job-id='{other}']")).to_be_attached()
    runner.http.post(f"/api/v1/jobs/{job_id}/cancel")
    expect(job(page, job_id)).to_have_count(0)
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Subject")).to_be_focused()
    page.keyboard.type("ject")
    expect(dialog.get_by_label("Subject")).to_have_value("Half a subject")


@pytest.mark.either
def test_a_missed_change_heals_with_the_refresh_every_ten_seconds(page: Page, runner: JobRunner) -> None:
    job_id = waiting(runner)
    page.goto("/app/jobs")
    says(job(page, job_id), "Queued")
    execute(runner, f"UPDATE job SET status = 'paused' WHERE id = {job_id}")
    says(job(page, job_id), "Paused", timeout=11_500)


@pytest.mark.either
def test_progress_moves_in_every_open_browser(browsing: Browsing, runner: JobRunner) -> None:
    pages = [browsing.open(), browsing.open("/app/agents", locale="de-DE")]
    job_id = runner.submit("TEST_RENDER", {"title": "Trailer", "seconds": 40, "steps": 400})
    pages.append(browsing.open(f"/app/jobs/{job_id}"))
    for page in pages:
        page.wait_for_function("document.querySelector('[role=progressbar]')?.ariaValueNow > 20")
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuemax", "100")


SECOND_SOCKET = """() => new Promise((done) => {
  const options = {...window.socket.io.opts, forceNew: true, multiplex: false, transports: ["websocket"]};
  const second = io(window.socket.io.uri, options);
  second.on("disconnect", done);
  second.on("connect", () => second.disconnect());
})"""


@pytest.mark.either
def test_a_page_whose_former_socket_is_reaped_late_stays_live(page: Page, runner: JobRunner) -> None:
    first = waiting(runner)
    page.goto("/app/jobs")
    expect(job(page, first)).to_be_visible()
    page.evaluate(SECOND_SOCKET)
    second = waiting(runner)
    expect(job(page, second)).to_be_visible(timeout=8_000)
