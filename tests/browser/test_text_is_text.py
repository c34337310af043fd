"""Text from agents and people is only ever text on the page."""

import base64
import json
from io import BytesIO
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.pages import PATHS, active, completed, job, toast
from tests.servers.mastodon import MastodonServer
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]

MARKUP = "<img src=x onerror=window.attacked=1><script>window.attacked=1</script><svg onload=window.attacked=1></svg>"
MARKDOWN = (
    "[link](javascript:window.attacked=1) **bold** <iframe src=https://example.org></iframe> <b id=injected>b</b>"
)
TEMPLATE = "{{constructor.constructor('window.attacked=1')()}} ${window.attacked=1} `window.attacked=1`"
BREAKOUT = "</div></article><style id=injected>*{display:none}</style>\"' onmouseover='window.attacked=1"
SVG = "<svg><animate onbegin=window.attacked=1 attributeName=x dur=1s><a href=javascript:window.attacked=1>x</a></svg>"
MATH = "<math><mtext><table><mglyph><style><!--</style><img src=x onerror=window.attacked=1>"
ENCODED = "&lt;script&gt;window.attacked=1&lt;/script&gt; &#106;avascript:window.attacked=1 \\u003cimg src=x\\u003e"
ASK = {"type": "APPROVAL", "payload": {"question": "May I?"}}
TEXTS = (MARKUP, MARKDOWN, TEMPLATE, BREAKOUT, SVG, MATH, ENCODED)
INJECTED = (
    "img[src=x], #injected, main iframe, main script, main animate, main math, article b, [onmouseover], "
    "a[href^=javascript]"
)


def unharmed(page: Page) -> None:
    """Nothing ran, and no element came in."""
    assert page.evaluate("window.attacked") is None
    expect(page.locator(INJECTED)).to_have_count(0)


def test_names_payloads_errors_and_results_are_text_on_every_page(page: Page, runner: JobRunner) -> None:
    for text in TEXTS:
        run_of(runner, text)
    jobs = {text: submitted(runner, text) for text in TEXTS}
    page.goto("/app/jobs")
    for text, (failed, _, mail, post) in jobs.items():
        expect(job(page, failed)).to_contain_text("Failed")
        expect(completed(page).locator(f"[data-job-id='{post}']")).to_be_visible()
        expect(active(page).get_by_role("link", name=text, exact=True)).to_have_count(2)
        unharmed(page)
        job(page, mail).get_by_role("button", name="Pause job").click()
        expect(toast(page, text)).to_be_visible()  # toasts are text too
        job(page, mail).get_by_role("button", name="Cancel job").click()
        expect(page.get_by_role("dialog")).to_contain_text(text)
        unharmed(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    for path in PATHS:
        opened(page, path)
        for text, made in jobs.items():
            if path == "/app":  # which names kinds of failures, each by what is alike in them
                rows = page.get_by_role("region", name="Failures by cause").get_by_role("listitem")
                expect(rows).to_have_count(len(TEXTS))
            elif path == "/app/settings/audit":
                expect(page.get_by_role("region", name="Audit log")).to_contain_text(text[:40])
            elif path == "/app/schedules":
                expect(page.get_by_role("region", name="Schedules")).to_contain_text(text[:40])
            elif path == "/app/workflows":
                expect(page.get_by_role("region", name="Workflows")).to_contain_text(text[:40])
                expect(page.get_by_role("region", name="Latest runs")).to_contain_text(text[:40])
            elif path.startswith("/app/workflows"):
                continue  # of one workflow
            elif path not in (
                "/app/agents",
                "/app/agents/operator",
                "/app/settings",
                "/app/settings/system",
                "/app/kb",
            ):
                says_text(page, text, made[0])
        unharmed(page)
    for text, made in jobs.items():
        for job_id in made:
            opened(page, f"/app/jobs/{job_id}")
            says_text(page, text, made[0])
            unharmed(page)
        page.goto(str(runner.job(made[3])["result"]["posts"][0]["url"]))
        unharmed(page)


def run_of(runner: JobRunner, text: str) -> None:
    """A run of a workflow of this text, which is cancelled, and so on no page of jobs."""
    flow = {"name": f"flow-{uuid4().hex[:8]}", "title": text, "description": text, "steps": {"a": ASK}}
    assert runner.http.post("/api/v1/workflows", json={"source": json.dumps(flow)}).status_code == 201
    run = runner.http.post(f"/api/v1/workflows/{flow['name']}/runs", json={"created_by": text}).json()
    assert runner.http.post(f"/api/v1/runs/{run['id']}/cancel").status_code == 200


def submitted(runner: JobRunner, text: str) -> list[int]:
    """A job that fails, one that is done, one that waits for approval, and a post, all of this text."""
    more = {"name": text, "created_by": text}
    film = {"job": {"type": "TEST_RENDER", "payload": {"title": text}, "name": text}}
    body = {"name": f"Film {uuid4().hex[:8]}", "target": film, "cron": "@daily"}
    assert runner.http.post("/api/v1/schedules", json=body).status_code == 201
    mail = {"to": "a@b.example", "subject": text, "body": text}
    return [
        runner.submit("TEST_RENDER", {"title": text, "fail": text}, **more),
        runner.submit("TEST_RENDER", {"title": text}, **more),
        runner.submit("EMAIL_SEND", mail, requires_approval=True, **more),
        runner.submit("SOCIAL_POST", {"text": text, "channels": ["feed"]}, **more),
    ]


def opened(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_role("status", name="Engine")).to_have_text("Atlas online")


def says_text(page: Page, text: str, failed: int) -> None:
    """As text in its own right, or on the card of the job that has failed."""
    expect(page.locator("main").get_by_text(text, exact=True).or_(job(page, failed)).first).to_be_visible()


def test_an_article_is_text_in_the_list_on_its_page_and_as_a_file(page: Page, runner: JobRunner) -> None:
    body = f"{MARKUP}\n\n[link](javascript:window.attacked=1) ![x](image:1)<img src=x onerror=window.attacked=1>"
    content = BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    picture = base64.b64encode(content.getvalue()).decode()
    payload = {"title": MARKUP, "slug": "attack", "body": body, "images": [{"data": picture}], "formats": ["html"]}
    job_id = runner.submit("KB_DOCUMENT", payload)
    assert runner.until(job_id, "completed", "failed")["error"] is None
    for path in ("/app/kb", "/app/kb?q=attacked", "/app/kb/attack", f"/app/jobs/{job_id}"):
        page.goto(path)
        expect(page.locator("main").get_by_text(MARKUP, exact=True).first).to_be_visible()
        unharmed(page)
    page.goto(f"/api/v1/jobs/{job_id}/artifacts/document.html?view=true")
    expect(page.locator("body")).to_contain_text("onerror=window.attacked=1")
    unharmed(page)


@pytest.mark.parametrize("address", ["javascript:window.attacked=1", "data:text/html,<script>attacked=1</script>"])
def test_a_link_that_a_server_gives_for_a_post_is_a_link_only_if_it_leads_to_the_web(
    page: Page, runner: JobRunner, address: str
) -> None:
    with MastodonServer(acct=MARKUP) as server:
        channel = {"name": "bad", "kind": "mastodon", "url": server.url, "credentials": {"access_token": server.token}}
        created = runner.http.post("/api/v1/channels", json=channel).json()
        server.fail_next("/api/v1/statuses", status=200, json={"id": "1", "uri": address, "url": address})
        job_id = runner.submit("SOCIAL_POST", {"text": "Hello", "channels": ["bad"]})
        page.goto(f"/app/jobs/{job_id}")
        expect(page.get_by_role("region", name="Attempts")).to_contain_text("Attempt 1")
        unharmed(page)
        page.goto("/app/jobs")
        expect(job(page, job_id)).to_be_visible()
        expect(page.locator("main a[href^='javascript:'], main a[href^='data:']")).to_have_count(0)
        page.goto("/app/settings")
        expect(page.locator("[data-channel=bad]")).to_contain_text("onerror")
        unharmed(page)
        runner.http.delete(f"/api/v1/channels/{created['id']}")
