"""Finding jobs: words, filters, order, views and the history, all of it in the address."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import LATER, MAIL, PHONE, Browsing, active, cards, completed, copy_job, job, says, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


def mail(runner: JobRunner, body: str, **more: str) -> int:
    return runner.submit("EMAIL_SEND", {**MAIL, "body": body}, **{**LATER, **more})


def search(page: Page) -> Locator:
    """The field to search in."""
    return page.get_by_role("searchbox", name="Search jobs")


def history(page: Page) -> Locator:
    """Every job."""
    return page.get_by_role("region", name="History")


def filters(page: Page) -> Locator:
    """The filters, opened."""
    page.get_by_role("button", name=re.compile("^Filters")).click()
    panel = page.get_by_role("group", name="Filters", exact=True)
    expect(panel).to_be_visible()
    return panel


def open_menu(page: Page, name: str) -> Locator:
    """A menu, opened; one of the same name that is just going is not it."""
    expect(page.get_by_role("menu", name=name)).to_have_count(0)
    page.get_by_role("button", name=name, exact=True).click()
    menu = page.get_by_role("menu", name=name)
    expect(menu).to_be_visible()
    return menu


def test_a_job_is_found_by_a_word_in_its_body_and_a_copied_link_finds_it_again(
    browsing: Browsing, runner: JobRunner
) -> None:
    wanted, other = mail(runner, "The aardvark has arrived"), mail(runner, "Nothing to see")
    page = browsing.open()
    expect(job(page, other)).to_be_visible()
    search(page).press_sequentially("aardv", delay=20)
    expect(page).to_have_url(re.compile(r"/app/jobs\?q=aardv$"))
    expect(job(page, other)).to_have_count(0)
    search(page).press_sequentially("ark", delay=20)
    expect(page).to_have_url(re.compile(r"/app/jobs\?q=aardvark$"))
    for opened in (page, browsing.open(page.url)):
        expect(search(opened)).to_have_value("aardvark")
        expect(cards(active(opened))).to_have_count(1)
        expect(job(opened, wanted)).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/app/jobs$"))
    expect(job(page, other)).to_be_visible()
    expect(search(page)).to_have_value("")


def test_what_is_typed_is_never_lost_while_the_page_changes(page: Page, runner: JobRunner) -> None:
    mail(runner, "The aardvark has arrived")
    page.goto("/app/jobs")
    expect(search(page)).to_be_visible()
    page.keyboard.press("/")
    expect(search(page)).to_be_focused()
    for number, letter in enumerate("aardvark arrived"):
        page.keyboard.type(letter)
        if number % 4 == 0:
            runner.submit("TEST_NOOP")
    expect(search(page)).to_have_value("aardvark arrived")
    expect(cards(active(page))).to_have_count(1)
    expect(search(page)).to_be_focused()
    expect(page.locator("[data-busy]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(search(page)).to_have_value("")
    expect(page).to_have_url(re.compile(r"/app/jobs$"))


def test_an_id_an_error_and_a_result_are_found_too(page: Page, runner: JobRunner) -> None:
    failed = runner.submit("TEST_RENDER", {"title": "One", "fail": "The encoder refused frame 17"})
    done = runner.submit("TEST_RENDER", {"title": "Otters at play"})
    runner.until(failed, "failed")
    runner.until(done, "completed")
    page.goto("/app/jobs")
    for text, found in ((f"#{failed}", failed), ("encoder frame", failed), ("otters", done)):
        search(page).fill(text)
        expect(page.get_by_role("article")).to_have_count(1)
        expect(job(page, found)).to_be_visible()


def test_no_match_says_what_was_looked_for_and_clears_it(page: Page, runner: JobRunner) -> None:
    there = mail(runner, "Hello")
    page.goto("/app/jobs?q=unicorn&by=Mira&status=queued")
    says(active(page), "No active jobs match", "Looked for: “unicorn” · Queued · By Mira")
    expect(completed(page)).to_have_count(0)
    active(page).get_by_role("button", name="Clear filters").click()
    expect(job(page, there)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/app/jobs$"))
    expect(search(page)).to_have_value("")


def test_filters_narrow_the_lists_live_and_each_can_be_taken_away(page: Page, runner: JobRunner) -> None:
    failed = runner.submit("TEST_RENDER", {"title": "Film", "fail": "No"}, created_by="Mira")
    queued = mail(runner, "Hello", created_by="Tomás")
    runner.until(failed, "failed")
    page.goto("/app/jobs")
    panel = filters(page)
    panel.get_by_role("button", name="Failed").click()
    expect(job(page, queued)).to_have_count(0)
    expect(page.get_by_role("button", name="All", exact=True)).to_have_text("All1")
    expect(page).to_have_url(re.compile(r"\?status=failed$"))
    expect(completed(page)).to_have_count(0)
    panel.get_by_label("Created by").fill("Tomás")
    panel.get_by_label("Created by").press("Enter")
    says(active(page), "No active jobs match")
    page.get_by_role("button", name="Remove the filter Failed").press("Enter")
    expect(page.get_by_role("button", name="Filters, 1 set")).to_be_focused()
    expect(job(page, queued)).to_be_visible()
    expect(page.get_by_role("button", name="Filters, 1 set")).to_have_attribute("aria-expanded", "true")
    panel.get_by_label("Agent").select_option("Mailer")
    expect(page).to_have_url(re.compile("agent=mailer"))
    expect(job(page, queued)).to_be_visible()
    panel.get_by_label("Created", exact=True).select_option("In the last hour")
    expect(page).to_have_url(re.compile("since=hour"))
    panel.get_by_label("Created", exact=True).press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Filters, 3 set")).to_be_focused()
    page.get_by_role("group", name="Filters that hold").get_by_role("button", name="Clear filters").click()
    expect(job(page, failed)).to_be_visible()


def test_days_are_chosen_from_and_to_and_the_last_one_belongs_to_them(page: Page, runner: JobRunner) -> None:
    there = mail(runner, "Hello")
    day = runner.job(there)["created_at"][:10]
    page.goto("/app/jobs")
    panel = filters(page)
    panel.get_by_label("Created", exact=True).select_option("From … to …")
    panel.get_by_label("From").fill(day)
    panel.get_by_label("To", exact=True).fill(day)
    expect(page).to_have_url(re.compile(rf"since={day}&until="))
    expect(job(page, there)).to_be_visible()
    expect(panel.get_by_label("To", exact=True)).to_have_value(day)
    panel.get_by_label("To", exact=True).fill("2020-01-01")
    says(active(page), "No active jobs match")


def test_filters_that_are_chosen_faster_than_the_list_answers_hold_all(page: Page, runner: JobRunner) -> None:
    mail(runner, "Hello")
    page.goto("/app/jobs")
    expect(cards(active(page))).to_have_count(1)
    pills = [filters(page).get_by_role("button", name="Paused", exact=True).element_handle()]
    pills.append(page.get_by_role("button", name="Queued", exact=True).element_handle())
    page.evaluate("pills => pills.forEach(pill => pill.click())", pills)
    expect(page).to_have_url(re.compile("status=queued&status=paused$"))
    expect(cards(active(page))).to_have_count(1)


def test_the_order_is_chosen_and_stands_in_the_address(page: Page, runner: JobRunner) -> None:
    ids = [mail(runner, "Hello", priority=word) for word in ("low", "high", "medium")]
    page.goto("/app/jobs")
    expect(cards(active(page))).to_have_count(3)
    page.get_by_role("button", name="Sort: Newest first").click()
    page.get_by_role("menuitem", name="By priority").click()
    expect(page).to_have_url(re.compile("sort=priority"))
    expect(cards(active(page)).first).to_have_attribute("data-job-id", str(ids[1]))
    expect(cards(active(page)).last).to_have_attribute("data-job-id", str(ids[0]))
    page.get_by_role("button", name="Sort: By priority").click()
    page.get_by_role("menuitem", name="Oldest first").click()
    expect(cards(active(page)).first).to_have_attribute("data-job-id", str(ids[0]))
    expect(page).to_have_url(re.compile("sort=oldest"))
    page.go_back()
    expect(page.get_by_role("button", name="Sort: By priority")).to_be_visible()
    expect(cards(active(page)).first).to_have_attribute("data-job-id", str(ids[1]))


def test_what_an_address_says_wrong_is_left_out_with_a_quiet_sentence(page: Page, runner: JobRunner) -> None:
    there = mail(runner, "Hello")
    page.goto("/app/jobs?status=broken&since=yesterday&sort=best")
    expect(job(page, there)).to_be_visible()
    expect(page.get_by_text("'broken' is no status")).to_contain_text("left out of the filter")


def test_the_history_shows_cancelled_jobs_and_follows_what_happens(page: Page, runner: JobRunner) -> None:
    gone = mail(runner, "Never mind", created_by="Mira")
    runner.http.post(f"/api/v1/jobs/{gone}/cancel")
    waits = mail(runner, "Hello", created_by="Tomás")
    page.goto("/app/jobs")
    expect(job(page, waits)).to_be_visible()
    expect(job(page, gone)).to_have_count(0)
    page.get_by_role("radio", name="History").click()
    expect(page).to_have_url(re.compile(r"\?view=history$"))
    expect(active(page)).to_have_count(0)
    says(job(page, gone), "Cancelled", "by Mira")
    says(job(page, waits), "Queued", "by Tomás")
    expect(cards(history(page)).first).to_have_attribute("data-job-id", str(waits))
    runner.http.post(f"/api/v1/jobs/{waits}/pause")
    says(job(page, waits), "Paused")
    new = runner.submit("TEST_NOOP")
    says(job(page, new), "Completed")
    page.get_by_role("radio", name="Current").click()
    expect(job(page, gone)).to_have_count(0)
    expect(job(page, waits)).to_be_visible()


@contextmanager
def signed_in_runner(folder: Path) -> Iterator[JobRunner]:
    """With people: admin, and Mira who operates."""
    with JobRunner(folder / "data", HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", DRAIN_SECONDS=0) as runner:
        runner.http.headers["Origin"] = runner.url
        assert runner.http.post("/login", data={"name": "admin", "password": "correct horse"}).status_code == 303
        person = {"name": "Mira", "role": "operator", "password": "battery staple"}
        answer = runner.http.post("/api/v1/people", json=person)
        assert answer.status_code == 201, answer.text
        yield runner


def test_a_view_is_saved_shared_with_another_person_and_deleted(browsing: Browsing, tmp_path: Path) -> None:
    with signed_in_runner(tmp_path) as runner:
        pages = []
        for name, password in (("admin", "correct horse"), ("Mira", "battery staple")):
            page = browsing.open("/login", base_url=runner.url)
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(re.compile("/app"))
            page.goto("/app/jobs?status=failed&q=film&sort=oldest")
            expect(search(page)).to_be_visible()
            pages.append(page)
        owner, other = pages
        open_menu(owner, "Views").get_by_role("menuitem", name="Save this view…").click()
        dialog = owner.get_by_role("dialog", name="Save this view")
        dialog.get_by_label("Name").fill("Broken films")
        dialog.get_by_text("Share with everybody").click()
        dialog.get_by_role("button", name="Save view").click()
        expect(toast(owner, "Broken films: saved, for everybody")).to_be_visible()
        other.goto("/app/jobs")
        shared = open_menu(other, "Views").get_by_role("menuitem", name="Broken films")
        expect(shared).to_contain_text("by admin")
        shared.click()
        expect(other).to_have_url(re.compile(r"\?q=film&status=failed&sort=oldest$"))
        expect(search(other)).to_have_value("film")
        open_menu(owner, "Views").get_by_role("menuitem", name="Manage views…").click()
        owner.get_by_role("button", name="Delete Broken films").click()
        owner.get_by_role("dialog", name="Delete the view Broken films?").get_by_role(
            "button", name="Delete view"
        ).click()
        expect(owner.get_by_role("dialog", name="Your views")).to_contain_text("None.")
        menu = open_menu(other, "Views")
        expect(menu.get_by_role("menuitem", name="Failed", exact=True)).to_be_visible()
        expect(menu.get_by_role("menuitem", name="Broken films")).to_have_count(0)
        for page in pages:
            page.close()  # before the server goes, which they would tell of


def test_a_file_holds_what_matches_and_nothing_else(page: Page, runner: JobRunner) -> None:
    found = [mail(runner, "The aardvark has arrived") for _ in range(17)]
    mail(runner, "Nothing to see")
    page.goto("/app/jobs?q=aardvark")
    expect(active(page).get_by_text("Page 1 of 2")).to_be_visible()
    for name, ids_in in (("CSV", ids_of_csv), ("JSON", ids_of_json)):
        menu = open_menu(page, "Export what matches")
        with page.expect_download() as loading:
            menu.get_by_role("menuitem", name=name).click()
        assert ids_in(loading.value.path().read_text(encoding="utf-8-sig")) == sorted(found)


def ids_of_csv(text: str) -> list[int]:
    return sorted(int(row["id"]) for row in csv.DictReader(io.StringIO(text)))


def ids_of_json(text: str) -> list[int]:
    document = json.loads(text)
    return sorted(each["id"] for each in (document if isinstance(document, list) else document["items"]))


def test_more_than_are_counted_are_told_as_more(page: Page, runner: JobRunner) -> None:
    first = mail(runner, "The aardvark has arrived")
    copy_job(runner, first, 10_500)
    page.goto("/app/jobs?q=aardvark")
    expect(active(page).locator(".total")).to_have_text("10,000+")


def test_on_a_phone_everything_is_found_without_scrolling_sideways(browsing: Browsing, runner: JobRunner) -> None:
    mail(runner, "Hello", created_by="x" * 90)
    page = browsing.open("/app/jobs?by=" + "x" * 90, viewport=PHONE, has_touch=True, is_mobile=True)
    expect(cards(active(page))).to_have_count(1)
    filters(page)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) == PHONE["width"]
    page.get_by_role("radio", name="History").click()
    expect(cards(history(page))).to_have_count(1)
    assert page.evaluate(width) == PHONE["width"]
