"""Who may what by the programs' door: roles, tokens and their scopes, and the audit log that tells of it."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import new_database
from tests.support.server import JobRunner
from ui.live import MAX_LOADING

pytestmark = pytest.mark.either

PASSWORD = "correct horse"
ROLES = ["viewer", "operator", "approver", "admin"]
MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


@pytest.fixture(scope="module")
def public(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[JobRunner]:
    """One that asks for sign-in, with a person of each role, whose name it is."""
    folder = tmp_path_factory.mktemp("public") / "data"
    settings = {"HOST": "0.0.0.0", "ADMIN_PASSWORD": PASSWORD, "POLL_SECONDS": 60}
    with new_database(kind, request, folder) as url, JobRunner(folder, DATABASE_URL=url, **settings) as running:
        with signed_in(running, "admin") as admin:
            for role in ROLES[:-1]:
                answer = admin.post("/api/v1/people", json={"name": role, "role": role, "password": PASSWORD})
                assert answer.status_code == 201, answer.text
        yield running


@contextmanager
def signed_in(runner: JobRunner, name: str) -> Iterator[httpx.Client]:
    """A browser of this person."""
    own = {"Origin": runner.url}
    with httpx.Client(base_url=runner.url, timeout=30, trust_env=False, headers=own) as browser:
        assert browser.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        yield browser


@pytest.fixture(scope="module")
def browsers(public: JobRunner) -> Iterator[dict[str, httpx.Client]]:
    """A browser of each role, signed in once: a password takes its time."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(signed_in(public, role)) for role in ROLES}


@pytest.fixture
def admin(public: JobRunner) -> Iterator[httpx.Client]:
    with signed_in(public, "admin") as browser:
        yield browser


def a_program(runner: JobRunner, secret: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=runner.url, timeout=30, trust_env=False, headers=headers)


def a_job(browser: httpx.Client, **more: Any) -> int:
    job = {"type": "EMAIL_SEND", "payload": MAIL, "requires_approval": True, **more}
    answer = browser.post("/api/v1/jobs", json=job)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


CALLS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "look": ("GET", "/api/v1/jobs", {}, "viewer"),
    "create": ("POST", "/api/v1/jobs", {"type": "EMAIL_SEND", "payload": MAIL}, "operator"),
    "pause": ("POST", "/api/v1/jobs/{job}/pause", {}, "operator"),
    "cancel": ("POST", "/api/v1/jobs/{job}/cancel", {}, "operator"),
    "approve": ("POST", "/api/v1/jobs/{job}/approve", {}, "approver"),
    "reject": ("POST", "/api/v1/jobs/{job}/reject", {}, "approver"),
    "limit a type": ("PATCH", "/api/v1/job-types/SOCIAL_POST", {"paused": False}, "admin"),
    "connect a channel": ("POST", "/api/v1/channels", {"name": "{new}", "kind": "feed"}, "admin"),
    "test a channel": ("POST", "/api/v1/channels/1/test", {}, "admin"),
    "remove a channel": ("DELETE", "/api/v1/channels/99", {}, "admin"),
    "see people": ("GET", "/api/v1/people", {}, "admin"),
    "add people": ("POST", "/api/v1/people", {"name": "{new}", "role": "viewer", "password": PASSWORD}, "admin"),
    "change people": ("PATCH", "/api/v1/people/99", {"role": "admin"}, "admin"),
    "remove people": ("DELETE", "/api/v1/people/99", {}, "admin"),
    "see tokens": ("GET", "/api/v1/tokens", {}, "admin"),
    "make tokens": ("POST", "/api/v1/tokens", {"name": "{new}", "scopes": ["agent"]}, "admin"),
    "revoke tokens": ("DELETE", "/api/v1/tokens/99", {}, "admin"),
    "see the audit log": ("GET", "/api/v1/audit", {}, "admin"),
    "export the audit log": ("GET", "/api/v1/audit/export", {}, "admin"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_not_is_refused_in_words(browsers: dict[str, httpx.Client], role: str, call: str) -> None:
    method, path, body, least = CALLS[call]
    path = path.replace("{job}", str(a_job(browsers["admin"]))) if "{job}" in path else path
    body = {name: f"{role} {call}" if value == "{new}" else value for name, value in body.items()}
    answer = browsers[role].request(method, path, json=body or None)
    if ROLES.index(role) >= ROLES.index(least):
        assert answer.status_code in (200, 201, 404), answer.text
    else:
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith(f"{role} ({role}) may not ")
        assert answer.json()["detail"].endswith(f"that takes the role {least} or more")


@pytest.mark.parametrize(
    ("scope", "may_create", "may_administer"),
    [("jobs:read", False, False), ("jobs:write", True, False), ("agent", True, False), ("admin", True, True)],
)
def test_a_token_may_what_its_scopes_say_and_never_approves(
    public: JobRunner, admin: httpx.Client, scope: str, may_create: bool, may_administer: bool
) -> None:
    made = admin.post("/api/v1/tokens", json={"name": f"with {scope}".replace(":", " "), "scopes": [scope]}).json()
    waiting = a_job(admin)
    with a_program(public, made["token"]) as program:
        assert program.get(f"/api/v1/jobs/{waiting}").status_code == 200
        created = program.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL, "requires_approval": True})
        assert created.status_code == (201 if may_create else 403), created.text
        assert program.get("/api/v1/people").status_code == (200 if may_administer else 403)
        for move in ("approve", "reject"):
            assert program.post(f"/api/v1/jobs/{waiting}/{move}").status_code == 403
        if may_create:
            assert created.json()["created_by"] == made["name"], "unless it says otherwise"


def test_a_token_opens_no_page_and_nothing_once_it_is_revoked(public: JobRunner, admin: httpx.Client) -> None:
    made = admin.post("/api/v1/tokens", json={"name": "short", "scopes": ["jobs:read"]}).json()
    with a_program(public, made["token"]) as program:
        assert program.get("/app/jobs").status_code == 403
        assert program.get("/metrics").status_code == 200
        assert program.get("/api/v1/jobs").status_code == 200
        assert admin.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
        answer = program.get("/api/v1/jobs")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    (listed,) = [token for token in admin.get("/api/v1/tokens").json()["items"] if token["name"] == "short"]
    assert listed["revoked_at"]
    assert listed["last_used_at"]
    assert "token" not in listed


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer nonsense", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==", "x"])
def test_what_is_no_token_opens_nothing_not_even_with_a_session(admin: httpx.Client, authorization: str) -> None:
    answer = admin.get("/api/v1/jobs", headers={"Authorization": authorization})
    assert answer.status_code == 401


def test_on_loopback_a_token_is_asked_for_its_rights_though_nobody_signs_in(runner: JobRunner) -> None:
    made = runner.http.post("/api/v1/tokens", json={"name": "local bot", "scopes": ["jobs:read"]}).json()
    with a_program(runner, made["token"]) as program:
        assert program.get("/api/v1/jobs").status_code == 200
        assert program.post("/api/v1/jobs", json={"type": "TEST_NOOP", "payload": {}}).status_code == 403
    with a_program(runner, "jr_unknown") as program:
        assert program.get("/api/v1/jobs").status_code == 401


def test_a_role_that_changes_counts_from_the_next_request_on(public: JobRunner, admin: httpx.Client) -> None:
    person = admin.post("/api/v1/people", json={"name": "rising", "role": "viewer", "password": PASSWORD}).json()
    with signed_in(public, "rising") as browser:
        assert browser.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL}).status_code == 403
        assert admin.patch(f"/api/v1/people/{person['id']}", json={"role": "operator"}).json()["role"] == "operator"
        assert browser.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL}).status_code == 201
        assert admin.delete(f"/api/v1/people/{person['id']}").status_code == 204
        assert browser.get("/api/v1/jobs").status_code == 401


def test_on_a_laptop_the_first_person_is_an_admin_and_from_then_on_everybody_signs_in(
    tmp_path: Path, own_database: str
) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database) as runner:
        person = {"name": "ada", "role": "viewer", "password": PASSWORD}
        refused = runner.http.post("/api/v1/people", json=person)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "role")
        assert runner.http.get("/api/v1/jobs").status_code == 200
        assert runner.http.post("/api/v1/people", json={**person, "role": "admin"}).status_code == 201
        assert runner.http.get("/api/v1/jobs").status_code == 401
        with signed_in(runner, "ada") as ada:
            assert [entry["actor"] for entry in entries(ada, action="person.add")] == ["local"]


# -- limits --------------------------------------------------------------------------------------------------


def test_a_token_that_submits_too_much_has_to_wait_and_people_do_not(tmp_path: Path, own_database: str) -> None:
    with JobRunner(tmp_path / "data", DATABASE_URL=own_database, MAX_SUBMISSIONS_A_MINUTE=3) as runner:
        made = runner.http.post("/api/v1/tokens", json={"name": "eager", "scopes": ["agent"]}).json()
        job = {"type": "TEST_NOOP", "payload": {}}
        with a_program(runner, made["token"]) as program:
            answers = [program.post("/api/v1/jobs", json=job) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
            assert "at most 3 a minute" in answers[-1].json()["detail"]
            assert program.get("/api/v1/jobs").json()["total"] == 3
        assert [runner.submit("TEST_NOOP") for _ in range(4)]


def test_pages_that_are_asked_for_and_never_opened_are_too_many_some_day(tmp_path: Path) -> None:
    with JobRunner(tmp_path / "data", HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD) as runner:
        with signed_in(runner, "admin") as admin:
            admin.post("/api/v1/people", json={"name": "other", "role": "viewer", "password": PASSWORD})
            answers = [admin.get("/app/agents") for _ in range(MAX_LOADING + 1)]
            assert [answer.status_code for answer in answers] == [200] * MAX_LOADING + [429]
            assert answers[-1].headers["retry-after"] == "60"
            assert admin.get("/api/v1/jobs").status_code == 200
        with signed_in(runner, "other") as other:
            assert other.get("/app/agents").status_code == 200, "nobody else has to wait"


# -- the audit log -------------------------------------------------------------------------------------------


def entries(browser: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get("/api/v1/audit", params=query).json()["items"]
    return found


def test_what_somebody_did_is_recorded_with_before_and_after(public: JobRunner, admin: httpx.Client) -> None:
    with signed_in(public, "approver") as browser:
        job_id = a_job(browser)
        browser.post(f"/api/v1/jobs/{job_id}/reject", json={"reason": "Not today"})
    rejected, submitted = entries(admin, q=f"job {job_id}", actor="approver")
    assert (submitted["action"], submitted["after"]["type"]) == ("job.submit", "EMAIL_SEND")
    assert (rejected["action"], rejected["address"], rejected["kind"]) == ("job.reject", "127.0.0.1", "person")
    assert (rejected["before"]["status"], rejected["after"]["status"]) == ("queued", "cancelled")
    assert rejected["after"]["reason"] == "Not today"


def test_what_was_refused_leaves_no_entry(public: JobRunner, admin: httpx.Client) -> None:
    job_id = a_job(admin)
    with signed_in(public, "viewer") as browser:
        browser.post(f"/api/v1/jobs/{job_id}/cancel")
    admin.post(f"/api/v1/jobs/{job_id}/resume")
    assert [entry["action"] for entry in entries(admin, q=f"job {job_id}")] == ["job.submit"]


def test_signing_in_and_out_are_recorded(public: JobRunner, admin: httpx.Client) -> None:
    with signed_in(public, "operator") as browser:
        browser.post("/logout")
    assert [entry["action"] for entry in entries(admin, actor="operator")[:2]] == ["session.end", "session.begin"]


def test_no_secret_is_in_the_log(public: JobRunner, admin: httpx.Client) -> None:
    made = admin.post("/api/v1/tokens", json={"name": "secretive", "scopes": ["agent"]}).json()
    admin.post("/api/v1/people", json={"name": "secretive", "role": "viewer", "password": "canary-password"})
    credentials = {"access_token": "canary-credential"}
    channel = {"name": "secretive", "kind": "mastodon", "url": "http://127.0.0.1:9"}
    admin.post("/api/v1/channels", json={**channel, "credentials": credentials})
    exported = admin.get("/api/v1/audit/export", params={"form": "jsonl"}).text
    assert "secretive" in exported
    for secret in (made["token"], "canary-password", "canary-credential"):
        assert secret not in exported


def test_the_log_is_exported_as_csv_and_as_lines_of_json(public: JobRunner, admin: httpx.Client) -> None:
    reason = "=HYPERLINK(1)"
    with signed_in(public, "approver") as browser:
        job_id = a_job(browser, created_by=reason)
    table = admin.get("/api/v1/audit/export", params={"q": f"job {job_id}"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert (row["actor"], row["action"], row["target"]) == ("approver", "job.submit", f"job {job_id}")
    lines = admin.get("/api/v1/audit/export", params={"form": "jsonl", "q": f"job {job_id}"}).text.splitlines()
    assert [json.loads(line)["target"] for line in lines] == [f"job {job_id}"]


def test_a_listing_goes_on_where_it_ended(admin: httpx.Client) -> None:
    first = admin.get("/api/v1/audit", params={"limit": 3}).json()
    then = admin.get("/api/v1/audit", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    ids = [entry["id"] for entry in [*first["items"], *then["items"]]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 6
