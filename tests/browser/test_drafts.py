"""Guide: "Write it for me" drafts a text from a brief; without an endpoint the button says what to set."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, choose, completed
from tests.servers.llm import LlmServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture(scope="module")
def model() -> Iterator[LlmServer]:
    with LlmServer() as server:
        yield server


@pytest.fixture(scope="module")
def server_settings(model: LlmServer) -> dict[str, object]:
    """With an endpoint."""
    return {"POLL_SECONDS": 0.2, "LLM_URL": model.endpoint, "LLM_MODEL": "test-model"}


PATIENCE_MS = 30_000  # whoever asks a model first waits until what speaks to models is loaded


def opened(page: Page, type_key: str = "EMAIL_SEND") -> Locator:
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    choose(page, "Job type", type_key)
    return dialog


def test_a_draft_of_a_brief_takes_the_texts_place_and_what_was_there_can_be_brought_back(
    page: Page, runner: JobRunner, model: LlmServer
) -> None:
    dialog = opened(page)
    body = dialog.get_by_role("textbox", name="Body")
    body.fill("Half a thought")
    dialog.get_by_role("button", name="Write it for me").click()
    model.says("Dear Ada,\n\nthe numbers are up.")
    dialog.get_by_role("textbox", name="Brief").fill("Tell Ada that the numbers are up")
    dialog.get_by_role("button", name="Write", exact=True).click()
    expect(body).to_have_value("Dear Ada,\n\nthe numbers are up.", timeout=PATIENCE_MS)
    expect(dialog.get_by_text("A draft: read it before you send it.")).to_be_visible()
    assert "Tell Ada that the numbers are up" in str(model.bodies[-1])
    dialog.get_by_role("button", name="Bring back what was there").click()
    expect(body).to_have_value("Half a thought")


def test_an_endpoint_that_refuses_is_told_and_nothing_is_lost(
    page: Page, runner: JobRunner, model: LlmServer, browsing: Browsing
) -> None:
    dialog = opened(page, "SOCIAL_POST")
    text = dialog.get_by_role("textbox", name="Text")
    text.fill("Mine")
    dialog.get_by_role("button", name="Write it for me").click()
    dialog.get_by_role("button", name="Write", exact=True).click()
    expect(dialog.get_by_text("Say first what it is about.")).to_be_visible()
    model.fails(401, "no")
    dialog.get_by_role("textbox", name="Brief").fill("Something")
    dialog.get_by_role("button", name="Write", exact=True).click()
    expect(dialog.get_by_text("JOB_RUNNER_LLM_API_KEY")).to_be_visible(timeout=PATIENCE_MS)
    expect(text).to_have_value("Mine")


def test_an_agent_is_given_a_goal_and_its_steps_and_answer_are_seen(
    page: Page, runner: JobRunner, model: LlmServer
) -> None:
    dialog = opened(page, "AGENT_TASK")
    dialog.get_by_role("textbox", name="Goal").fill("Say what a job runner is good for")
    model.says("It does the work that was asked for.")
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Agent task")
    expect(done).to_contain_text("It does the work that was asked for.", timeout=30_000)
    done.get_by_role("link", name="Agent task").click()
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_text("It does the work that was asked for.").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("region", name="Attempts")).to_contain_text("It does the work that was asked for.")
    expect(page.get_by_role("region", name="Files").get_by_role("link", name="transcript.md")).to_be_visible()
