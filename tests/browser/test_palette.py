"""The command palette: pages, actions and jobs by the first letters of their names, without a mouse."""

import csv
import json
import re
from pathlib import Path
from time import perf_counter

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.pages import DESKTOP, MAIL, PHONE, Browsing, active, execute, ready
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

PRESS_WHILE_FADING = """(key) => {
  const look = () => {
    if (!document.querySelector('.q-dialog[aria-modal="false"]')) return requestAnimationFrame(look);
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
  };
  look();
}"""


def opened(page: Page, path: str = "/app/jobs") -> Locator:
    """The palette, open on this page."""
    ready(page, path)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Command palette")
    expect(palette).to_be_visible()
    return palette


def field(palette: Locator) -> Locator:
    """Where one types."""
    return palette.get_by_role("combobox", name="Search or jump to")


def chosen(palette: Locator) -> Locator:
    """The line that Enter follows."""
    return palette.get_by_role("option", selected=True)


def test_a_page_is_reached_by_its_first_letters_and_its_title_takes_the_focus(page: Page) -> None:
    palette = opened(page)
    expect(field(palette)).to_be_focused()
    page.keyboard.type("appr")
    expect(chosen(palette)).to_contain_text("Approvals")
    page.keyboard.press("Enter")
    expect(palette).to_be_hidden()
    expect(page).to_have_url(re.compile("/app/approvals$"))
    title = page.get_by_role("heading", level=1, name="Approvals")
    expect(title).to_be_focused()


def test_a_job_is_found_by_a_word_in_its_body_and_shows_how_it_stands(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", {**MAIL, "body": "The zeppelin lands."}, requires_approval=True)
    runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    palette = opened(page, "/app/settings")
    page.keyboard.type("zepp")
    line = palette.get_by_role("group", name="Jobs").get_by_role("option")
    expect(line).to_have_count(1)
    for words in ("Send email", f"#{job_id}", "ada@example.org · Numbers", "Queued", re.compile("ago|just now")):
        expect(line).to_contain_text(words)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/app/jobs/{job_id}$"))


def test_a_job_is_opened_by_its_number_though_enter_comes_before_the_answer(page: Page, runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    opened(page)
    page.keyboard.insert_text(f"#{job_id}")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/app/jobs/{job_id}$"))


def test_saved_views_and_agents_are_found_by_their_names(browsing: Browsing, runner: JobRunner) -> None:
    page = browsing.new(viewport=DESKTOP)  # what it uses is nobody else's "Recent"
    saved = runner.http.post("/api/v1/views", json={"name": "Lost zeppelins", "query": "q=zeppelin&status=failed"})
    assert saved.status_code in (200, 201), saved.text
    for path, typed, group, address in (
        ("/app", "lost zep", "Views", r"/app/jobs\?q=zeppelin&status=failed$"),
        ("/app/jobs", "mailer", "Agents", "/app/agents/mailer$"),
    ):
        palette = opened(page, path)
        page.keyboard.type(typed)
        expect(palette.get_by_role("group", name=group).get_by_role("option", selected=True)).to_be_visible()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(address))
    runner.http.delete(f"/api/v1/views/{saved.json()['id']}")


def test_names_that_begin_so_come_before_names_that_contain_it(page: Page) -> None:
    palette = opened(page)
    page.keyboard.type("jobs")
    expect(palette.get_by_role("option").first).to_have_text(re.compile("^Jobs"))
    page.keyboard.press("Control+a")
    page.keyboard.type("nj")
    expect(chosen(palette)).to_have_text(re.compile("^New Job"))


def test_arrows_home_and_end_choose_over_the_ends_and_say_which(page: Page) -> None:
    palette = opened(page)
    expect(palette.get_by_role("group", name="Agents")).to_be_visible()  # with the last lines that are offered
    options = palette.get_by_role("option")
    first, last = options.first, options.last
    for key, line in {"ArrowDown": options.nth(1), "Home": first, "ArrowUp": last, "End": last}.items():
        page.keyboard.press(key)
        expect(line).to_have_attribute("aria-selected", "true")
        expect(chosen(palette)).to_have_count(1)
        expect(field(palette)).to_have_attribute("aria-activedescendant", line.get_attribute("id") or "")
        expect(line).to_be_in_viewport()
    page.keyboard.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field(palette)).to_have_attribute("aria-expanded", "true")
    controlled = field(palette).get_attribute("aria-controls")
    assert palette.get_by_role("listbox", name="Results").get_attribute("id") == controlled


def test_the_focus_returns_where_it_was(page: Page) -> None:
    ready(page, "/app/jobs")
    mode = page.get_by_role("button", name="Colours: as the system")
    palette = page.get_by_role("dialog", name="Command palette")
    for close in ("Escape", "Control+k"):
        mode.focus()
        page.keyboard.press("Control+k")
        expect(field(palette)).to_be_focused()
        page.keyboard.press(close)
        expect(palette).to_be_hidden()
        expect(mode).to_be_focused()


def test_escape_gives_the_keyboard_back_before_the_next_key(page: Page) -> None:
    expect(field(opened(page))).to_be_focused()
    escape = "new KeyboardEvent('keydown', {key: 'Escape', bubbles: true, cancelable: true})"
    page.evaluate(f"() => document.activeElement.dispatchEvent({escape})")
    assert page.evaluate("() => document.activeElement.matches('.palette-input')") is False
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_it_opens_while_somebody_types_and_by_its_button_but_not_over_a_dialog(page: Page) -> None:
    ready(page, "/app/kb")
    palette = page.get_by_role("dialog", name="Command palette")
    search = page.get_by_label("Search the articles")
    search.fill("words")
    page.keyboard.press("Meta+k")
    expect(palette).to_be_visible()
    page.keyboard.press("Escape")
    expect(search).to_be_focused()
    page.get_by_role("button", name="Search or jump to…").click()
    expect(palette).to_be_visible()
    page.keyboard.press("Escape")
    ready(page, "/app/jobs")
    page.get_by_role("button", name="New Job").click()
    expect(page.get_by_role("dialog", name="New Job")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(palette).to_be_hidden()


def test_a_dialog_that_is_only_fading_keeps_no_key_away(page: Page) -> None:
    ready(page, "/app/jobs")
    page.get_by_role("button", name="New Job").click()
    expect(page.get_by_role("dialog", name="New Job").get_by_label("Subject")).to_be_visible()
    page.evaluate(PRESS_WHILE_FADING, "?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_what_was_used_last_comes_first_when_nothing_is_typed(browsing: Browsing, runner: JobRunner) -> None:
    job_id = runner.submit("EMAIL_SEND", MAIL, requires_approval=True)
    page = browsing.new(viewport=DESKTOP)  # of a browser that has used nothing yet
    opened(page)
    page.keyboard.insert_text(f"#{job_id}")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/{job_id}$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("webh")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="Webhooks")).to_be_focused()
    expect(page.get_by_role("region", name="Webhooks")).to_be_in_viewport()
    palette = opened(page, "/app")
    recent = palette.get_by_role("group", name="Recent").get_by_role("option")
    expect(recent).to_have_count(2)
    expect(recent.first).to_contain_text("Webhooks")
    expect(recent.last).to_contain_text(f"#{job_id}")
    expect(recent.last).to_contain_text("Queued")


def test_no_match_says_so_and_offers_to_search_the_jobs_or_create_one(page: Page) -> None:
    palette = opened(page)
    page.keyboard.type("qwxyz & co")
    expect(palette.get_by_text("Nothing matches “qwxyz & co”.")).to_be_visible()
    expect(palette.get_by_role("option")).to_have_text(
        [re.compile("Search all jobs for “qwxyz & co”"), re.compile("New Job")]
    )
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/app/jobs\?q=qwxyz%20%26%20co$"))


def test_an_answer_to_an_earlier_text_is_dropped(page: Page, runner: JobRunner) -> None:
    runner.submit("EMAIL_SEND", {**MAIL, "subject": "Zeppelin"}, requires_approval=True)
    runner.submit("EMAIL_SEND", {**MAIL, "subject": "Walrus"}, requires_approval=True)
    palette = opened(page)
    page.evaluate("() => { told = palette.answer; late = []; palette.answer = (answer) => { late.push(answer); }; }")
    page.keyboard.insert_text("zepp")
    page.wait_for_function("late.length")
    page.evaluate("() => { palette.answer = told; }")
    page.keyboard.press("Control+a")
    page.keyboard.type("walr")
    expect(palette.get_by_role("group", name="Jobs")).to_contain_text("Walrus")
    page.evaluate("() => told(late[0])")
    expect(palette.get_by_role("group", name="Jobs")).to_contain_text("Walrus")
    expect(palette).not_to_contain_text("Zeppelin")


def test_pages_are_still_found_while_the_server_is_silent(browsing: Browsing, profile: BrowserContext) -> None:
    browsing.expect_fault("ERR_INTERNET_DISCONNECTED|WebSocket")
    page = browsing.new()
    palette = opened(page)
    page.evaluate("window.socket.io.engine.close(); window.socket.io.reconnection(false)")
    page.wait_for_function("!window.socket.connected")
    page.keyboard.type("agen")
    expect(chosen(palette)).to_contain_text("Agents")
    expect(palette.get_by_role("status").first).to_contain_text("The connection is lost")


def test_a_new_job_begins_with_the_type_that_was_asked_for(page: Page) -> None:
    palette = opened(page, "/app")
    for _ in range(2):  # again from the same address
        page.keyboard.type("new publish")
        expect(chosen(palette)).to_contain_text("New Job: Publish post")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="New Job")
        expect(dialog.get_by_label("Text", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        page.keyboard.press("Control+k")


def test_a_job_type_is_paused_and_resumed(page: Page, runner: JobRunner) -> None:
    palette = opened(page)
    for verb, is_paused in (("Pause", True), ("Resume", False)):
        page.keyboard.type(f"{verb} all send email")
        expect(chosen(palette)).to_have_text(f"{verb} all Send email jobs")
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Send email: {verb.lower()}d")).to_be_visible()
        kept = execute(runner, "SELECT paused FROM type_policy WHERE type = 'EMAIL_SEND'")
        assert [bool(paused) for (paused,) in kept] == [is_paused]
        page.keyboard.press("Control+k")


def test_a_file_holds_all_jobs_or_on_the_jobs_page_what_matches_there(page: Page, runner: JobRunner) -> None:
    for subject in ("Zeppelin", "Zeppelin", "Airship"):
        runner.submit("EMAIL_SEND", {**MAIL, "subject": subject}, requires_approval=True)
    for path, words, subjects in (
        ("/app", "all jobs", ["Airship", "Zeppelin", "Zeppelin"]),
        ("/app/jobs?q=airship", "the 1 job that matches", ["Airship"]),
        ("/app/jobs?q=zeppelin", "the 2 jobs that match", ["Zeppelin", "Zeppelin"]),
    ):
        palette = opened(page, path)
        page.keyboard.type("export csv")
        expect(chosen(palette)).to_have_text(f"Export {words} as CSV")
        rows = list(csv.DictReader(loaded(page).open(encoding="utf-8-sig", newline="")))
        assert [row["summary"].split(" · ")[1] for row in rows] == subjects
    page.keyboard.press("Control+k")
    page.keyboard.type("export json")
    expect(chosen(palette)).to_have_text("Export the 2 jobs that match as JSON")
    assert len(json.loads(loaded(page).read_text())) == 2


def loaded(page: Page) -> Path:
    """The file that the chosen line brings."""
    with page.expect_download() as loading:
        page.keyboard.press("Enter")
    return loading.value.path()


def test_a_line_opens_in_a_new_tab_and_the_palette_stays(page: Page, profile: BrowserContext) -> None:
    palette = opened(page)
    page.keyboard.type("dash")
    with profile.expect_page() as another:
        page.keyboard.press("Control+Enter")
    expect(another.value.get_by_role("heading", level=1, name="Dashboard")).to_be_visible()
    expect(palette).to_be_visible()
    expect(active(page)).to_be_visible()


def test_on_a_phone_it_fits_and_is_closed_by_a_button(browsing: Browsing, runner: JobRunner) -> None:
    runner.submit("EMAIL_SEND", {**MAIL, "subject": "Zeppelin " * 20}, requires_approval=True)
    page = browsing.new(viewport=PHONE)
    ready(page, "/app/jobs")
    page.get_by_role("button", name="Search or jump to…").click()
    palette = page.get_by_role("dialog", name="Command palette")
    field(palette).fill("zepp")
    expect(palette.get_by_role("group", name="Jobs").get_by_role("option")).to_have_count(1)
    for where in (palette, palette.get_by_role("listbox")):
        assert where.evaluate(
            "node => node.scrollWidth <= node.clientWidth && node.getBoundingClientRect().right <= 360"
        )
    palette.get_by_role("button", name="Close").click()
    expect(palette).to_be_hidden()


def test_what_a_viewer_may_not_do_is_not_offered(page: Page) -> None:
    palette = opened(page)
    expect(palette.get_by_role("option", name=re.compile("^New Job: Send email"))).to_be_visible()
    page.keyboard.type("sign out")
    expect(palette.get_by_role("option", name="Sign out")).to_have_count(0)  # nobody is signed in here


def test_the_list_is_there_quickly(page: Page, runner: JobRunner) -> None:
    runner.submit("EMAIL_SEND", {**MAIL, "subject": "Zeppelin"}, requires_approval=True)
    palette = opened(page)
    begun = perf_counter()
    page.keyboard.insert_text("zepp")
    expect(palette.get_by_role("group", name="Jobs")).to_contain_text("Zeppelin")
    print(f"a job was shown {(perf_counter() - begun) * 1000:.0f} ms after the key")
