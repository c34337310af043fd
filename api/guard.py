"""Who may come in: host and origin, size, sign-in, and the headers every answer carries. Websockets included."""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem, unavailable
from engine.actors import Actor, Kind
from engine.health import DRIVER_ERRORS, trouble
from engine.tracing import HEADER, continued
from models.rights import Right

MAX_BODY_BYTES = 8 * 1024 * 1024
OPEN_PATHS = frozenset(
    {
        "/login",
        "/login/oidc",
        "/login/oidc/callback",
        "/healthz",
        "/readyz",
        "/static/theme.css",
        "/static/theme.js",
        "/favicon.ico",
    }
)
_REVIEW_LINK = re.compile(r"/review/[\w-]+", re.ASCII)  # its reviewer has no account: the token in it is what counts
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
        "base-uri 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_HOST = re.compile(r"(?P<name>localhost|\d+(?:\.\d+){3}|\[[0-9a-f:]+\])(?::\d{1,5})?", re.IGNORECASE)

Recognise = Callable[[HTTPConnection], Awaitable[Actor | None]]


class Guard:
    """The outermost layer. `recognise` tells who asks, or None when sign-in is needed first."""

    def __init__(self, app: ASGIApp, *, loopback: bool, recognise: Recognise) -> None:
        self._app = app
        self._loopback = loopback
        self._recognise = recognise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)
        if refusal is None and scope["type"] == "http":
            refusal, receive = await _bounded(scope, receive)
        if refusal is None:
            with continued(Headers(scope=scope).get(HEADER)):
                await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if fault := self._foreign(scope, headers):
            return problem(403, fault)
        if is_open(scope["path"]):
            return None
        try:
            actor = await self._recognise(HTTPConnection(scope))
        except DRIVER_ERRORS as error:
            if (fault := trouble(error)) is None:
                raise
            return unavailable(HTTPConnection(scope), fault)
        if actor is not None:
            return self._let_in(scope, actor)
        if "authorization" in headers:
            refusal = problem(401, "That token is unknown, expired or revoked; create another in Settings")
            refusal.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return refusal
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS and not _is_for_programs(scope["path"]):
            return RedirectResponse(f"/login?next={quote(_target(scope))}", 303)
        refusal = problem(401, "Sign in first, at /login; programs send Authorization: Bearer <token>")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    def _let_in(self, scope: Scope, actor: Actor) -> Response | None:
        if actor.kind is Kind.TOKEN and not _is_for_tokens(scope["path"]):
            return problem(403, f"A token opens /api/v1, /mcp and /metrics, not {scope['path']}")
        if not actor.may(Right.LOOK):
            return problem(403, f"{actor.name} may do nothing here: its scopes are {actor.role or 'none'}")
        scope.setdefault("state", {})["actor"] = actor
        return None

    def _foreign(self, scope: Scope, headers: Headers) -> str | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._loopback and not is_loopback(host):
            return f"Host must be this machine's own (127.0.0.1 or localhost), not {host!r}"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") not in (None, "navigate"):
            return "Only this site's own pages may ask for this, not another site's"
        if origin is None or (scope["type"] == "http" and scope["method"] in SAFE_METHODS and not self._loopback):
            return None
        origin_host = _netloc(origin)
        if (self._loopback and not is_loopback(origin_host)) or (not self._loopback and origin_host != host):
            return f"Origin must be this page's own, not {origin!r}"
        return None


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def is_open(path: str) -> bool:
    """Whether whoever comes is let through unasked who they are."""
    return path in OPEN_PATHS or _REVIEW_LINK.fullmatch(path) is not None


def is_loopback(netloc: str) -> bool:
    """Whether a `host:port` names this machine, and is nothing but a host and a port."""
    found = _HOST.fullmatch(netloc)
    if not found:
        return False
    name = found["name"].strip("[]")
    try:
        return name.lower() == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_for_programs(path: str) -> bool:
    return path.startswith(("/api/", "/metrics", "/_nicegui")) or path == "/mcp"


def _is_for_tokens(path: str) -> bool:
    return path.startswith(("/api/", "/feed/")) or path in ("/metrics", "/feed.xml", "/mcp")


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path: str = scope["path"]
    return f"{path}?{query}" if query else path


async def _bounded(scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
    """Refuse a body over the limit before anything reads it."""
    too_large = problem(413, f"The body must have at most {MAX_BODY_BYTES:,} bytes")
    headers = Headers(scope=scope)
    declared = headers.get("content-length")
    if declared is not None:
        is_large = not declared.isdecimal() or int(declared) > MAX_BODY_BYTES
        return (too_large if is_large else None), receive
    if "transfer-encoding" not in headers:
        return None, receive
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return too_large, receive
        if message["type"] == "http.disconnect":  # who reads the body is told that it broke off
            return None, _replay([message], receive)
        if not message.get("more_body"):
            return None, _replay([{"type": "http.request", "body": bytes(body), "more_body": False}], receive)


def _replay(messages: list[Message], receive: Receive) -> Receive:
    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
