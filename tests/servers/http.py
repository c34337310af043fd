"""A real HTTP/1.1 server in a thread, with faults that a test scripts.

    with MastodonServer() as server:
        server.fail_next("/api/v1/statuses", status=503)
        server.drop_next("/api/v1/statuses", after_effect=True)

Faults are kept per path and happen once each, in the order they were scripted.
"""

import json
import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def bearer(self) -> str | None:
        """The token in the Authorization header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else None

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What a server answers: `json`, or else `body` as it is."""

    json: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def content(self) -> bytes:
        """The bytes to send."""
        return self.body if self.json is None else json.dumps(self.json).encode()


@dataclass(frozen=True)
class _Fault:
    """Instead of the server's answer: `reply`, or no answer at all, with the line cut or held open."""

    reply: Reply | None
    after_effect: bool
    hold: bool = False


class FakeServer(ABC):
    """The base of the servers; what they keep may be read and changed from any thread while they run."""

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self._faults: dict[str, deque[_Fault]] = defaultdict(deque)
        self._listener = _Listener((self.host, port), _handler_of(self))
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self.port: int = self._listener.server_address[1]
        self.url = f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        # The socket listens since the constructor, so a client that comes before the thread only waits.
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.cut_all()
        self._listener.server_close()
        self._thread.join()

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Do what the request asks; called under `lock`."""

    def fail_next(
        self,
        path: str,
        *,
        status: int = 500,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes = b"",
        after_effect: bool = False,
    ) -> None:
        """Answer the next request for the path with this, having done what it asks or not.

        A `Content-Length` larger than the body cuts the connection in the middle of the answer.
        """
        self._faults[path].append(_Fault(Reply(json, status, headers or {}, body), after_effect))

    def drop_next(self, path: str, *, after_effect: bool) -> None:
        """Close the connection instead of answering, having done what was asked or not."""
        self._faults[path].append(_Fault(None, after_effect))

    def hold_next(self, path: str, *, after_effect: bool) -> None:
        """Never answer; keep the connection open until the client closes it or the server stops."""
        self._faults[path].append(_Fault(None, after_effect, hold=True))

    def asked(self, path: str) -> list[Request]:
        """The requests for the path so far."""
        with self.lock:
            return [request for request in self.requests if request.path == path]

    def react(self, request: Request) -> Reply | _Fault:
        """The answer, or the fault that takes its place."""
        with self.lock:
            self.requests.append(request)
            fault = self._faults[request.path].popleft() if self._faults[request.path] else None
            if fault is None:
                return self.answer(request)
            if fault.after_effect:
                self.answer(request)
            return fault.reply or fault


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # so that server_close() joins the threads
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the fault, unless it is only that a client has hung up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def cut_all(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler_of(server: FakeServer) -> type[BaseRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            outcome = server.react(self._request())
            if isinstance(outcome, Reply):
                self._send(outcome)
                return
            if outcome.hold:
                with suppress(OSError):
                    self.connection.recv(1)
            self.close_connection = True

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name in the standard library)
            """Say nothing."""

        def _request(self) -> Request:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            return Request(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)

        def _send(self, reply: Reply) -> None:
            content = reply.content()
            usual = {"Content-Type": "application/json", "Content-Length": str(len(content))}
            headers = {**usual, **reply.headers}
            self.send_response(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            if headers["Content-Length"] != usual["Content-Length"]:
                self.close_connection = True  # a body that ends too early

    return Handler
