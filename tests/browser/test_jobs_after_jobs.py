"""A job that waits for another one: its card says for which and why, and its page leads there and back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import completed, execute, job, toast
from tests.support.server import JobRunner

pytestmark = [pytest.mark.browser, pytest.mark.either]


def test_a_waiting_job_tells_whom_it_waits_for_and_why_and_goes_once_that_is_retried(
    page: Page, runner: JobRunner
) -> None:
    film = runner.submit("TEST_RENDER", {"title": "Trailer", "fail": "The footage is missing"}, name="The trailer")
    mail = {"to": "ada@example.org", "subject": "The trailer", "body": "{{ jobs.film.result.message }}"}
    child = runner.submit("EMAIL_SEND", mail, name="Tell Ada", after=[{"id": film, "name": "film"}])
    runner.until(film, "failed")
    page.goto("/app/jobs")
    expect(job(page, child)).to_contain_text(
        f"Waits for job {film}, The trailer, which failed: retry it, or cancel this"
    )
    job(page, child).get_by_role("link", name="Tell Ada").click()
    facts = page.get_by_role("region", name="Facts")
    facts.get_by_role("link", name=f"#{film} The trailer · failed").click()
    expect(facts.get_by_role("link", name=f"#{child} Tell Ada · queued")).to_be_visible()
    execute(runner, f"""UPDATE job SET payload = '{{"title": "Trailer"}}' WHERE id = {film}""")  # the footage is there
    page.get_by_role("button", name="Retry job").click()
    expect(toast(page, "queued again")).to_be_visible()
    page.goto("/app/jobs")
    expect(completed(page).get_by_role("article", name="Tell Ada")).to_be_visible()
