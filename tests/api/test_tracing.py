"""Traces, from whoever submits a job to its effect on the world, told to a real collector."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.api.test_webhooks import connected
from tests.chaos.watch import read, until
from tests.servers.hook import PATH, HookServer
from tests.servers.http import FakeServer, Reply, Request
from tests.servers.otlp import OtlpServer, Seen
from tests.servers.smtp import SmtpTestServer
from tests.support.command import command
from tests.support.server import ROOT, JobRunner, WorkerProcess, free_port

SECONDS = 15
CALLER = "b7ad6b7169203331"
MAIL = {"to": ["ada@example.org"], "subject": "Secret subject", "body": "Secret body"}


class Service(FakeServer):
    """Takes whatever it is asked."""

    def answer(self, request: Request) -> Reply:
        """Yes."""
        return Reply({})


@pytest.fixture(scope="module")
def collector() -> Iterator[OtlpServer]:
    with OtlpServer() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield server


@pytest.fixture(scope="module")
def mail() -> Iterator[SmtpTestServer]:
    with SmtpTestServer() as server:
        yield server


@pytest.fixture(scope="module")
def runner(
    collector: OtlpServer, mail: SmtpTestServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JobRunner]:
    own = {"SMTP_HOST": mail.host, "SMTP_PORT": mail.port, "SMTP_SECURITY": "none", "SMTP_FROM": "jr@example.org"}
    with JobRunner(tmp_path_factory.mktemp("traced") / "data", POLL_SECONDS=0.1, **own) as running:
        yield running


@pytest.fixture
def trace() -> str:
    """The caller's, another one for each test."""
    return uuid4().hex


def traceparent(trace: str) -> str:
    return f"00-{trace}-{CALLER}-01"


def submit(runner: JobRunner, told: str, type_key: str, payload: dict[str, Any]) -> int:
    body = {"type": type_key, "payload": payload}
    answer = runner.http.post("/api/v1/jobs", json=body, headers={"traceparent": told})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def one(collector: OtlpServer, trace: str, name: str) -> Seen:
    """The one span of this name in the trace, once it has come."""

    def found() -> list[Seen]:
        return [each for each in collector.named(name) if each.trace == trace]

    until(found, SECONDS, f"a span {name!r} came, beside {collector.spans}")
    (seen,) = found()
    return seen


def test_a_mail_is_one_trace_from_the_callers_span_to_the_mail_server(
    runner: JobRunner, collector: OtlpServer, mail: SmtpTestServer, trace: str
) -> None:
    job_id = submit(runner, traceparent(trace), "EMAIL_SEND", MAIL)
    mail.wait_for(1)
    names = ("submit EMAIL_SEND", "run EMAIL_SEND", "effect of EMAIL_SEND")
    submitted, attempt, effect = (one(collector, trace, name) for name in names)
    assert [each.parent for each in (submitted, attempt, effect)] == [CALLER, submitted.id, attempt.id]
    assert [each.kind for each in (submitted, attempt, effect)] == ["producer", "consumer", "client"]
    assert not any(each.is_error for each in (submitted, attempt, effect))
    assert attempt.values == {
        "messaging.system": "job_runner",
        "messaging.destination.name": "EMAIL_SEND",
        "messaging.message.id": str(job_id),
        "job_runner.attempt": 1,
        "job_runner.outcome": "succeeded",
    }
    told = str(collector.spans)
    assert "Secret" not in told, "what a mail says is nobody's business elsewhere"
    assert "ada@" not in told
    assert effect.service == "job-runner"


def test_an_attempt_that_fails_is_an_error_and_its_words_stay_here(
    runner: JobRunner, collector: OtlpServer, trace: str
) -> None:
    failing = {"title": "x", "fail": "ada owes money"}
    runner.until(submit(runner, traceparent(trace), "TEST_RENDER", failing), "failed")
    attempt = one(collector, trace, "run TEST_RENDER")
    assert attempt.is_error
    assert (attempt.values["error.type"], attempt.values["job_runner.outcome"]) == ("failed", "failed")
    assert "ada" not in str(collector.spans)


def test_a_call_takes_the_trace_along_and_so_does_what_webhooks_are_told(
    runner: JobRunner, collector: OtlpServer, trace: str
) -> None:
    with Service() as service, HookServer() as hooks:
        connected(runner, hooks, kinds=["job.completed"])
        call = {"url": f"{service.url}/do", "body": "{}"}
        job_id = submit(runner, traceparent(trace), "WEBHOOK_CALL", call)
        runner.until(job_id, "completed")
        until(lambda: hooks.kinds_of(job_id), SECONDS, "the webhook was told")
        (called,), told = service.asked("/do"), hooks.asked(PATH)
    effect, telling = one(collector, trace, "effect of WEBHOOK_CALL"), one(collector, trace, "tell webhook")
    assert called.headers["traceparent"] == f"00-{trace}-{effect.id}-01"
    assert f"00-{trace}-{telling.id}-01" in {request.headers["traceparent"] for request in told}
    assert telling.parent == one(collector, trace, "submit WEBHOOK_CALL").id


async def test_an_agents_trace_goes_on_too(runner: JobRunner, collector: OtlpServer, trace: str) -> None:
    async with (
        httpx2.AsyncClient(headers={"traceparent": traceparent(trace)}, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{runner.url}/mcp", http_client=http)) as client,
    ):
        assert not (await client.call_tool("submit_test_noop", {})).is_error
    submitted = await asyncio.to_thread(one, collector, trace, "submit TEST_NOOP")
    attempt = await asyncio.to_thread(one, collector, trace, "run TEST_NOOP")
    assert (submitted.parent, attempt.parent) == (CALLER, submitted.id)


@pytest.mark.parametrize("odd", ["nonsense", f"00-{'0' * 32}-{CALLER}-01", f"00-{'a' * 32}-{CALLER}-01-more"])
def test_a_traceparent_that_is_none_begins_a_new_trace(runner: JobRunner, collector: OtlpServer, odd: str) -> None:
    job_id = submit(runner, odd, "TEST_NOOP", {})
    runner.until(job_id, "completed")

    def found() -> list[Seen]:
        return [each for each in collector.spans if each.values.get("messaging.message.id") == str(job_id)]

    until(lambda: len(found()) == 2, SECONDS, "both spans came")
    submitted, attempt = sorted(found(), key=lambda each: each.parent)
    assert (submitted.parent, attempt.parent, attempt.trace) == ("", submitted.id, submitted.trace)
    assert submitted.trace not in ("0" * 32, "a" * 32)


@pytest.mark.postgres
def test_the_trace_goes_on_in_a_worker(collector: OtlpServer, trace: str, tmp_path: Path, own_database: str) -> None:
    settings = {"POLL_SECONDS": 0.1, "DATABASE_URL": own_database}
    with JobRunner(tmp_path / "web", **settings) as web, WorkerProcess(tmp_path / "worker", **settings) as worker:
        worker.until_it_said("worker online")
        job_id = submit(web, traceparent(trace), "TEST_NOOP", {})
        web.until(job_id, "completed")
        worker.stop()
        submitted, attempt = one(collector, trace, "submit TEST_NOOP"), one(collector, trace, "run TEST_NOOP")
    assert (attempt.parent, submitted.parent) == (submitted.id, CALLER)


def test_a_collector_that_is_away_costs_no_job_and_no_time_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trace: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner:
        runner.until(submit(runner, traceparent(trace), "TEST_NOOP", {}), "completed")
        began = time.monotonic()
        assert runner.stop() == 0
        assert time.monotonic() - began < 5


def test_unless_it_is_wanted_no_library_is_loaded_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trace: str
) -> None:
    code = "import sys, main, ui.app, engine.worker; print('opentelemetry.sdk' in sys.modules, 'google' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False False"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1) as runner:
        runner.until(submit(runner, traceparent(trace), "TEST_NOOP", {}), "completed")
        assert read(runner, "SELECT COUNT(*) FROM job_trace") == [(0,)]


def test_a_protocol_that_is_not_spoken_here_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    ended = command(DATA_DIR=tmp_path, PORT=free_port())
    assert ended.returncode == 2
    assert ended.stderr == "job-runner: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not 'grpc'\n"
