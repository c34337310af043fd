"""The pictures in README and docs/guide: `python -m tests.pictures` takes them anew, of a real Job Runner at work."""

import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from engine.demo import REPORT, SCRIPT
from tests.browser.chromium import LAUNCH_ARGS, ensure_chromium
from tests.servers.smtp import SmtpTestServer
from tests.support.moments import LATER
from tests.support.server import ROOT, JobRunner

FOLDER = ROOT / "docs" / "guide" / "pictures"
COLOURS = 200  # of a picture's palette: a third of the size, and nobody sees it
LONG_FILM = "\n".join(f"## Scene {number}\n\nOne of sixty scenes of the film of the year." for number in range(1, 61))
BODY = (
    "Dear {name},\n\nthe numbers of the quarter: **four releases**, and two thirds of all questions answered.\n\nGrace"
)
POSTS = {
    "Announce release 4.2": "Mira",
    "Thank the beta testers": "planner",
    "Share the migration guide": "Grace",
    "Invite to the webinar": "planner",
    "Welcome three new partners": "Mira",
}
MAILS = {"Numbers of the quarter": "ada", "Minutes of Monday": "lin", "Your invoice 2026-118": "kay"}
REFUSED = ("max", "eve", "tom")


def main() -> None:
    """Fill an instance, let it work, and take every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, SmtpTestServer() as mail, sync_playwright() as playwright:
        for name in REFUSED:
            mail.answer("RCPT", f"550 No mailbox {name}@example.org here", None, f"{name}@example.org")
        settings = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none"}
        with JobRunner(Path(folder) / "data", POLL_SECONDS=1, SMTP_FROM="jobs@example.org", **settings) as runner:
            browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=LAUNCH_ARGS)
            _take(runner, browser, _fill(runner))
            browser.close()


def _fill(runner: JobRunner) -> int:
    """Jobs in every state; the id of one that failed."""
    for name, creator in POSTS.items():
        text = f"{name}: more at example.org"
        runner.submit("SOCIAL_POST", {"text": text, "channels": ["feed"]}, name=name, created_by=creator)
    for name, to in MAILS.items():
        runner.submit("EMAIL_SEND", _mail(name, to), name=name, created_by="Grace")
    failed = [
        runner.submit("EMAIL_SEND", _mail("Invitation", to), name=f"Invite {to.title()}", created_by="planner")
        for to in REFUSED
    ]
    made = [
        runner.submit("REPORT", {"title": "The third quarter", "body": REPORT}, name="Report of the quarter"),
        runner.submit("VIDEO_RENDER", {"script": SCRIPT}, name="Hello from Job Runner", created_by="planner"),
        runner.submit("IMAGE_RENDER", {"headline": "Release 4.2 is out"}, name="Card for the release"),
    ]
    for job_id in failed:
        runner.until(job_id, "failed")
    for job_id in made:
        while runner.job(job_id)["status"] != "completed":
            pass
    article = {"title": "How we ship", "body": "Small, often, and **watched**.", "teaser": "In five minutes"}
    runner.http.post("/api/v1/workflows/article-to-post/runs", json={"inputs": article}).raise_for_status()
    while runner.http.get("/api/v1/runs/1").json()["status"] != "waiting":  # before the film keeps the cores busy
        pass
    ask: dict[str, Any] = {"requires_approval": True, "created_by": "planner"}
    runner.submit("EMAIL_SEND", _mail("Release 4.2 is out", "press"), name="Tell the press", **ask)
    hiring = {"text": "We are hiring: two engineers for the agents team.", "channels": ["feed"]}
    runner.submit("SOCIAL_POST", hiring, name="Hiring", **ask)
    later = {"run_at": LATER, "created_by": "Mira"}
    runner.submit("EMAIL_SEND", _mail("Happy summer", "team"), name="Happy summer", **later)
    paused = runner.submit("EMAIL_SEND", _mail("Agenda", "board"), name="Agenda for the board", **later)
    runner.http.post(f"/api/v1/jobs/{paused}/pause").raise_for_status()
    film = runner.submit("VIDEO_RENDER", {"script": LONG_FILM}, name="The film of the year", created_by="planner")
    while runner.job(film)["progress"] < 10:
        pass
    return failed[0]


def _take(runner: JobRunner, browser: Browser, failed: int) -> None:
    def take(
        name: str,
        path: str,
        height: int = 800,
        act: Callable[[Page], None] | None = None,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        page = browser.new_page(
            base_url=runner.url, viewport={"width": 1200, "height": height}, color_scheme=scheme, locale="en-GB"
        )
        page.goto(path)
        expect(page.locator(".skeleton:visible")).to_have_count(0)
        expect(page.locator("main article, main h2").first).to_be_visible()
        if act:
            act(page)
        page.wait_for_load_state("networkidle")
        _keep(name, page.screenshot(animations="disabled"))
        page.close()

    take("jobs", "/app/jobs", 900)
    take("jobs-dark", "/app/jobs", 900, scheme="dark")
    take("dashboard", "/app", 900)
    take("filters", "/app/jobs?status=failed&q=invite", 720, _filters)
    take("many", "/app/jobs?status=failed", 620, _select)
    take("job", f"/app/jobs/{failed}", 900)
    take("watcher", "/app/agents", 900)
    take("settings", "/app/settings", 900)
    take("system", "/app/settings/system", 980)
    take("approvals", "/app/approvals", 720)
    take("palette", "/app/jobs", 620, _palette)
    take("run", "/app/runs/1", 640, _waits)
    take("workflows", "/app/workflows", 620)
    _schedule(runner)
    take("schedules", "/app/schedules", 620)


def _schedule(runner: JobRunner) -> None:
    """What starts by itself: one has run, one waits for its time, one is paused."""
    mail = {"type": "EMAIL_SEND", "name": "Numbers of the week", "payload": _mail("Numbers of the week", "ada")}
    post = {"type": "SOCIAL_POST", "payload": {"text": "Office hours today at 15:00.", "channels": ["feed"]}}
    card = {"type": "IMAGE_RENDER", "name": "Card of the month", "payload": {"headline": "The month in numbers"}}
    times: dict[str, dict[str, Any]] = {
        "Weekly numbers": {"target": {"job": mail}, "cron": "0 9 * * MON"},
        "Office hours": {"target": {"job": post}, "cron": "0 8 * * TUE,THU"},
        "Card of the month": {"target": {"job": card}, "cron": "0 7 1 * *"},
        "Greetings of the season": {"target": {"job": mail}, "at": LATER},
    }
    made = {}
    for name, times_of in times.items():
        body = {"name": name, "time_zone": "Europe/Berlin", **times_of}
        answer = runner.http.post("/api/v1/schedules", json=body).raise_for_status()
        made[name] = answer.json()["id"]
    for name, act in (("Card of the month", "run-now"), ("Office hours", "pause")):
        runner.http.post(f"/api/v1/schedules/{made[name]}/{act}").raise_for_status()


def _waits(page: Page) -> None:
    expect(page.locator('[data-step="ask"]')).to_contain_text("Needs approval")


def _filters(page: Page) -> None:
    page.get_by_role("button", name="Filters").first.click()
    expect(page.get_by_role("group", name="Filters", exact=True)).to_be_visible()


def _select(page: Page) -> None:
    page.get_by_role("region", name="Active jobs").get_by_role("checkbox").first.check()
    expect(page.get_by_role("button", name="Retry selected")).to_be_visible()


def _palette(page: Page) -> None:
    page.wait_for_function("window.did_handshake")
    page.keyboard.press("Control+k")
    page.keyboard.type("rel")
    expect(page.get_by_role("group", name="Jobs").get_by_role("option").first).to_be_visible()


def _keep(name: str, picture: bytes) -> None:
    few = Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)


def _mail(subject: str, to: str) -> dict[str, str]:
    return {"to": f"{to}@example.org", "subject": subject, "body": BODY.format(name=to.title())}


if __name__ == "__main__":
    main()
