"""The page behind a review link: a browser without a session sees one job, and decides about it once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.sign_in import TRIES
from tests.api.test_jobs import assert_problem
from tests.conftest import new_database
from tests.support.server import JobRunner

PASSWORD = "correct horse"
MAIL = {
    "to": ["bob@example.org"],
    "bcc": ["eve@example.net"],
    "subject": "June <b>numbers</b>",
    "body": "Line 1\nLine 2",
}
OVER = "This link is not valid any more"
RULE = {"kind": "require", "title": "Mail and posts", "types": ["EMAIL_SEND", "SOCIAL_POST"], "by_link": True}


@pytest.fixture(scope="module")
def public(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One where people sign in, and whose policy allows links."""
    folder = tmp_path_factory.mktemp("public") / "data"
    more = {"HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, "POLL_SECONDS": 60}
    with new_database(kind, request) as url, JobRunner(folder, DATABASE_URL=url, **more) as running:
        yield running


@pytest.fixture(scope="module")
def admin(public: JobRunner) -> Iterator[httpx.Client]:
    own = {"Origin": public.url}
    with httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers=own) as browser:
        assert browser.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303
        for rule in browser.get("/api/v1/approval-rules").json()["items"]:
            browser.delete(f"/api/v1/approval-rules/{rule['id']}")
        assert browser.post("/api/v1/approval-rules", json=RULE).status_code == 201
        yield browser


@pytest.fixture
def outside(public: JobRunner) -> Iterator[httpx.Client]:
    """The reviewer's browser, which nobody has signed in."""
    with httpx.Client(timeout=30, trust_env=False, headers={"Origin": public.url}) as browser:
        yield browser


class Page(HTMLParser):
    """What a page says, and the form on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.facts: dict[str, str] = {}
        self.words, self.tags = "", list[str]()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._term = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["style"]:
            return
        self.words += data
        if self.tags[-1:] == ["dt"]:
            self._term, self.tags = data, [*self.tags, ""]
        elif self.tags[-1:] == ["dd"]:
            self.facts[self._term], self.tags = data, [*self.tags, ""]

    @property
    def buttons(self) -> list[str | None]:
        return [attributes.get("value") for tag, attributes in self.attributes if tag == "button"]


def a_job(admin: httpx.Client, **more: Any) -> int:
    answer = admin.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL, "name": "June", **more})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def a_link(admin: httpx.Client, job_id: int, **more: Any) -> str:
    body = {"reviewer": "Eve of Acme", "hours": 24, **more}
    answer = admin.post(f"/api/v1/jobs/{job_id}/review-links", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_at"].endswith("Z")
    return str(answer.json()["url"])


def approval_of(admin: httpx.Client, job_id: int) -> str:
    return str(admin.get(f"/api/v1/jobs/{job_id}").json()["approval"])


def test_a_reviewer_reads_all_of_it_as_text_and_approves(
    public: JobRunner, admin: httpx.Client, outside: httpx.Client
) -> None:
    job_id = a_job(admin)
    url = a_link(admin, job_id)
    assert url.startswith(f"{public.url}/review/")
    answer = outside.get(url)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert page.facts == {
        "What it is": "Send email",
        "Made by": "admin",
        "Needs approval": "Mail and posts",
        "Recipient": "bob@example.org",
        "Bcc": "eve@example.net",
        "Subject": "June <b>numbers</b>",
        "Body": "Line 1\nLine 2",
    }
    assert page.buttons == ["approve", "reject"]
    assert "admin asks you, Eve of Acme, to decide" in page.words
    done = outside.post(url, data={"decision": "approve", "comment": "Well done"})
    assert (done.status_code, "Approved. Thank you." in done.text) == (200, True)
    assert approval_of(admin, job_id) == "approved"
    (entry,) = admin.get("/api/v1/audit", params={"action": "job.approve", "q": f"job {job_id}"}).json()["items"]
    assert entry["actor"] == "Eve of Acme (link by admin)"
    assert entry["address"] == "127.0.0.1"
    assert entry["after"]["comment"] == "Well done"


def test_a_rejection_reaches_the_creator_with_its_reason(admin: httpx.Client, outside: httpx.Client) -> None:
    job_id = a_job(admin)
    done = outside.post(a_link(admin, job_id), data={"decision": "reject", "comment": "Wrong month"})
    assert (done.status_code, "Rejected. Thank you." in done.text) == (200, True)
    job = admin.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["status"], job["approval"], job["error"]) == ("cancelled", "rejected", "Rejected: Wrong month")


def test_following_the_link_decides_nothing(admin: httpx.Client, outside: httpx.Client) -> None:
    """As the scanners of mail servers do, with any method and query."""
    job_id = a_job(admin)
    url = a_link(admin, job_id)
    for method in ("GET", "HEAD", "OPTIONS"):
        for query in ("", "?decision=approve"):
            outside.request(method, url + query)
    assert approval_of(admin, job_id) == "pending"
    assert outside.post(url, data={"decision": "approve"}).status_code == 200


def test_the_page_has_no_script_tells_nobody_of_its_address_and_is_kept_nowhere(
    admin: httpx.Client, outside: httpx.Client
) -> None:
    answer = outside.get(a_link(admin, a_job(admin, name="<script>alert(1)</script>")))
    page = Page(answer.text)
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words
    assert not [each for _, attributes in page.attributes for each in attributes if each.startswith("on")]
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert not [rule for rule in policy if rule.startswith("script-src")]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    links = [each.get("href") or each.get("src") for _, each in page.attributes if {"href", "src"} & set(each)]
    assert links == ["/static/theme.css"]


def test_wrong_used_and_outdated_links_are_answered_alike(admin: httpx.Client, outside: httpx.Client) -> None:
    used, revised = a_job(admin), a_job(admin)
    links = [a_link(admin, used), a_link(admin, revised)]
    outside.post(links[0], data={"decision": "approve"})
    changed = admin.post(f"/api/v1/jobs/{revised}/revise", json={"payload": {**MAIL, "to": ["mallory@example.org"]}})
    assert changed.status_code == 200, changed.text
    links.append(links[0][:-1] + ("A" if links[0][-1] != "A" else "B"))
    answers = [outside.get(link) for link in links] + [outside.post(links[2], data={"decision": "approve"})]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.text for answer in answers}) == 1
    assert OVER in answers[0].text
    assert approval_of(admin, revised) == "pending"


def test_what_is_no_answer_is_asked_again_and_uses_nothing_up(admin: httpx.Client, outside: httpx.Client) -> None:
    url = a_link(admin, a_job(admin))
    unclear = outside.post(url, data={"decision": "maybe", "comment": "Hm </textarea>"})
    assert (unclear.status_code, "Choose Approve or Reject" in unclear.text) == (422, True)
    assert "Hm &lt;/textarea&gt;" in unclear.text, "what was written is kept"
    long = outside.post(url, data={"decision": "reject", "comment": "x" * 2001})
    assert (long.status_code, "comment must have at most 2000 characters" in long.text) == (422, True)
    assert outside.post(url, data={"decision": "reject", "comment": "x" * 2000}).status_code == 200


def test_another_sites_page_cannot_decide(admin: httpx.Client, outside: httpx.Client) -> None:
    job_id = a_job(admin)
    url = a_link(admin, job_id)
    for origin in ("https://evil.example", "null"):
        assert outside.post(url, data={"decision": "approve"}, headers={"Origin": origin}).status_code == 403
    assert approval_of(admin, job_id) == "pending"


def test_the_link_opens_nothing_else(public: JobRunner, admin: httpx.Client, outside: httpx.Client) -> None:
    job_id = a_job(admin)
    token = a_link(admin, job_id).rpartition("/")[2]
    outside.headers["Authorization"] = f"Bearer {token}"
    assert outside.get(f"{public.url}/api/v1/jobs/{job_id}").status_code == 401
    assert outside.post(f"{public.url}/api/v1/jobs/{job_id}/approve").status_code == 401


def test_of_two_taps_at_once_one_decides(admin: httpx.Client) -> None:
    job_id = a_job(admin)
    url = a_link(admin, job_id)
    with ThreadPoolExecutor(4) as pool:

        def tap(number: int) -> httpx.Response:
            decision = ("approve", "reject")[number % 2]
            return httpx.post(url, data={"decision": decision}, timeout=30, trust_env=False)

        codes = sorted(answer.status_code for answer in pool.map(tap, range(4)))
    assert codes[0] == 200
    assert set(codes[1:]) <= {404, 409}, codes
    made = admin.get("/api/v1/audit", params={"q": f"job {job_id}", "action": "job."}).json()["items"]
    assert len([entry for entry in made if entry["action"] in ("job.approve", "job.reject")]) == 1


def test_files_are_named_and_the_reviewer_is_told_that_they_are_not_shown(
    admin: httpx.Client, outside: httpx.Client
) -> None:
    attached = [{"name": "numbers.txt", "data": "SGVsbG8="}]
    url = a_link(admin, a_job(admin, payload={**MAIL, "attachments": attached}))
    page = Page(outside.get(url).text)
    assert "name: numbers.txt" in page.facts["Attachments"]
    assert "Files are named here, not shown" in page.words
    assert "Files are named here" not in Page(outside.get(a_link(admin, a_job(admin))).text).words


# -- making links --------------------------------------------------------------------------------------------


def test_no_token_makes_a_link_and_neither_does_who_may_not_approve(public: JobRunner, admin: httpx.Client) -> None:
    job_id = a_job(admin)
    path, body = f"/api/v1/jobs/{job_id}/review-links", {"reviewer": "Eve", "hours": 24}
    token = admin.post("/api/v1/tokens", json={"name": "boss", "scopes": ["admin", "agent"]}).json()["token"]
    refused = public.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    assert "may not approve" in assert_problem(refused, 403)["detail"]
    assert_problem(public.http.post(path, json=body), 401)


def test_a_link_that_cannot_be_is_refused_by_its_field(admin: httpx.Client) -> None:
    job_id = a_job(admin)
    path = f"/api/v1/jobs/{job_id}/review-links"
    for body, field in (({"reviewer": "Eve", "hours": 169}, "hours"), ({"reviewer": "", "hours": 1}, "reviewer")):
        problem = assert_problem(admin.post(path, json=body), 422)
        assert [fault["field"] for fault in problem["errors"]] == [field]
    assert_problem(admin.post("/api/v1/jobs/999999/review-links", json={"reviewer": "Eve", "hours": 1}), 404)


def test_a_rule_without_links_is_named(admin: httpx.Client) -> None:
    strict = {"kind": "require", "title": "Urgent mail", "types": ["EMAIL_SEND"], "domains": ["strict.example"]}
    rule = admin.post("/api/v1/approval-rules", json=strict).json()
    job_id = a_job(admin, payload={**MAIL, "to": ["ada@strict.example"]})
    answer = admin.post(f"/api/v1/jobs/{job_id}/review-links", json={"reviewer": "Eve", "hours": 1})
    told = assert_problem(answer, 422)["detail"]
    assert f"by_link is off in the approval rule 'Urgent mail' ({rule['id']})" in told


@pytest.mark.either
def test_links_lead_to_the_public_address_and_guesses_have_to_wait(tmp_path: Path, own_database: str) -> None:
    more = {"DATABASE_URL": own_database, "POLL_SECONDS": 60, "PUBLIC_URL": "https://jobs.example.org/"}
    with JobRunner(tmp_path / "data", **more) as runner:
        runner.http.post("/api/v1/approval-rules", json=RULE)
        job_id = runner.submit("EMAIL_SEND", MAIL)
        url = a_link(runner.http, job_id)
        assert url.startswith("https://jobs.example.org/review/")
        own = url.removeprefix("https://jobs.example.org")
        assert runner.http.get(own).status_code == 200
        for number in range(TRIES):
            assert runner.http.get(f"/review/{number:043}").status_code == 404
        stopped = runner.http.get(own)
        assert (stopped.status_code, "Too many tries" in stopped.text) == (429, True)
        assert int(stopped.headers["retry-after"]) > 200
        assert runner.http.post(own, data={"decision": "approve"}).status_code == 429
        assert runner.job(job_id)["approval"] == "pending"
