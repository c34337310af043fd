"""A loopback language model that speaks OpenAI's chat completions, streaming and not; the test scripts its answers.

    with LlmServer() as server:
        server.says("I look it up", calls=[("fetch_page", {"url": "https://example.org"})])
        server.says("Done", ending="hang")

It is as strict as the real ones: every tool call must have its result before the next answer, and no more than that.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.servers.http import FakeServer, Reply, Request

PATH = "/v1/chat/completions"
DEADLINE = 20.0  # seconds after which a test that waits has failed
PIECE = 7  # characters in each piece of a stream

Ending = Literal["end", "hang", "cut", "error", "silent end"]


@dataclass(frozen=True)
class Answer:
    """What the model says and calls; arguments that are text are sent as they are. `usage` is input and output."""

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any] | str]] = ()
    usage: tuple[int, int] | None = (100, 20)
    ending: Ending = "end"
    finish: str | None = None

    @property
    def reason(self) -> str:
        """Why the model stopped."""
        return self.finish or ("tool_calls" if self.calls else "stop")


@dataclass(frozen=True)
class Stream(Reply):
    """An answer in pieces, after which the connection ends as the answer says."""

    pieces: tuple[bytes, ...] = ()
    ending: Ending = "end"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})


class LlmServer(FakeServer):
    """`url` is the server's, `endpoint` the one to set."""

    def __init__(self, model: str = "test-model", api_key: str | None = None) -> None:
        super().__init__()
        self.model, self.api_key = model, api_key
        self.endpoint = f"{self.url}/v1"
        self._script: deque[Answer] = deque()
        self._numbers = iter(range(1, 1_000_000))
        self._hanging = threading.Condition()
        self._hang = self._left = 0
        self._listener.RequestHandlerClass = _streaming(self, self._listener.RequestHandlerClass)

    def says(self, text: str = "", **more: Any) -> None:
        """Answer the next request that has no answer yet with this; see `Answer`."""
        self._script.append(Answer(text, **more))

    def fails(
        self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Answer the next request with an error as OpenAI words it."""
        error = {"message": message, "type": "invalid_request_error", "code": code}
        self.fail_next(PATH, status=status, json={"error": error}, headers=headers)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was asked so far."""
        return [request.json() for request in self.asked(PATH)]

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._listener._open)

    def results(self, number: int = -1) -> list[str]:
        """The results of tool calls that stand in one of the requests, the last unless another is named."""
        return [message["content"] for message in self.bodies[number]["messages"] if message["role"] == "tool"]

    def wait_for_hanging(self, count: int = 1) -> None:
        """Block until so many answers hang; in a coroutine call it by `asyncio.to_thread`."""
        self._wait(lambda: self._hang >= count)

    def wait_until_left(self, count: int = 1) -> None:
        """Block until so many clients have closed a connection whose answer hung."""
        self._wait(lambda: self._left >= count)

    def answer(self, request: Request) -> Reply:
        """The next scripted answer, if the request is well-formed."""
        if self.api_key and request.bearer != self.api_key:
            return _error(401, f"Incorrect API key provided: {request.bearer}", "invalid_api_key")
        body = request.json()
        if body["model"] != self.model:
            return _error(404, f"The model `{body['model']}` does not exist", "model_not_found")
        if fault := _history_fault(body["messages"]):
            return _error(400, fault, None)
        if not self._script:
            return _error(400, "the test has scripted no further answer", None)
        answer = self._script.popleft()
        if body.get("stream"):
            wants_usage = bool(body.get("stream_options", {}).get("include_usage"))
            return Stream(pieces=tuple(self._pieces(answer, wants_usage=wants_usage)), ending=answer.ending)
        return Reply(self._whole(answer))

    def held(self) -> None:
        """A client waits in the middle of its answer."""
        with self._hanging:
            self._hang += 1
            self._hanging.notify_all()

    def let_go(self) -> None:
        """That client has closed the connection."""
        with self._hanging:
            self._left += 1
            self._hanging.notify_all()

    def _wait(self, holds: Any) -> None:
        with self._hanging:
            if not self._hanging.wait_for(holds, DEADLINE):
                raise TimeoutError(f"not within {DEADLINE} s; {self._hang} hung, {self._left} left")

    def _calls(self, answer: Answer) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{next(self._numbers)}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for name, given in answer.calls
        ]

    def _whole(self, answer: Answer) -> dict[str, Any]:
        message = {"role": "assistant", "content": answer.text or None, "tool_calls": self._calls(answer) or None}
        choice = {"index": 0, "message": message, "finish_reason": answer.reason}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def _pieces(self, answer: Answer, *, wants_usage: bool) -> Iterator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in _cut(answer.text):
            yield self._chunk({"content": piece})
        for index, call in enumerate(self._calls(answer)):
            arguments = call["function"]["arguments"]
            begun = {**call, "function": {**call["function"], "arguments": ""}}
            yield self._chunk({"tool_calls": [{"index": index, **begun}]})
            for piece in _cut(arguments):
                yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        if answer.ending == "error":
            yield _event({"error": {"message": "the graphics card fell over", "type": "server_error"}})
        if answer.ending != "end":
            return
        yield self._chunk({}, answer.reason)
        if wants_usage and answer.usage:
            yield _event({**self._envelope("chat.completion.chunk"), "choices": [], "usage": _usage(answer)})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({**self._envelope("chat.completion.chunk"), "choices": [choice]})

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": self.model}


def _usage(answer: Answer) -> dict[str, int] | None:
    if answer.usage is None:
        return None
    asked, answered = answer.usage
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _cut(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _error(status: int, message: str, code: str | None) -> Reply:
    return Reply({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status)


def _history_fault(messages: list[dict[str, Any]]) -> str | None:
    """As OpenAI: an assistant's tool calls are each followed by one result, and arguments are JSON objects."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"{message['tool_call_id']} is the result of no tool call"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"tool calls without a result: {open_calls}"
        for call in message.get("tool_calls") or []:
            open_calls.add(call["id"])
            with suppress(ValueError):
                if isinstance(json.loads(call["function"]["arguments"]), dict):
                    continue
            return f"{call['id']} has arguments that are no JSON object"
    return f"tool calls without a result: {open_calls}" if open_calls else None


def _streaming(server: LlmServer, handler: Any) -> Any:
    """The handler, which sends streams in chunks besides."""

    class Streaming(handler):  # type: ignore[misc]
        def _send(self, reply: Reply) -> None:
            if not isinstance(reply, Stream):
                super()._send(reply)
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Transfer-Encoding": "chunked"}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self._end(reply.ending)

        def _end(self, ending: Ending) -> None:
            if ending == "hang":
                server.held()
                with suppress(OSError):
                    self.connection.recv(1)
                server.let_go()
            if ending in ("hang", "cut"):
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

    return Streaming
