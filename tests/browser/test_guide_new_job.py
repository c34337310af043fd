"""Guide: + New Job. The engine looks every 5 s, as it comes."""

import os
import re
from email import message_from_bytes
from email.policy import default
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.pages import choose, completed, job
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, object]:
    """The defaults, so that the promised five seconds are the real ones."""
    return {}


AT_ONCE_MS, DONE_WITHIN_MS = 3000, 8000
COLLECT_WHAT_IS_SHOWN = """() => {
  window.shown = [];
  window.submittedAt = Infinity;
  document.addEventListener("click", () => { window.submittedAt = performance.now(); }, {capture: true, once: true});
  const collect = () => {
    const at = performance.now();
    for (const {textContent} of document.querySelectorAll("article, .q-notification")) shown.push([at, textContent]);
  };
  new MutationObserver(collect).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""

SHOWN_AFTER = """(words) => {
  const [at] = shown.find(([, text]) => words.every((word) => text.includes(word))) ?? [Infinity];
  return at - submittedAt;
}"""


def opened(page: Page) -> Locator:
    """The dialog, just opened."""
    page.goto("/app/jobs")
    page.get_by_role("button", name="New Job").click()
    dialog = page.get_by_role("dialog", name="New Job")
    expect(dialog).to_be_visible()
    return dialog


def fill_mail(dialog: Locator, subject: str = "Quarterly numbers") -> None:
    """A message that is right."""
    dialog.get_by_label("Recipient").fill("ada@example.org, bob@example.org")
    dialog.get_by_label("Subject").fill(subject)
    dialog.get_by_label("Body").fill("Here **they** are.\n\nYours")


def newest(runner: JobRunner) -> int:
    """The id of the job that was created last."""
    return int(runner.http.get("/api/v1/jobs?limit=1").json()["items"][0]["id"])


def test_a_submitted_mail_appears_at_once_as_queued_and_is_really_done_within_the_next_look(
    page: Page, runner: JobRunner
) -> None:
    dialog = opened(page)
    fill_mail(dialog)
    dialog.get_by_role("radio", name="High").click()
    looked = runner.submit("TEST_NOOP")  # done with a look of the engine: the next one is five seconds away
    runner.until(looked, "completed")
    page.evaluate(COLLECT_WHAT_IS_SHOWN)  # what is queued may be done before it has been looked for
    dialog.get_by_role("button", name="Submit").click()
    done = completed(page).get_by_role("article", name="Send email")
    expect(done).to_be_visible(timeout=DONE_WITHIN_MS)
    expect(dialog).to_be_hidden()
    for words in (
        ["Queued", "High", "ada@example.org and 1 more · Quarterly numbers", "at the engine's next look, within 5 s"],
        ["Send email: queued. Atlas looks every 5 s."],
    ):
        assert page.evaluate(SHOWN_AFTER, words) < AT_ONCE_MS, words
    expect(done).to_contain_text("Saved to the outbox: no mail server is configured")
    assert runner.job(newest(runner))["status"] == "completed"
    [saved] = (runner.data_dir / "outbox").glob("*.eml")
    message = message_from_bytes(saved.read_bytes(), policy=default)
    assert (message["Subject"], message["To"]) == ("Quarterly numbers", "ada@example.org, bob@example.org")


def test_the_types_are_offered_by_key_and_description(page: Page) -> None:
    dialog = opened(page)
    dialog.get_by_role("combobox", name="Job type").click()
    options = page.get_by_role("option")
    expect(options.nth(0)).to_have_text("EMAIL_SEND — Send an email through the platform")
    expect(options.nth(1)).to_have_text("SOCIAL_POST — Publish a social media post")


def test_the_form_is_made_from_the_payload_of_the_chosen_type(page: Page, runner: JobRunner) -> None:
    dialog = opened(page)
    for found in runner.http.get("/api/v1/job-types").json()["items"][:3]:
        choose(page, "Job type", found["type"])
        for field in found["payload_schema"]["properties"].values():
            if field.get("for_programs"):
                continue
            expect(dialog.locator("label").filter(has_text=re.compile(f"^{field['title']}$", re.I))).to_be_visible()
    choose(page, "Job type", "SOCIAL_POST")
    expect(dialog.get_by_label("Text")).to_be_visible()
    expect(dialog.get_by_role("combobox", name="Channels")).to_be_visible()
    expect(dialog.get_by_label("Recipient")).to_have_count(0)
    choose(page, "Job type", "EMAIL_SEND")
    for label in ("Recipient", "Cc", "Bcc", "Subject", "Body"):
        expect(dialog.get_by_label(label, exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("Recipient", "", "Recipient is required"),
        ("Subject", "", "Subject is required"),
        ("Body", "", "Body is required"),
        ("Recipient", "ada.example.org", r"Recipient 1 must be an e-mail address .*'ada\.example\.org'"),
        ("Subject", "x" * 301, "Subject must have at most 300 characters, not 301"),
        ("Subject", "=?UTF-8?Q?=0A?=Bcc: eve@example.org", "Subject .*line break"),
    ],
)
def test_a_fault_stands_beside_its_field_and_names_field_rule_and_value(
    page: Page, runner: JobRunner, field: str, value: str, message: str
) -> None:
    dialog = opened(page)
    fill_mail(dialog)
    box = dialog.get_by_label(field, exact=True)
    box.fill(value)
    dialog.get_by_role("button", name="Submit").click()
    fault = dialog.get_by_role("alert").filter(has_text=re.compile(message))
    expect(fault).to_be_visible()
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_attribute("aria-describedby", re.compile(str(fault.get_attribute("id"))))
    top, bottom = box.bounding_box(), fault.bounding_box()
    assert top
    assert bottom
    assert 0 <= bottom["y"] - (top["y"] + top["height"]) < 40
    assert runner.http.get("/api/v1/jobs").json()["total"] == 0
    fill_mail(dialog)
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()


def test_what_was_typed_survives_closing_the_dialog_and_is_gone_after_submit(page: Page) -> None:
    dialog = opened(page)
    fill_mail(dialog, "Half written")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="New Job").click()
    expect(dialog.get_by_label("Subject")).to_have_value("Half written")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="New Job").click()
    expect(dialog.get_by_label("Recipient")).to_have_value("ada@example.org, bob@example.org")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="New Job").click()
    expect(dialog.get_by_label("Subject")).to_have_value("")


def test_a_job_is_created_by_keyboard_only(page: Page, runner: JobRunner) -> None:
    page.goto("/app/jobs")
    new = page.get_by_role("button", name="New Job")
    expect(new).to_be_visible()
    while not new.evaluate("node => node === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New Job")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(new).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    typed = {"Recipient": "ada@example.org", "Subject": "By keyboard", "Body": "Hello"}
    for label, text in typed.items():
        box = dialog.get_by_label(label, exact=True)
        for _ in range(12):
            if box.evaluate("node => node === document.activeElement"):
                break
            page.keyboard.press("Tab")
        expect(box).to_be_focused()
        page.keyboard.type(text)
    submit = dialog.get_by_role("button", name="Submit")
    for _ in range(12):
        if submit.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("article", name="Send email")).to_contain_text("By keyboard")
    expect(new).to_be_focused()


def test_the_priority_is_chosen_by_arrow_keys_as_in_any_radio_group(page: Page) -> None:
    dialog = opened(page)
    dialog.get_by_role("radio", name="Medium").focus()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("radio", name="Low")).to_have_attribute("aria-checked", "true")
    expect(dialog.get_by_role("radio", name="Low")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("radio", name="High")).to_have_attribute("aria-checked", "true")


def test_a_post_with_a_picture_is_published_to_the_built_in_feed(page: Page, runner: JobRunner) -> None:
    dialog = opened(page)
    choose(page, "Job type", "SOCIAL_POST")
    dialog.get_by_label("Text").fill("Spring is here: https://example.org/spring")
    expect(dialog.get_by_role("combobox", name="Channels")).to_be_visible()
    expect(dialog).to_contain_text("feed")  # the only channel is chosen already
    picture = BytesIO()
    Image.new("RGB", (8, 8), "green").save(picture, "PNG")
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Add images").click()
    chooser.value.set_files(FilePayload(name="spring.png", mimeType="image/png", buffer=picture.getvalue()))
    dialog.get_by_label("Description of spring.png").fill("A green meadow")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    row = completed(page).locator(f"[data-job-id='{newest(runner)}']")
    expect(row).to_contain_text("Posted to feed")
    with page.context.expect_page() as popup:
        row.get_by_role("link", name="Posted to feed").click()
    expect(popup.value.get_by_role("paragraph").filter(has_text="Spring is here")).to_be_visible()
    expect(popup.value.get_by_role("img", name="A green meadow")).to_be_visible()
    expect(popup.value.get_by_role("link", name="https://example.org/spring")).to_be_visible()
    expect(job(page, newest(runner)).locator("time")).to_have_text(re.compile("just now|s ago"))


def test_several_images_come_at_once_over_a_slow_line_and_a_fifth_is_left_out(page: Page) -> None:
    dialog = opened(page)
    choose(page, "Job type", "SOCIAL_POST")
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 60_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    pictures = [FilePayload(name=f"picture-{n}.png", mimeType="image/png", buffer=noise(60 + 20 * n)) for n in range(5)]
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="Add images").click()
    chooser.value.set_files(pictures)
    expect(dialog.get_by_role("alert").filter(has_text="Images must be at most 4")).to_be_visible()
    expect(dialog.get_by_label("Description of picture-")).to_have_count(4)


def noise(size: int) -> bytes:
    """A square picture that no compression makes smaller."""
    picture = BytesIO()
    Image.frombytes("RGB", (size, size), os.urandom(3 * size * size)).save(picture, "PNG")
    return picture.getvalue()


def test_a_double_click_on_submit_creates_one_job(page: Page, runner: JobRunner) -> None:
    dialog = opened(page)
    fill_mail(dialog)
    dialog.get_by_role("button", name="Submit").dblclick()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("article", name="Send email")).to_have_count(1)  # active, or done by now
    runner.until(newest(runner), "completed")
    assert runner.http.get("/api/v1/jobs").json()["total"] == 1


def test_the_next_post_goes_to_the_same_channels(page: Page, runner: JobRunner) -> None:
    other = runner.http.post("/api/v1/channels", json={"name": "another", "kind": "feed"})
    assert other.status_code == 201
    dialog = opened(page)
    choose(page, "Job type", "SOCIAL_POST")
    choose(page, "Channels", "feed")
    page.keyboard.press("Escape")
    expect(dialog.locator(".q-chip")).to_contain_text(["another", "feed"])
    dialog.get_by_label("Text").fill("Hello")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="New Job").click()
    expect(dialog.get_by_label("Text")).to_have_value("")
    expect(dialog.locator(".q-chip")).to_contain_text(["another", "feed"])
    runner.http.delete(f"/api/v1/channels/{other.json()['id']}")
