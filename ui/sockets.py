"""A page's socket belongs to whoever the page was made for; NiceGUI itself takes whoever knows the page's id."""

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from nicegui import Client, core
from socketio.exceptions import ConnectionRefusedError as Refused  # type: ignore[import-untyped]  # ships no types
from socketio.packet import Packet  # type: ignore[import-untyped]
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.actors import Actor

_PAGE = re.compile(r"/_nicegui/client/([^/]+)/")
PING_SECONDS = 5.0
SILENT_SECONDS = 5.0  # after a ping: so a page says within 10 s that it hears nothing
OF_A_PAGE = ("event", "javascript_response", "ack", "log")  # what a browser says about a page, by the page's id

Handler = Callable[..., Any]


def bind_sockets() -> None:
    """Let a socket speak only for a page of its own session, and only after it shook hands for that page."""
    handlers: dict[str, Handler] = core.sio.handlers["/"]
    for name in OF_A_PAGE:
        handlers[name] = _only_in_its_room(handlers[name])
    handlers["handshake"] = _only_by_its_owner(handlers["handshake"])
    handlers["connect"] = _connected(handlers["connect"])
    TextPacket.json = core.sio.packet_class.json
    core.sio.packet_class = TextPacket


class TextPacket(Packet):  # type: ignore[misc]  # its base has no types
    """Pages are told texts alone, so nobody goes through every message to look for bytes in it."""

    uses_binary_events = False


def _only_in_its_room(handler: Handler) -> Handler:
    async def guarded(sid: str, message: Any) -> Any:
        if isinstance(message, dict) and message.get("client_id") in core.sio.rooms(sid):
            return await _result(handler(sid, message))
        return None

    return guarded


def _only_by_its_owner(handler: Handler) -> Handler:
    async def guarded(sid: str, data: Any) -> Any:
        if isinstance(data, dict) and _may_listen(core.sio.get_environ(sid), data.get("client_id")):
            return await _result(handler(sid, data))
        return False

    return guarded


def _connected(handler: Handler) -> Handler:
    """The handshake may come with the connection, in its query."""

    async def guarded(sid: str, environ: dict[str, Any], auth: Any = None) -> Any:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [None])[0]
        if asked is not None and not _may_listen(environ, asked):
            raise Refused("this page is another session's")
        return await _result(handler(sid, environ, auth))

    return guarded


def notice_silence() -> None:
    """Let both ends of a socket notice soon that the other is silent; NiceGUI, once it has started, waits longer."""
    core.sio.eio.ping_interval = PING_SECONDS
    core.sio.eio.ping_timeout = SILENT_SECONDS


class PageOwner:
    """Lets uploads through to a page of one's own only; the application around it has told who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer as if there were no such page."""
        of_page = _PAGE.match(scope["path"]) if scope["type"] == "http" else None
        if of_page and not _is_owner(scope, of_page[1]):
            await PlainTextResponse("There is no such page", 404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _may_listen(environ: dict[str, Any] | None, client_id: object) -> bool:
    return _is_owner((environ or {}).get("asgi.scope", {}), client_id)


def _is_owner(scope: Scope, client_id: object) -> bool:
    """Whether this session is the one that the page was made for; a page that is gone is refused elsewhere."""
    client = Client.instances.get(str(client_id))
    if client is None:
        return True
    who: Actor | None = scope.get("state", {}).get("actor")
    whose: Actor | None = client.request.scope.get("state", {}).get("actor")
    return who is not None and whose is not None and (who.key, who.session) == (whose.key, whose.session)


async def _result(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value
