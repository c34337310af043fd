"""What jobs make is shown as what it is: created in the form, watched while it moves, looked at when it is done."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.pages import active, choose, completed
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
    expect(dialog.get_by_text(files[-1]["name"])).to_be_visible()


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
