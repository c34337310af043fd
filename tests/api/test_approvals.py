"""Approvals by REST and MCP: agents submit and revise, people decide, administrators set the policy."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.test_mcp import agent, call, refused, tools
from tests.support.server import JobRunner

pytestmark = pytest.mark.sqlite

PASSWORD = "correct horse"
MAIL = {"to": ["grace@example.org"], "subject": "Numbers", "body": "Here they are."}


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("approvals") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD=PASSWORD, POLL_SECONDS=0.1, UNDO_SECONDS=600) as running:
        yield running


@pytest.fixture(scope="module")
def boss(public: JobRunner) -> Iterator[httpx.Client]:
    """The administrator, signed in by a browser."""
    with httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers={"Origin": public.url}) as browser:
        assert browser.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303
        yield browser


@pytest.fixture(scope="module")
def token(public: JobRunner) -> str:
    return public.token("writer", "jobs:write")


@pytest.fixture(scope="module")
def writer(public: JobRunner, token: str) -> Iterator[httpx.Client]:
    """An agent that writes mails."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers=headers) as client:
        yield client


def submitted(client: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/jobs", json={"type": "EMAIL_SEND", "payload": MAIL, **more})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def asked(client: httpx.Client, job: dict[str, Any], what: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/jobs/{job['id']}/{what}", json=body)
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json() if answer.content else {}
    return document


def test_an_agents_mail_waits_with_its_reason_and_no_token_can_approve_it(
    boss: httpx.Client, writer: httpx.Client, public: JobRunner
) -> None:
    job = submitted(writer)
    assert (job["approval"], job["approval_reason"], job["version"]) == ("pending", "Mail from agents", 1)
    almighty = {"Authorization": f"Bearer {public.token('almighty', 'admin', 'jobs:write', 'agent')}"}
    for what in ("approve", "reject", "undo-approval"):
        answer = public.http.post(f"/api/v1/jobs/{job['id']}/{what}", headers=almighty)
        assert answer.status_code == 403
        assert "approve and reject jobs" in answer.json()["detail"]
    assert submitted(boss)["approval"] is None, "a person's own mail goes"


def test_an_approval_is_for_what_was_looked_at_and_can_be_undone(boss: httpx.Client, writer: httpx.Client) -> None:
    job = submitted(writer)
    revised = asked(writer, job, "revise", payload={**MAIL, "subject": "Others"}, comment="Better")
    assert (revised["version"], revised["payload"]["subject"]) == (2, "Others")
    late = asked(boss, job, "approve", 409, content_hash=job["content_hash"])
    assert "would do something else than was shown: look at version 2" in late["detail"]
    approved = asked(boss, job, "approve", content_hash=revised["content_hash"], comment="Good")
    assert (approved["approval"], approved["status"]) == ("approved", "queued")
    assert approved["undo_until"]
    assert approved["waiting_for"].startswith("Approved; goes at ")
    again = asked(boss, job, "approve", 409)
    assert "admin approved this job at " in again["detail"]
    undone = asked(boss, job, "undo-approval")
    assert (undone["approval"], undone["undo_until"]) == ("pending", None)


def test_a_rejection_comes_back_with_its_comment_and_the_revision_is_the_same_job(
    boss: httpx.Client, writer: httpx.Client
) -> None:
    job = submitted(writer)
    rejected = asked(boss, job, "reject", reason="Shorter, please", content_hash=job["content_hash"])
    assert (rejected["status"], rejected["error"]) == ("cancelled", "Rejected: Shorter, please")
    assert "revise" in rejected["allowed"]
    asked(writer, job, "comments", 204, text="I will")
    asked(writer, job, "revise", payload={**MAIL, "body": "Here."}, version=1)
    stale = asked(writer, job, "revise", 409, payload=MAIL, version=1)
    assert stale["detail"].startswith(f"version 2 of job {job['id']} is the latest, not 1")
    review = writer.get(f"/api/v1/jobs/{job['id']}/review").json()
    assert [(step["kind"], step["actor"]) for step in review["steps"]] == [
        ("rejected", "admin"),
        ("commented", "writer"),
        ("revised", "writer"),
    ]
    assert [version["payload"]["body"] for version in review["versions"]] == ["Here they are.", "Here."]
    assert review["missing"] == ["1 more person (Mail from agents)"]


def test_a_bad_revision_names_its_field_and_changes_nothing(writer: httpx.Client) -> None:
    job = submitted(writer)
    problem = asked(writer, job, "revise", 422, payload={**MAIL, "to": []})
    assert [error["field"] for error in problem["errors"]] == ["payload.to"]
    assert writer.get(f"/api/v1/jobs/{job['id']}").json()["version"] == 1


def test_administrators_set_the_policy_and_what_it_holds_says_why(boss: httpx.Client, writer: httpx.Client) -> None:
    rule = {"kind": "require", "title": "Mail to many", "types": ["EMAIL_SEND"], "min_recipients": 3}
    assert writer.post("/api/v1/approval-rules", json=rule).status_code == 403
    made = boss.post("/api/v1/approval-rules", json=rule)
    assert made.status_code == 201, made.text
    many = {**MAIL, "cc": ["a@example.org", "b@example.org"]}
    assert submitted(boss, payload=many)["approval_reason"] == "Mail to many"
    assert submitted(boss)["approval"] is None
    titles = [each["title"] for each in writer.get("/api/v1/approval-rules").json()["items"]]
    assert titles == ["Mail from agents", "Posts from agents", "Mail to many"]
    assert boss.delete(f"/api/v1/approval-rules/{made.json()['id']}").status_code == 204
    assert boss.delete(f"/api/v1/approval-rules/{made.json()['id']}").status_code == 404
    assert submitted(boss, payload=many)["approval"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "maybe"}, "kind"),
        ({"title": ""}, "title"),
        ({"types": ["NO_SUCH"]}, "types"),
        ({"channels": ["nowhere"]}, "channels"),
        ({"domains": ["not a domain"]}, "domains"),
        ({"approvers": 0}, "approvers"),
        ({"kind": "trust", "types": ["EMAIL_SEND"]}, "names"),
        ({"kind": "trust", "names": ["writer"]}, "types"),
    ],
)
def test_a_bad_rule_is_refused_with_its_field(boss: httpx.Client, change: dict[str, Any], field: str) -> None:
    answer = boss.post("/api/v1/approval-rules", json={"kind": "require", "title": "A rule", **change})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_what_was_always_approved_is_suggested_and_once_trusted_goes_by_itself(
    boss: httpx.Client, public: JobRunner
) -> None:
    headers = {"Authorization": f"Bearer {public.token('steady', 'jobs:write')}"}
    with httpx.Client(base_url=public.url, timeout=30, trust_env=False, headers=headers) as steady:
        for _ in range(5):
            asked(boss, submitted(steady), "approve")
        found = boss.get("/api/v1/approval-suggestions").json()["items"]
        (suggested,) = [each for each in found if each["rule"]["names"] == ["steady"]]
        assert (suggested["approved"], len(suggested["jobs"])) == (5, 5)
        assert steady.get("/api/v1/approval-suggestions").status_code == 403
        rule = boss.post("/api/v1/approval-rules", json=suggested["rule"]).json()
        trusted = submitted(steady)
        assert trusted["approval"] == "approved"
        (step,) = steady.get(f"/api/v1/jobs/{trusted['id']}/review").json()["steps"]
        assert (step["kind"], step["rule_id"]) == ("trusted", rule["id"])


async def test_an_agent_learns_by_mcp_why_it_was_rejected_and_revises(
    public: JobRunner, boss: httpx.Client, token: str
) -> None:
    async with agent(public, token) as client:
        assert {"revise_job", "get_review"} <= set(await tools(client))
        job = (await call(client, "submit_email_send", **MAIL))["job"]
        asked(boss, job, "reject", reason="Shorter, please")
        review = await call(client, "get_review", job_id=job["id"])
        assert review["steps"][-1]["comment"] == "Shorter, please"
        revised = await call(client, "revise_job", job_id=job["id"], payload={**MAIL, "body": "Here."})
        assert (revised["job"]["version"], revised["job"]["approval"]) == (2, "pending")
        assert "payload.to" in await refused(client, "revise_job", job_id=job["id"], payload={"to": []})
