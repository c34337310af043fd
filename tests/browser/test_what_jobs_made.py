"""What jobs make is shown as what it is: created in the form, watched while it moves, looked at when it is done."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.pages import Browsing, active, choose, completed
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

SCRIPT = """# The quarter in short

Four releases went out.

## What it looks like
![](image:1)
seconds: 2
"""
CAN_PLAY = "film => film.readyState >= 2 && film.videoWidth > 0"


def form(page: Page, type_key: str) -> Locator:
    """The form of a type."""
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    choose(page, "Job type", type_key)
    return dialog


def picture() -> FilePayload:
    content = BytesIO()
    Image.new("RGB", (64, 36), (240, 200, 20)).save(content, "PNG")
    return FilePayload(name="yellow.png", mimeType="image/png", buffer=content.getvalue())


def attach(page: Page, dialog: Locator, label: str, *files: FilePayload) -> None:
    """Choose files by the field's own button."""
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name=label).first.click()
    chooser.value.set_files(list(files))
    expect(dialog.get_by_text(files[-1]["name"], exact=False).last).to_be_visible()


def test_a_script_becomes_a_film_that_moves_while_it_is_made_and_then_plays(page: Page, runner: JobRunner) -> None:
    dialog = form(page, "VIDEO_RENDER")
    dialog.get_by_role("textbox", name="Script").fill(SCRIPT)
    attach(page, dialog, "Add pictures", picture())
    dialog.get_by_role("button", name="Submit").click()
    card = active(page).get_by_role("article", name="Render video")
    expect(card.get_by_role("progressbar")).to_be_visible()
    done = completed(page).get_by_role("article", name="Render video")
    expect(done).to_contain_text("A video of 6.1 s, 1920 × 1080", timeout=40_000)
    done.get_by_role("button", name="Show Render video").click()
    shown = page.get_by_role("dialog", name="Render video")
    film = shown.locator("video")
    expect(film).to_be_visible()
    page.wait_for_function(CAN_PLAY, arg=film.element_handle())
    assert film.evaluate("film => film.play().then(() => !film.paused)")
    assert film.evaluate("film => Math.round(film.duration)") == 6
    shown.get_by_role("link", name="Open job").click()
    result = page.get_by_role("region", name="Result")
    expect(result.locator("video")).to_be_visible()
    expect(page.get_by_role("region", name="Files").get_by_role("link", name="captions.vtt")).to_be_visible()


def test_a_file_that_is_no_picture_is_refused_beside_its_field_and_removed_ones_are_not_sent(
    page: Page, runner: JobRunner
) -> None:
    dialog = form(page, "VIDEO_RENDER")
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Add pictures").click()
    chooser.value.set_files(FilePayload(name="fake.png", mimeType="image/png", buffer=b"not a picture"))
    expect(dialog.get_by_text("fake.png: it must be one of gif, jpg, png, webp")).to_be_visible()
    attach(page, dialog, "Add pictures", picture())
    dialog.get_by_role("button", name="Remove yellow.png").click()
    dialog.get_by_role("textbox", name="Script").fill("# Only a headline\n\nseconds: 1")
    dialog.get_by_role("button", name="Submit").click()
    expect(completed(page).get_by_role("article", name="Render video")).to_be_visible(timeout=30_000)
    assert "images" not in runner.http.get("/api/v1/jobs?limit=1").json()["items"][0]["payload"]


def test_a_file_of_an_earlier_job_may_be_named_and_one_that_is_not_there_is_told(page: Page, runner: JobRunner) -> None:
    earlier = runner.submit("VIDEO_RENDER", {"scenes": [{"colour": "#D01010", "seconds": 0.5}]})
    runner.until(earlier, "completed")
    dialog = form(page, "VIDEO_RENDER")
    dialog.get_by_role("textbox", name="Script").fill("# With a picture\n\n![](image:1)\nseconds: 1")
    named = dialog.get_by_role("textbox", name="Pictures from a job")
    named.fill(f"{earlier}/nothing.png")
    named.press("Enter")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog.get_by_text(f"there is no {earlier}/nothing.png")).to_be_visible()
    dialog.get_by_role("button", name=f"Remove {earlier}/nothing.png").click()
    named.fill(f"{earlier}/thumbnail.jpg")
    named.press("Enter")
    dialog.get_by_role("button", name="Submit").click()
    expect(completed(page).get_by_role("article", name="Render video")).to_have_count(2, timeout=30_000)


def test_an_article_is_written_found_by_its_words_and_told_what_changed(page: Page, runner: JobRunner) -> None:
    page.goto("/app/kb")
    page.get_by_role("link", name="New article").click()
    dialog = page.get_by_role("dialog", name="New Job")
    dialog.get_by_role("textbox", name="Body").fill("# Tone of voice\n\nWe write **short** sentences.")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Write article")
    expect(done.get_by_role("link", name="Version 1 of Tone of voice")).to_be_visible(timeout=30_000)
    runner.until(runner.submit("KB_DOCUMENT", {"body": "# Tone of voice\n\nWe write *long* ones."}), "completed")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Knowledge").click()
    search = page.get_by_role("textbox", name="Search the articles")
    search.fill("nothing like it")
    expect(page.get_by_text("No article matches.")).to_be_visible()
    search.fill("long voice")
    page.get_by_role("article", name="Tone of voice").get_by_role("link", name="Tone of voice").click()
    article = page.get_by_role("region", name="Article")
    title = page.get_by_role("heading", level=2, name="Tone of voice")
    assert title.evaluate("node => node.getClientRects()[0].height < 2 * parseFloat(getComputedStyle(node).lineHeight)")
    expect(article.locator("em")).to_have_text("long")
    versions = page.get_by_role("region", name="Versions")
    versions.get_by_role("button", name="What changed in version 2").click()
    expect(versions.get_by_text("-We write **short** sentences.")).to_be_visible()
    versions.get_by_role("link", name="Version 1", exact=True).click()
    expect(article.locator("strong")).to_have_text("short")


def test_a_link_to_an_article_that_is_not_there_says_so(page: Page, browsing: Browsing) -> None:
    browsing.expect_fault("404")
    answer = page.goto("/app/kb/none")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text("There is no such article")).to_be_visible()


def test_a_report_shows_its_first_page_and_opens_as_what_it_is(page: Page, runner: JobRunner) -> None:
    dialog = form(page, "REPORT")
    dialog.get_by_role("textbox", name="Title").fill("The third quarter")
    dialog.get_by_role("textbox", name="Body").fill("# Summary\n\nIt went well.\n\n```csv\nwhat,many\nmail,3\n```")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Write report")
    done.get_by_role("button", name="Show Write report").click(timeout=30_000)
    shown = page.get_by_role("dialog", name="Write report")
    first = shown.get_by_role("img", name="The first page of Write report")
    page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=first.element_handle())
    with page.context.expect_page() as opened:
        shown.get_by_role("link", name="Open HTML").click()
    expect(opened.value.get_by_role("heading", name="The third quarter")).to_be_visible()
    expect(opened.value.get_by_role("cell", name="mail")).to_be_visible()


def test_a_card_is_made_and_shown_with_what_it_says(page: Page, runner: JobRunner) -> None:
    dialog = form(page, "IMAGE_RENDER")
    dialog.get_by_role("textbox", name="Headline").fill("People stay in charge")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Render image")
    done.get_by_role("button", name="Show Render image").click(timeout=30_000)
    card = page.get_by_role("dialog", name="Render image").get_by_role("img", name="People stay in charge")
    page.wait_for_function("image => image.naturalWidth === 1200", arg=card.element_handle())


def test_a_loop_plays(page: Page, runner: JobRunner) -> None:
    dialog = form(page, "ANIMATION_RENDER")
    dialog.get_by_role("textbox", name="Headline").fill("Visitors")
    choose(page, "Kind", "count_up")
    dialog.get_by_role("spinbutton", name="Count to").fill("1200")
    dialog.get_by_role("spinbutton", name="Seconds").fill("1")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Render animation")
    done.get_by_role("button", name="Show Render animation").click(timeout=30_000)
    film = page.get_by_role("dialog", name="Render animation").locator("video")
    page.wait_for_function(CAN_PLAY, arg=film.element_handle())


def test_a_call_shows_what_was_answered_and_a_secret_only_by_its_name(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    secrets = page.get_by_role("region", name="Secrets")
    secrets.get_by_role("button", name="Add a secret").click()
    dialog = page.get_by_role("dialog", name="Add a secret")
    dialog.get_by_label("Name").fill("chat")
    dialog.get_by_label("Value").fill("a-secret-value")
    dialog.get_by_label("May be sent to").fill("127.0.0.1, chat.example.org")
    dialog.get_by_role("button", name="Store secret").click()
    expect(dialog.get_by_text("capital letters")).to_be_visible()
    dialog.get_by_label("Name").fill("CHAT")
    dialog.get_by_role("button", name="Store secret").click()
    expect(secrets.get_by_text("CHAT", exact=True)).to_be_visible()
    expect(secrets.get_by_text("to 127.0.0.1, chat.example.org")).to_be_visible()
    dialog = form(page, "WEBHOOK_CALL")
    choose(page, "Method", "GET")
    dialog.get_by_role("textbox", name="Address").fill(f"{runner.url}/healthz?key={{{{ secrets.CHAT }}}}")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Call webhook")
    expect(done).to_contain_text("GET 127.0.0.1: 200 OK", timeout=30_000)
    expect(done).to_contain_text("{{ secrets.CHAT }}")
    page.goto("/app/settings")
    secrets.get_by_role("button", name="Remove CHAT").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove secret").click()
    expect(secrets.get_by_text("No secret is stored")).to_be_visible()
