"""Settings and agents from elsewhere: a type is defined, done outside and shown, webhooks are added and looked at."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.api.outside import SCHEMA, Worker
from tests.browser.pages import Browsing, active, choose, completed, execute, toast
from tests.servers.hook import PATH, HookServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


def test_a_type_that_is_defined_is_at_once_in_the_form_and_an_agents_work_shows_on_its_card(
    page: Page, browsing: Browsing, runner: JobRunner
) -> None:
    other = browsing.open("/app/jobs")
    page.goto("/app/settings")
    page.get_by_role("button", name="Define a type").click()
    dialog = page.get_by_role("dialog", name="Define a job type")
    dialog.get_by_label("Key").fill("translate")
    dialog.get_by_label("Label").fill("Translate a text")
    dialog.get_by_label("Description").fill("Translate a text into another language")
    dialog.get_by_label("Icon").fill("translate")
    dialog.get_by_label("Payload").fill("{")
    dialog.get_by_role("button", name="Define type").click()
    expect(dialog.get_by_text(re.compile("payload_schema must be JSON"))).to_be_visible()
    dialog.get_by_label("Payload").fill(json.dumps(SCHEMA))
    dialog.get_by_role("button", name="Define type").click()
    expect(dialog).to_be_hidden()
    row = page.locator("[data-type='TRANSLATE']")
    expect(row).to_contain_text("done outside, 0 agents online")

    other.get_by_role("button", name="New Job").click()
    form = other.get_by_role("dialog", name="New Job")
    choose(other, "Job type", "TRANSLATE")
    form.get_by_role("button", name="Submit").click()
    expect(form.get_by_text("Text is required")).to_be_visible()
    form.get_by_role("textbox", name="Text").fill("Good morning")
    form.get_by_role("combobox", name="Language", exact=True).click()
    other.get_by_role("option", name="de", exact=True).click()
    form.get_by_role("button", name="Submit").click()
    expect(form).to_be_hidden()
    expect(active(other)).to_contain_text("Waits for an agent that does Translate a text: none is online")

    worker = Worker(runner, "TRANSLATE")
    taken = worker.one()
    assert taken["payload"] == {"text": "Good morning", "to": "de"}
    worker.report(taken, progress=40)
    expect(active(other).get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    page.goto("/app/agents")
    card = page.get_by_role("article", name=worker.name)
    expect(card).to_contain_text("1 of 10 in hand")
    expect(card).to_contain_text("Translate a text")
    worker.report(taken, status="completed", result={"message": "Guten Morgen", "url": "https://example.org/de"})
    expect(completed(other)).to_contain_text("Guten Morgen")

    page.goto("/app/settings")
    page.get_by_role("button", name="Remove the type Translate a text").click()
    page.get_by_role("dialog", name="Remove Translate a text?").get_by_role("button", name="Remove type").click()
    expect(row).to_have_count(0)


def test_a_webhook_is_added_tested_looked_at_and_removed(page: Page, runner: JobRunner) -> None:
    with HookServer() as server:
        page.goto("/app/settings")
        page.get_by_role("button", name="Add a webhook").click()
        dialog = page.get_by_role("dialog", name="Add a webhook")
        dialog.get_by_label("Name").fill("ops")
        dialog.get_by_label("Address").fill("ops.example")
        dialog.get_by_role("button", name="Add webhook").click()
        expect(dialog.get_by_text(re.compile("url must be like https://ops.example/hook"))).to_be_visible()
        dialog.get_by_label("Address").fill(server.hook)
        dialog.get_by_role("button", name="Add webhook").click()
        told = page.get_by_role("dialog", name="Webhook ops")
        server.secret = told.get_by_label("Signing secret").inner_text()
        assert server.secret.startswith("whsec_")
        told.get_by_role("button", name="Done").click()
        server.fail_next(PATH, status=500)
        page.get_by_role("button", name="Test ops").click()
        expect(toast(page, re.compile("A test is on its way to ops"))).to_be_visible()
        row = page.locator("[data-webhook='ops']")
        expect(row).to_contain_text("The latest message was not taken: the server answered 500")
        execute(runner, "UPDATE delivery SET next_try_at = '2100-01-01 00:00:00+00:00' WHERE status = 'pending'")
        page.get_by_role("button", name="Deliveries to ops").click()
        deliveries = page.get_by_role("dialog", name="Deliveries to ops")
        expect(deliveries).to_contain_text("Pending")
        deliveries.get_by_text("Message", exact=True).click()
        expect(deliveries).to_contain_text('"message": "A test: it works"')
        deliveries.get_by_role("button", name="Send webhook.test again").click()
        expect(row).not_to_contain_text("was not taken")
        deliveries.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Deliveries to ops").click()
        expect(page.get_by_role("dialog", name="Deliveries to ops")).to_contain_text("Delivered")
        page.keyboard.press("Escape")
        assert len(server.got) == 1
        page.get_by_role("button", name="Remove ops").click()
        page.get_by_role("dialog", name="Remove ops?").get_by_role("button", name="Remove webhook").click()
        expect(row).to_have_count(0)
