"""Workflows from a press to their last effect, as the people see them who run, mend and write them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import Browsing
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

RENDERED = 30_000
OF_A_JOB = re.compile(r"/app/jobs/\d+$")
CHAIN = """\
name: film-then-mail
title: Film, then mail
steps:
  film: {type: TEST_RENDER, payload: {title: Trailer, fail: No footage}}
  mail:
    type: EMAIL_SEND
    payload: {to: ada@example.org, subject: Film, body: "{{ jobs.film.result.message }}"}
"""


def step(page: Page, name: str, state: str) -> None:
    """Wait until the step of the graph stands so."""
    expect(page.locator(f'[data-step="{name}"]')).to_contain_text(state, timeout=RENDERED)


def run_it(page: Page, title: str) -> None:
    """Press "Run" on a workflow's card."""
    page.goto("/app/workflows")
    page.get_by_role("button", name=f"Run {title}").click()
    expect(page.get_by_role("dialog", name=f"Run {title}")).to_be_visible()


def test_an_article_becomes_a_page_a_pdf_a_card_and_a_post_once_somebody_approves(
    page: Page, runner: JobRunner
) -> None:
    run_it(page, "Article to post")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog).to_contain_text("Title is required")
    dialog.get_by_label("Title").fill("How we work together")
    dialog.get_by_label("Article").fill("We *work*, and we write it down.")
    dialog.get_by_label("Teaser").fill("In five minutes")
    dialog.get_by_role("button", name="Run").click()
    expect(page).to_have_url(re.compile(r"/app/runs/\d+"))
    for name in ("article", "pdf", "card"):
        step(page, name, "Completed")
    step(page, "ask", "Needs approval")
    step(page, "post", "Comes later")
    page.get_by_role("region", name="What needs you").get_by_role("link").click()
    page.get_by_role("button", name="Approve job").click()
    expect(page).to_have_url(OF_A_JOB)
    page.go_back()
    step(page, "post", "Completed")
    expect(page.get_by_text("5 of 5 done")).to_be_visible()
    feed = runner.http.get("/feed.xml").text
    assert "How we work together" in feed
    assert "A card that says: How we work together" in feed or "<img" in feed


def test_a_script_becomes_a_film_and_a_post_that_is_tried_again_once_its_channel_is_back(
    page: Page, runner: JobRunner
) -> None:
    run_it(page, "Script to video")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("A short film")
    dialog.get_by_label("Script").fill("# Hello\n\nseconds: 2")
    (channel,) = runner.http.get("/api/v1/channels").json()["items"]
    dialog.get_by_role("button", name="Run").click()
    expect(page).to_have_url(re.compile(r"/app/runs/\d+"))
    assert runner.http.delete(f"/api/v1/channels/{channel['id']}").status_code == 204
    step(page, "video", "Completed")
    step(page, "post", "Failed")
    expect(page.get_by_role("region", name="What needs you")).to_contain_text("feed")
    runner.http.post("/api/v1/channels", json={"name": "feed", "kind": "feed", "url": ""})
    page.locator('[data-step="post"]').click()
    page.get_by_role("button", name="Retry job").click()
    expect(page).to_have_url(OF_A_JOB)
    page.go_back()
    step(page, "post", "Completed")
    assert "A short film" in runner.http.get("/feed.xml").text


def test_a_report_of_the_week_goes_out_as_a_mail(page: Page, runner: JobRunner) -> None:
    run_it(page, "Weekly report")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Recipients").fill("grace@example.org")
    dialog.get_by_role("button", name="Run").click()
    step(page, "report", "Completed")
    step(page, "mail", "Completed")
    sent = [mail.read_text() for mail in Path(runner.data_dir, "outbox").glob("*.eml")]
    assert any("grace@example.org" in mail and "weekly-report.pdf" in mail for mail in sent)


def test_somebody_writes_a_workflow_and_mends_the_step_that_fails(page: Page, runner: JobRunner) -> None:
    page.goto("/app/workflows")
    page.get_by_role("link", name="New workflow").click()
    text = page.get_by_label("The workflow in YAML")
    expect(text).to_have_value(re.compile("my-workflow"))
    text.fill(CHAIN.replace("TEST_RENDER", "NO_SUCH_TYPE"))
    expect(page.get_by_role("alert").filter(has_text="type must be one of")).to_be_visible()
    text.fill(CHAIN)
    expect(page.get_by_text("Film, then mail: 2 steps, nothing wrong")).to_be_visible()
    expect(page.locator('[data-step="mail"]')).to_contain_text("Send email")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Run").click()
    step(page, "film", "Failed")
    expect(page.get_by_text("Stuck")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/app/runs/\d+$"))
    run_url = page.url
    page.locator('[data-step="film"]').click()
    page.get_by_role("button", name="Correct and retry").click()
    dialog = page.get_by_role("dialog", name="Edit Film")
    expect(dialog).to_contain_text("It failed: No footage")
    dialog.get_by_label("Fail", exact=True).fill("")
    dialog.get_by_role("button", name="Try again with this").click()
    expect(dialog).to_be_hidden()
    page.goto(run_url)
    step(page, "mail", "Completed")
    sent = list(Path(runner.data_dir, "outbox").glob("*.eml"))
    assert any("ada@example.org" in mail.read_text() for mail in sent), json.dumps([mail.name for mail in sent])


def test_forms_write_an_input_and_a_step(browsing: Browsing) -> None:
    page = browsing.open("/app/workflows/new/edit")
    text = page.get_by_label("The workflow in YAML")
    expect(text).to_have_value(re.compile("my-workflow"))
    page.get_by_role("button", name="Add an input").click()
    dialog = page.get_by_role("dialog", name="Add an input")
    dialog.get_by_label("Name").fill("headlines")
    dialog.get_by_role("button", name="Add input").click()
    expect(dialog.get_by_text("name must be new, and there is a headlines already")).to_be_visible()
    dialog.get_by_label("Name").fill("to")
    dialog.get_by_label("Default").fill("ada@example.org")
    dialog.get_by_role("button", name="Add input").click()
    expect(text).to_have_value(re.compile("default: ada@example.org"))
    page.get_by_role("button", name="Add a step").click()
    dialog = page.get_by_role("dialog", name="Add a step")
    dialog.get_by_label("Name").fill("tell")
    dialog.get_by_label("Recipient").fill("{{ inputs.to }}")
    dialog.get_by_label("Subject").fill("Posted")
    dialog.get_by_label("Body").fill("Job {{ jobs.post.id }}")
    dialog.get_by_role("button", name="Add step").click()
    expect(page.get_by_text("My workflow: 3 steps, nothing wrong")).to_be_visible()
    expect(page.locator('[data-step="tell"]')).to_contain_text("Send email")


def test_a_run_is_cancelled_whole_and_a_workflow_removed(page: Page, runner: JobRunner) -> None:
    source = CHAIN.replace("film-then-mail", "goes").replace("Film, then mail", "Goes")
    runner.http.post("/api/v1/workflows", json={"source": source})
    run_id = runner.http.post("/api/v1/workflows/goes/runs", json={}).json()["id"]
    page.goto(f"/app/runs/{run_id}")
    step(page, "film", "Failed")
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    step(page, "mail", "Cancelled")
    page.get_by_role("link", name="goes, version 1").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove workflow").click()
    expect(page).to_have_url(re.compile("/app/workflows$"))
    expect(page.get_by_role("article", name="Goes")).to_have_count(0)
    assert runner.http.get("/app/workflows/goes").status_code == 404


def test_what_somebody_else_did_meanwhile_is_told_and_not_overwritten(page: Page, runner: JobRunner) -> None:
    source = CHAIN.replace("film-then-mail", "shared").replace("Film, then mail", "Shared")
    runner.http.post("/api/v1/workflows", json={"source": source})
    page.goto("/app/workflows/shared/edit")
    text = page.get_by_label("The workflow in YAML")
    expect(text).to_have_value(re.compile("name: shared"))
    runner.http.put("/api/v1/workflows/shared", json={"source": source.replace("Trailer", "Theirs")})
    text.fill(source.replace("Trailer", "Mine"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved: version 2 was saved by")).to_be_visible()
    assert "Theirs" in runner.http.get("/api/v1/workflows/shared").json()["source"]
    page.goto("/app/workflows/shared")
    page.get_by_role("button", name="Remove").click()
    runner.http.delete("/api/v1/workflows/shared")
    page.get_by_role("button", name="Remove workflow").click()
    expect(page.get_by_text("there is no workflow shared")).to_be_visible()
    expect(page).to_have_url(re.compile("/app/workflows/shared$"))
