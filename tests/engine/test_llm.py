"""The language model's endpoint: what is asked of it, what it answers, and what each of its faults means in words."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine import llm
from engine.errors import AttemptError, PermanentError, TransientError
from engine.settings import Settings
from tests.servers.llm import PATH, LlmServer

KEY = "sk-a-key-that-nobody-may-see"


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer() as running:
        yield running


def at(server: LlmServer, **more: Any) -> Settings:
    return Settings(**{"llm_url": server.endpoint, "llm_model": "test-model", **more})


async def fault(server: LlmServer, **more: Any) -> AttemptError:
    """What a draft fails with; it has nothing behind it that a log could show."""
    with pytest.raises(AttemptError) as caught:
        await llm.draft(at(server, **more), "mail", "Invite the team")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "No language model is connected: set JOB_RUNNER_LLM_URL and JOB_RUNNER_LLM_MODEL"),
        ({"llm_url": "http://127.0.0.1:1/v1"}, "No language model is connected: set JOB_RUNNER_LLM_MODEL"),
        ({"llm_url": "http://127.0.0.1:1/v1", "llm_model": "m"}, None),
    ],
)
async def test_what_has_to_be_set_is_told_and_without_it_nothing_is_drafted(
    given: dict[str, Any], told: str | None
) -> None:
    settings = Settings.model_construct(**given)
    assert llm.missing(settings) == told
    if told:
        with pytest.raises(PermanentError, match=told):
            await llm.draft(settings, "mail", "Invite the team")


@pytest.mark.parametrize(
    ("form", "rule"), [("mail", "No subject line"), ("post", "at most 280 characters"), ("document", "heading")]
)
async def test_a_draft_is_asked_for_by_its_kind_and_comes_as_it_was_written(
    server: LlmServer, form: llm.DraftKind, rule: str
) -> None:
    server.says("Dear all,\n\ncome **tomorrow**.\n")
    assert await llm.draft(at(server), form, "Invite the team for tomorrow") == "Dear all,\n\ncome **tomorrow**."
    (body,) = server.bodies
    rules, brief = body["messages"]
    assert (rules["role"], brief) == ("system", {"role": "user", "content": "Invite the team for tomorrow"})
    assert rule in rules["content"]
    assert (body["model"], body["stream"], "tools" in body) == ("test-model", True, False)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("```markdown\n# Plan\n\nText\n```", "# Plan\n\nText"),
        ("Before\n```\ncode\n```", "Before\n```\ncode\n```"),
        ("```\na\n```\n\n```\nb\n```", "```\na\n```\n\n```\nb\n```"),
        ("<think>Hm, a plan…</think>\n# Plan", "# Plan"),
        ("So. <think>Hm</think>\n# Plan", "So. \n# Plan"),
    ],
)
async def test_a_fence_around_the_whole_draft_and_thoughts_before_it_are_no_part_of_it(
    server: LlmServer, written: str, kept: str
) -> None:
    server.says(written)
    assert await llm.draft(at(server), "document", "A plan") == kept


async def test_an_empty_draft_is_a_fault_and_so_is_one_without_end(server: LlmServer) -> None:
    server.says("  \n")
    assert "wrote nothing" in str(await fault(server))
    server.says("x" * 60_000)
    assert "wrote more than 50,000 characters" in str(await fault(server))


@pytest.mark.parametrize(
    ("status", "code", "severity", "told"),
    [
        (400, None, PermanentError, "refuses the request (400): because of it"),
        (401, "invalid_api_key", PermanentError, "wants a key (401): because of it. Check JOB_RUNNER_LLM_API_KEY"),
        (403, None, PermanentError, "Check JOB_RUNNER_LLM_API_KEY"),
        (
            404,
            "model_not_found",
            PermanentError,
            "has no model test-model (404): because of it. Check JOB_RUNNER_LLM_MODEL",
        ),
        (413, None, PermanentError, "refuses the request (413)"),
        (400, "context_length_exceeded", PermanentError, "cannot take so long a conversation (400)"),
        (429, "insufficient_quota", PermanentError, "quota or credit is used up (429)"),
        (301, None, PermanentError, "sends on to elsewhere (301). Check JOB_RUNNER_LLM_URL"),
        (429, None, TransientError, "asks to wait (429): because of it"),
        (500, None, TransientError, "cannot answer now (500): because of it"),
        (503, None, TransientError, "cannot answer now (503)"),
    ],
)
async def test_a_refusal_says_what_to_change_or_may_be_tried_again(
    server: LlmServer, status: int, code: str | None, severity: type[AttemptError], told: str
) -> None:
    server.fails(status, "because of it", code=code)
    caught = await fault(server)
    assert type(caught) is severity
    assert str(caught).startswith(f"The language model at {server.endpoint} ")
    assert told in str(caught)
    assert len(server.requests) == 1, "who tries again is the engine"


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("7", timedelta(seconds=7)), ("9999999", timedelta(days=1)), ("-5", None), ("soon", None), ("inf", None)],
)
async def test_how_long_the_endpoint_asks_to_wait_is_waited_but_not_for_ever(
    server: LlmServer, asked: str, waits: timedelta | None
) -> None:
    server.fails(429, "slow down", headers={"Retry-After": asked})
    caught = await fault(server)
    assert isinstance(caught, TransientError)
    assert caught.retry_after == waits


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("cut", "was lost: the connection broke off"),
        ("silent end", "broke its answer off"),
        ("error", "the graphics card fell over"),
    ],
)
async def test_half_an_answer_is_no_answer(server: LlmServer, ending: Any, told: str) -> None:
    server.says("Dear all, come", ending=ending)
    caught = await fault(server)
    assert isinstance(caught, TransientError)
    assert told in str(caught)


async def test_an_endpoint_that_falls_silent_is_given_up_and_the_connection_with_it(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm, "SILENCE_SECONDS", 0.5)
    server.says("Dear all, come", ending="hang")
    caught = await fault(server)
    assert isinstance(caught, TransientError)
    assert "has said nothing for 0.5 s" in str(caught)
    await asyncio.to_thread(server.wait_until_left)
    server.hold_next(PATH, after_effect=False)
    assert "has said nothing for 0.5 s" in str(await fault(server))


async def test_a_draft_that_takes_too_long_is_given_up(server: LlmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await llm.load()
    monkeypatch.setattr(llm, "DRAFT_SECONDS", 0.3)
    server.says("Dear all, come", ending="hang")
    caught = await fault(server)
    assert isinstance(caught, TransientError)
    assert "has not written it within 0.3 s" in str(caught)


async def test_who_gives_up_waiting_leaves_no_connection_behind(server: LlmServer) -> None:
    server.says("Dear all, come", ending="hang")
    drafting = asyncio.ensure_future(llm.draft(at(server), "mail", "Invite the team"))
    await asyncio.to_thread(server.wait_for_hanging)
    drafting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drafting
    await asyncio.to_thread(server.wait_until_left)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_endpoint_that_is_not_there_may_come_back() -> None:
    with LlmServer() as server:
        pass
    caught = await fault(server)
    assert isinstance(caught, TransientError)
    assert str(caught) == f"The language model at {server.endpoint} cannot be reached"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome to nginx</html>",
        b"",
        b'{"object": "something else"}',
        b"data: {nonsense\n\n",
        b'data: {"choices": [{"delta": 5}]}\n\n',
        b"data: [1, 2]\n\n",
        b"\xff\xfe\n\n",
    ],
)
async def test_what_is_no_such_endpoint_is_told_with_the_setting_to_check(server: LlmServer, body: bytes) -> None:
    server.fail_next(PATH, status=200, body=body, headers={"Content-Type": "text/event-stream"})
    caught = await fault(server)
    assert isinstance(caught, PermanentError)
    assert "does not answer as OpenAI's chat completions do" in str(caught)
    assert "Check JOB_RUNNER_LLM_URL" in str(caught)


async def test_the_key_is_sent_and_shows_in_no_fault_though_the_endpoint_repeats_it(server: LlmServer) -> None:
    server.api_key = KEY
    server.says("Hello")
    assert await llm.draft(at(server, llm_api_key=KEY), "mail", "Invite the team") == "Hello"
    server.fails(400, f"{KEY} may not do that")
    assert "••• may not do that" in str(await fault(server, llm_api_key=KEY))
    server.says(f"Your key is {KEY}")
    assert await llm.draft(at(server, llm_api_key=KEY), "mail", "Tell me") == "Your key is •••"
    assert "refuses the key (401)" in str(await fault(server, llm_api_key="sk-another-key"))


async def test_what_the_environment_says_for_another_service_is_not_sent(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"OPENAI_API_KEY": "sk-theirs", "OPENAI_ORG_ID": "org-theirs", "OPENAI_PROJECT_ID": "project-theirs"}
    for name, value in {**others, "HTTP_PROXY": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    server.says("Hello")
    await llm.draft(at(server), "mail", "Invite the team")
    (request,) = server.requests
    assert request.bearer == "none"
    assert "theirs" not in str(request.headers)


def test_tokens_add_up_and_cost_what_the_prices_say() -> None:
    settings = Settings.model_construct(llm_input_price=2.5, llm_output_price=10)
    used = llm.Tokens(1_000, 200) + llm.Tokens(500, 50, is_estimate=True)
    assert (used.input, used.output, used.total, used.is_estimate) == (1_500, 250, 1_750, True)
    assert used.cost(settings) == 0.00625
    assert used.cost(Settings.model_construct(llm_input_price=0, llm_output_price=0)) == 0


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    look = (
        "import engine.llm, engine.jobs.agent_task, sys; print({'pydantic_ai', 'openai', 'httpx2'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_the_test_server_speaks_the_protocol_as_its_own_library_reads_it(server: LlmServer) -> None:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    asked = {"model": "test-model", "messages": [{"role": "user", "content": "Hello"}]}
    for more in ({}, {"stream": True, "stream_options": {"include_usage": True}}):
        server.says("I look", calls=[("fetch_page", {"url": "https://example.org"})])
        response = httpx.post(f"{server.endpoint}/chat/completions", json={**asked, **more})
        if not more:
            whole = ChatCompletion.model_validate_json(response.text, strict=True)
            continue
        *events, done = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        chunks = [ChatCompletionChunk.model_validate_json(event, strict=True) for event in events]
    assert (whole.choices[0].message.content, done) == ("I look", "[DONE]")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "I look"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 120
