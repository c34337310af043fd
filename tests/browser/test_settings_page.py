"""Settings: channels are connected, tested and removed, and their credentials never shown again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import choose, completed, job, says, toast
from tests.servers.atproto import AtprotoServer
from tests.servers.mastodon import MastodonServer
from tests.support.other_program import everything_stored
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture(autouse=True)
def only_the_feed(runner: JobRunner) -> Iterator[None]:
    """Each test begins with the built-in feed alone."""
    yield
    for channel in runner.http.get("/api/v1/channels").json()["items"]:
        if channel["name"] != "feed":
            runner.http.delete(f"/api/v1/channels/{channel['id']}")


def connect(page: Page, kind: str, **fields: str) -> Locator:
    """Fill the dialog and send it; returns the dialog."""
    if not page.url.endswith("/app/settings"):
        page.goto("/app/settings")
    page.get_by_role("button", name="Connect a channel").click()
    dialog = page.get_by_role("dialog", name="Connect a channel")
    choose(page, "Kind", kind)
    for label, value in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(value)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    return dialog


def row(page: Page, name: str) -> Locator:
    """A channel's row."""
    return page.locator(f"[data-channel='{name}']")


def post(page: Page, channel: str, text: str) -> None:
    """Publish through the New Job dialog, to this channel only."""
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    choose(page, "Job type", "SOCIAL_POST")
    dialog.get_by_label("Text").fill(text)
    choose(page, "Channels", channel)
    page.get_by_role("option", name="feed").click()  # was chosen already
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    expect(completed(page)).to_contain_text(f"Posted to {channel}")


def test_a_mastodon_account_is_connected_and_a_post_arrives_there(page: Page) -> None:
    with MastodonServer() as server:
        fields = {"Name": "news", "Server_address": server.url, "Access_token": server.token}
        dialog = connect(page, "Mastodon", **fields)
        expect(dialog).to_be_hidden()
        expect(toast(page, re.compile("news: connected, posts as .*alice"))).to_be_visible()
        expect(row(page, "news")).to_contain_text(re.compile("Posts as .*alice"))
        expect(row(page, "news")).to_contain_text("Mastodon-compatible")
        post(page, "news", "Spring is here")
        assert [status.text for status in server.statuses] == ["Spring is here"]
        with page.context.expect_page() as opened:
            completed(page).get_by_role("link", name="Posted to news").click()
        expect(opened.value.get_by_text("Spring is here")).to_be_visible()
        assert opened.value.url.startswith(server.url)


def test_a_bluesky_account_is_connected_and_a_post_arrives_there(page: Page) -> None:
    with AtprotoServer() as server:
        fields = {"Name": "sky", "Server_address": server.url, "Handle": server.handle, "App_password": server.password}
        dialog = connect(page, "Bluesky", **fields)
        expect(dialog).to_be_hidden()
        expect(row(page, "sky")).to_contain_text(re.compile("Posts as .*alice.test"))
        post(page, "sky", "Spring is here")
        assert [record["text"] for record in server.posts] == ["Spring is here"]


def test_credentials_are_never_shown_again(page: Page, runner: JobRunner) -> None:
    with MastodonServer(token="secret-of-alice") as server:
        page.goto("/app/settings")
        page.get_by_role("button", name="Connect a channel").click()
        expect(page.get_by_label("Access token")).to_have_attribute("type", "password")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        connect(page, "Mastodon", Name="news", Server_address=server.url, Access_token=server.token)
        expect(row(page, "news")).to_contain_text("Posts as")
        page.reload()
        expect(row(page, "news")).to_be_visible()
        assert "secret-of-alice" not in page.content()
        assert "secret-of-alice" not in runner.http.get("/api/v1/channels").text
        stored = everything_stored(runner.database_url)
        assert "news" in stored
        assert "secret-of-alice" not in stored
        assert "secret-of-alice" not in runner.output


def test_test_connection_tells_the_account_or_the_exact_fault(page: Page) -> None:
    with MastodonServer() as server:
        dialog = connect(page, "Mastodon", Name="news", Server_address=server.url, Access_token=server.token)
        expect(dialog).to_be_hidden()
        page.reload()  # what was told of connecting it leaves
        test = page.get_by_role("button", name="Test connection of news")
        test.click()
        expect(toast(page, re.compile("news: connected, posts as .*alice")).first).to_be_visible()
        server.tokens.clear()
        expect(test).not_to_have_attribute("aria-busy", "true")  # the first press is done with
        test.click()
        expect(toast(page, re.compile("news: .*401|news: .*token.*invalid", re.I))).to_be_visible()
        expect(row(page, "news")).to_contain_text("The access token is invalid")
        server.tokens[server.token] = "alice"
        expect(test).not_to_have_attribute("aria-busy", "true")
        test.click()
        expect(row(page, "news")).to_contain_text("Posts as")
        expect(row(page, "news")).not_to_contain_text("invalid")


def test_a_server_that_refuses_is_stored_with_its_fault(page: Page) -> None:
    with MastodonServer() as server:
        dialog = connect(page, "Mastodon", Name="news", Server_address=server.url, Access_token="wrong")
        expect(dialog).to_be_hidden()
        expect(toast(page, "news is stored, but: ")).to_contain_text("The access token is invalid")
        expect(row(page, "news")).to_contain_text("The access token is invalid")


def test_a_fault_of_the_form_stands_beside_its_field(page: Page, runner: JobRunner) -> None:
    dialog = connect(page, "Mastodon", Name="feed!", Server_address="ftp://x", Access_token="")
    for message in (
        "name must have 1 to 64 letters, digits.*'feed!'",
        "url must be like https://social.example, not 'ftp://x'",
        "access_token is required",
    ):
        expect(dialog.get_by_role("alert").filter(has_text=re.compile(message))).to_be_visible()
    assert len(runner.http.get("/api/v1/channels").json()["items"]) == 1
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    dialog = connect(page, "Built-in", Name="feed")
    expect(dialog.get_by_role("alert").filter(has_text="there is a channel 'feed' already")).to_be_visible()


def test_a_channel_is_removed_after_a_question(page: Page, runner: JobRunner) -> None:
    connect(page, "Built-in", Name="second")
    expect(row(page, "second")).to_be_visible()
    page.get_by_role("button", name="Remove second").click()
    dialog = page.get_by_role("dialog", name="Remove second?")
    dialog.get_by_role("button", name="Keep channel").click()
    expect(dialog).to_be_hidden()
    expect(row(page, "second")).to_be_visible()
    page.get_by_role("button", name="Remove second").click()
    dialog.get_by_role("button", name="Remove channel").click()
    expect(toast(page, "second is removed")).to_be_visible()
    expect(row(page, "second")).to_have_count(0)
    assert [c["name"] for c in runner.http.get("/api/v1/channels").json()["items"]] == ["feed"]


def test_how_mail_leaves_is_told(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    expect(page.get_by_role("region", name="Mail")).to_contain_text("No mail server is configured")
    expect(page.get_by_role("region", name="Mail")).to_contain_text(str(runner.data_dir / "outbox"))


def type_row(page: Page, key: str) -> Locator:
    """A job type's row."""
    return page.locator(f"[data-type='{key}']")


def render_type(runner: JobRunner) -> dict[str, object]:
    """What is set for renders."""
    types = runner.http.get("/api/v1/job-types").json()["items"]
    return next(found for found in types if found["type"] == "TEST_RENDER")


def test_every_job_of_a_type_is_paused_and_resumed(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    page.get_by_role("button", name="Pause all Render a test video jobs").click()
    expect(toast(page, "paused; nothing more of it is started")).to_be_visible()
    says(type_row(page, "TEST_RENDER"), "Paused")
    job_id = runner.submit("TEST_RENDER", {"title": "Waits"})
    page.goto("/app/jobs")
    expect(job(page, job_id)).to_contain_text("is paused in Settings")
    page.goto("/app/settings")
    page.get_by_role("button", name="Resume all Render a test video jobs").click()
    expect(toast(page, "resumed")).to_be_visible()
    runner.until(job_id, "completed")


def test_limits_of_a_type_are_set_and_taken_away(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    at_once = page.get_by_role("spinbutton", name="At once: Render a test video")
    minutes = page.get_by_role("spinbutton", name="Minutes at most: Render a test video")
    at_once.fill("2")
    at_once.press("Enter")
    expect(toast(page, "at most 2 at once")).to_be_visible()
    minutes.fill("1.5")
    minutes.press("Enter")
    expect(toast(page, "at most 1.5 minutes")).to_be_visible()
    assert (render_type(runner)["concurrency"], render_type(runner)["time_limit_seconds"]) == (2, 90)
    at_once.fill("")
    at_once.press("Enter")
    expect(toast(page, "as many at once as the engine runs")).to_be_visible()
    minutes.fill("")
    minutes.press("Enter")
    expect(toast(page, "its own time limit")).to_be_visible()
    expect(minutes).to_have_value("60")
    assert (render_type(runner)["concurrency"], render_type(runner)["time_limit_seconds"]) == (None, 3600)


def test_what_is_being_typed_stays_whatever_else_changes(page: Page, runner: JobRunner, tmp_path: Path) -> None:
    page.goto("/app/settings")
    at_once = page.get_by_role("spinbutton", name="At once: Render a test video")
    at_once.click()
    page.keyboard.type("7")
    runner.submit("TEST_RENDER", {"hold": str(tmp_path / "go on")})
    expect(type_row(page, "TEST_RENDER")).to_contain_text("1 running")
    runner.http.patch("/api/v1/job-types/TEST_RENDER", json={"time_limit_seconds": 120, "concurrency": 5})
    expect(page.get_by_role("spinbutton", name="Minutes at most: Render a test video")).to_have_value("2")
    expect(at_once).to_have_value("7")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(toast(page, "at most 70 at once")).to_be_visible()
    runner.http.patch("/api/v1/job-types/TEST_RENDER", json={"time_limit_seconds": None, "concurrency": None})
    expect(at_once).to_have_value("")
    (tmp_path / "go on").touch()


def test_a_limit_that_cannot_be_says_why_and_what_holds_stays(page: Page, runner: JobRunner) -> None:
    page.goto("/app/settings")
    at_once = page.get_by_role("spinbutton", name="At once: Render a test video")
    at_once.fill("0")
    at_once.press("Enter")
    expect(toast(page, "concurrency must be 1 to 1,000")).to_be_visible()
    expect(at_once).to_have_value("")
    assert render_type(runner)["concurrency"] is None
