"""The agents' door by MCP, asked with the SDK's own client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from tests.api.outside import SCHEMA, define, definition
from tests.api.test_jobs import assert_problem
from tests.support.moments import LATER
from tests.support.server import JobRunner

MAIL = {"to": ["ada@example.org"], "subject": "Hello", "body": "Text"}


@asynccontextmanager
async def agent(runner: JobRunner, token: str | None = None) -> AsyncIterator[Client]:
    """An MCP client, with a token or at a laptop's own door."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{runner.url}/mcp", http_client=http)) as client,
    ):
        yield client


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """What the tool answers."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    told: dict[str, Any] = result.structured_content
    return told


async def refused(client: Client, tool: str, /, **arguments: Any) -> str:
    """Why the tool refuses."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


async def tools(client: Client) -> dict[str, Any]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


async def test_each_job_type_is_a_tool_with_its_payloads_schema(runner: JobRunner) -> None:
    key = define(runner)
    async with agent(runner) as client:
        shown = await tools(client)
        mail, own = shown["submit_email_send"], shown[f"submit_{key.lower()}"]
        assert set(mail.input_schema["properties"]) >= {"to", "subject", "body", "job_options"}
        assert mail.input_schema["required"] == ["to", "subject", "body"]
        assert "cannot be taken back" in mail.description
        assert mail.annotations.destructive_hint
        assert own.input_schema["properties"]["text"] == SCHEMA["properties"]["text"]
        assert own.title == "Translate a text"


async def test_an_agent_submits_waits_and_reads_the_result(runner: JobRunner) -> None:
    async with agent(runner) as client:
        told = await call(client, "submit_test_render", title="A film", job_options={"name": "My film"})
        job_id = told["job"]["id"]
        assert told["job"]["url"] == f"{runner.url}/app/jobs/{job_id}"
        assert (told["job"]["name"], told["job"]["created_by"]) == ("My film", "mcp")
        done = await call(client, "wait_for_job", job_id=job_id, timeout_seconds=20)
        assert (done["done"], done["job"]["status"]) == (True, "completed")
        assert done["job"]["result"] == {"message": "Rendered A film"}
        whole = await call(client, "get_job", job_id=job_id)
        assert [line["text"] for line in whole["attempts"][0]["log"]] == ["Started"]
        listed = await call(client, "list_jobs", type="TEST_RENDER", limit=1)
        assert [job["id"] for job in listed["jobs"]] == [job_id]


async def test_waiting_ends_when_a_person_is_needed_or_the_time_is_over(runner: JobRunner) -> None:
    async with agent(runner) as client:
        asked = await call(client, "submit_email_send", **MAIL, job_options={"requires_approval": True})
        job_id = asked["job"]["id"]
        assert (await call(client, "wait_for_job", job_id=job_id, timeout_seconds=30))["done"]
        needs = await call(client, "what_needs_a_person")
        assert job_id in {job["id"] for job in needs["awaiting_approval"]}
        later = await call(client, "submit_email_send", **MAIL, job_options={"run_at": LATER})
        waited = await call(client, "wait_for_job", job_id=later["job"]["id"], timeout_seconds=0.1)
        assert (waited["done"], waited["job"]["status"]) == (False, "queued")


async def test_jobs_are_paused_resumed_retried_and_cancelled(runner: JobRunner) -> None:
    async with agent(runner) as client:
        job_id = (await call(client, "submit_email_send", **MAIL, job_options={"run_at": LATER}))["job"]["id"]
        assert (await call(client, "pause_job", job_id=job_id))["job"]["status"] == "paused"
        assert (await call(client, "resume_job", job_id=job_id))["job"]["status"] == "queued"
        assert "a job that is queued cannot be retried" in await refused(client, "retry_job", job_id=job_id)
        assert (await call(client, "cancel_job", job_id=job_id))["job"]["status"] == "cancelled"


async def test_bad_input_is_told_by_field_and_creates_nothing(runner: JobRunner) -> None:
    async with agent(runner) as client:
        before = (await call(client, "list_jobs", limit=1))["total"]
        said = await refused(client, "submit_email_send", to="nobody", subject="", body="x", colour="red")
        assert "payload.subject: Subject must not be empty" in said
        assert "payload.colour: colour is not a field here" in said
        assert "limit" in await refused(client, "list_jobs", limit=0)
        assert "job_options.priority" in await refused(
            client, "submit_email_send", **MAIL, job_options={"priority": "now"}
        )
        assert "there is no job 9" in await refused(client, "get_job", job_id=9_000_000_000)
        with pytest.raises(MCPError, match="there is no tool"):
            await client.call_tool("approve_job", {"job_id": 1})
        assert (await call(client, "list_jobs", limit=1))["total"] == before


async def test_the_same_key_gives_the_first_job(runner: JobRunner) -> None:
    async with agent(runner) as client:
        options = {"run_at": LATER, "idempotency_key": f"mcp {id(client)}"}
        first = await call(client, "submit_email_send", **MAIL, job_options=options)
        again = await call(client, "submit_email_send", **MAIL, job_options=options)
        assert (first["created"], again["created"]) == (True, False)
        assert first["job"]["id"] == again["job"]["id"]


async def test_an_agent_works_by_mcp_from_claim_to_completion(runner: JobRunner) -> None:
    key = define(runner)
    async with agent(runner) as client:
        me = (await call(client, "register_agent", name=f"mcp {key}", types=[key]))["agent"]["id"]
        submitted = await call(client, f"submit_{key.lower()}", text="Good morning", to="fr")
        (job,) = (await call(client, "claim_jobs", agent_id=me, wait_seconds=10))["jobs"]
        assert job["payload"] == {"text": "Good morning", "to": "fr"}
        own = {"agent_id": me, "job_id": job["job_id"], "lease_token": job["lease_token"]}
        await call(client, "report_job", **own, progress=50, log=["Half way"])
        assert "must not go back" in await refused(client, "report_job", **own, progress=10)
        await call(client, "upload_artifact", **own, name="text.txt", content="Bonjour")
        await call(client, "report_job", **own, status="completed", result={"message": "Bonjour"})
        assert "no longer holds" in await refused(client, "report_job", **own, status="completed")
        done = await call(client, "get_job", job_id=submitted["job"]["id"])
        assert done["job"]["result"] == {"message": "Bonjour"}
        assert runner.http.get(f"/api/v1/jobs/{job['job_id']}/artifacts/text.txt").text == "Bonjour"


async def test_many_agents_at_once_are_all_served(runner: JobRunner) -> None:
    async def one(number: int) -> str:
        async with agent(runner) as client:
            job_id = (await call(client, "submit_test_render", title=f"Film {number}"))["job"]["id"]
            done = await call(client, "wait_for_job", job_id=job_id, timeout_seconds=30)
            return str(done["job"]["result"]["message"])

    assert await asyncio.gather(*map(one, range(8))) == [f"Rendered Film {number}" for number in range(8)]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRunner]:
    folder = tmp_path_factory.mktemp("public") / "data"
    with JobRunner(folder, HOST="0.0.0.0", ADMIN_PASSWORD="correct horse", POLL_SECONDS=0.1) as running:
        yield running


@pytest.mark.sqlite
async def test_scopes_decide_which_tools_there_are_and_every_deed_is_recorded(public: JobRunner) -> None:
    reader, writer = public.token("reader", "jobs:read"), public.token("writer", "jobs:write")
    worker, boss = public.token("worker", "agent"), public.token("boss", "admin")
    async with agent(public, reader) as client:
        looks = {"list_jobs", "get_job", "wait_for_job", "what_needs_a_person", "get_review"}
        more = {"list_workflows", "list_runs", "get_run", "list_schedules", "get_schedule"} | {
            "get_usage",
            "list_budgets",
        }
        assert set(await tools(client)) == looks | more
        with pytest.raises(MCPError, match="there is no tool"):
            await client.call_tool("submit_email_send", MAIL)
    async with agent(public, writer) as client:
        shown = set(await tools(client))
        assert {"submit_email_send", "cancel_job"} <= shown
        assert "claim_jobs" not in shown
        job = (await call(client, "submit_email_send", **MAIL, job_options={"run_at": LATER}))["job"]
        assert job["created_by"] == "writer"
    async with agent(public, worker) as client:
        assert "claim_jobs" in await tools(client)
    as_boss = {"Authorization": f"Bearer {boss}"}
    kept = public.http.get("/api/v1/audit", params={"actor": "writer"}, headers=as_boss).json()["items"]
    assert ("job.submit", f"job {job['id']}") in {(entry["action"], entry["target"]) for entry in kept}
    public.http.post("/api/v1/job-types", json=definition(), headers=as_boss)


@pytest.mark.sqlite
async def test_a_revoked_token_waits_no_longer(public: JobRunner) -> None:
    as_boss = {"Authorization": f"Bearer {public.token('chief', 'admin')}"}
    ear = {"name": "ear", "scopes": ["jobs:read"]}
    made = public.http.post("/api/v1/tokens", json=ear, headers=as_boss).json()
    later = {"type": "TEST_NOOP", "payload": {}, "run_at": LATER}
    job_id = public.http.post("/api/v1/jobs", json=later, headers=as_boss).json()["id"]
    async with agent(public, made["token"]) as client:
        waiting = asyncio.create_task(refused(client, "wait_for_job", job_id=job_id, timeout_seconds=50))
        await call(client, "list_jobs")  # answered after the other was asked
        async with asyncio.timeout(20):
            assert public.http.delete(f"/api/v1/tokens/{made['id']}", headers=as_boss).status_code == 204
            assert "signed out" in await waiting


@pytest.mark.sqlite
def test_without_a_token_or_from_a_foreign_site_nothing_is_answered(public: JobRunner, runner: JobRunner) -> None:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    assert public.http.post("/mcp", json=ask, headers=accept).status_code == 401
    foreign = runner.http.post("/mcp", json=ask, headers={**accept, "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert runner.http.post("/mcp", content=b"{", headers=accept).status_code == 400
    assert_problem(runner.http.get("/mcp"), 405)
