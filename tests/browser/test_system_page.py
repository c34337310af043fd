"""The System page: what is not well stands first, in words, and leads to where something can be done about it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import Browsing, execute, says
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture
def _a_webhook_that_fails(server: JobRunner) -> Iterator[None]:
    hook = (
        "(id, name, url, kinds, secret, created_by, created_at) VALUES (71, 'ops', 'https://x.example', '[]', '', 'a',"
    )
    execute(server, f"INSERT INTO webhook {hook} '2026-01-01 00:00:00+00:00')")
    columns = "webhook_id, message_id, kind, job_id, body, status, attempts, created_at, error"
    values = "71, 'm71', 'job.failed', 1, '{}', 'failed', 9, '2026-01-01 00:00:00+00:00', 'no answer'"
    execute(server, f"INSERT INTO delivery ({columns}) VALUES ({values})")
    yield
    execute(server, "DELETE FROM delivery WHERE webhook_id = 71")
    execute(server, "DELETE FROM webhook WHERE id = 71")


def part(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=title, exact=True))


@pytest.mark.usefixtures("_a_webhook_that_fails")
def test_from_settings_to_what_is_not_well_and_to_where_that_is_mended(browsing: Browsing) -> None:
    page = browsing.open("/app/settings")
    page.get_by_role("link", name="See how it is").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("System")
    says(part(page, "Engine"), "Good")
    expect(part(page, "Engine")).to_contain_text("1 engine is online and looks for jobs every")
    says(part(page, "Webhooks"), "Attention", "Administrators see in Settings which, and why.")
    expect(part(page, "Webhooks")).to_contain_text("1 webhook does not take what it is told")
    states = page.locator(".system-row .badge").all_inner_texts()
    assert states == sorted(states, key=["Not working", "Attention", "Good"].index)
    expect(page.get_by_role("region", name="System").get_by_role("status")).to_have_text(
        re.compile(r"^\d things? needs? attention; everything works\.$")
    )
    part(page, "Webhooks").get_by_role("link").click()
    expect(page.get_by_role("region", name="Webhooks")).to_contain_text("no answer")


def test_the_page_is_found_by_what_somebody_looks_for(browsing: Browsing) -> None:
    page = browsing.open("/app")
    page.keyboard.press("Control+k")
    page.keyboard.type("disk backup")
    page.get_by_role("option", name=re.compile("System")).click()
    expect(page).to_have_url(re.compile("/app/settings/system$"))
