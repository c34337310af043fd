"""A real mail server for tests, on 127.0.0.1, that can refuse, hang up or fall silent at any stage.

Stages: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA (the command), 354 (the go-ahead has just been given),
CONTENT (the message is in and has no answer yet), NOOP, QUIT. The server has its own thread; use it from any.
"""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from functools import cache, wraps
from types import TracebackType
from typing import Any, Literal, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

Security = Literal["starttls", "tls", "none"]

DEADLINE = 20.0  # seconds after which a test that waits has failed


@dataclass(frozen=True)
class Received:
    """One message with its envelope; `raw` is what came between the go-ahead and the final dot."""

    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The message as a mail program reads it."""
        return message_from_bytes(self.raw, EmailMessage, policy=SMTPUTF8)


@dataclass
class _Order:
    """What to do at a stage: `times` times (None: always), if the command's line contains `address`."""

    stage: str
    act: Literal["answer", "drop", "hold"]
    text: str = ""
    times: int | None = 1
    address: str = ""


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


class SmtpTestServer:
    """A mail server: `with SmtpTestServer() as server: …`, then `server.port`, `server.messages`."""

    host = "127.0.0.1"

    def __init__(
        self,
        tls: Security = "none",
        username: str | None = None,
        password: str | None = None,
        without: Iterable[str] = (),
        certified: str = host,
    ) -> None:
        """`without`: EHLO keywords not to be offered ("SMTPUTF8", …); `certified`: the certificate's host."""
        self.ca = _authority()
        self.certificate = self.ca.issue_cert(certified)
        self.tls, self.username, self.password = tls, username, password
        self.without = {*without, *(() if username else ("AUTH",))}
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.held: list[str] = []
        self.connections: set[_Conversation] = set()
        self._orders: list[_Order] = []
        self._changed = threading.Condition()
        self._released = asyncio.Event()
        self._controller = _Controller(self)

    def __enter__(self) -> Self:
        self._controller.start()
        self.wait_until(lambda: not self.connections)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._controller.loop).result(DEADLINE)
        self._controller.stop()

    @property
    def port(self) -> int:
        return self._controller.port

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts this server."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context

    def answer(self, stage: str, text: str, times: int | None = 1, address: str = "") -> None:
        """Answer `text` at the stage instead of going on; for MAIL and RCPT maybe only to `address`."""
        self.change(lambda: self._orders.append(_Order(stage, "answer", text, times, address)))

    def drop(self, stage: str) -> None:
        """Hang up at the stage; at CONTENT the message is recorded first."""
        self.change(lambda: self._orders.append(_Order(stage, "drop")))

    def hold(self, stage: str) -> None:
        """Fall silent at the stage until `release`; `server.held` names stages that a client has come to."""
        self.change(lambda: self._orders.append(_Order(stage, "hold")))

    def release(self) -> None:
        """Let everything that is held now go on; stages that nobody has come to yet are still held."""
        self._controller.loop.call_soon_threadsafe(self._let_go)

    def wait_for(self, count: int, timeout: float = DEADLINE) -> list[Received]:
        """Block until `count` messages have come; in a coroutine call it by `asyncio.to_thread`."""
        self.wait_until(lambda: len(self.messages) >= count, timeout)
        return self.messages

    def wait_until(self, condition: Callable[[], bool], timeout: float = DEADLINE) -> None:
        """Block until the condition, which looks at this server, holds; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"not within {timeout} s; commands so far: {self.commands}")

    def change(self, apply: Callable[[], None]) -> None:
        """Change what tests look at, and wake those who wait for it."""
        with self._changed:
            apply()
            self._changed.notify_all()

    def take_order(self, stage: str, line: str) -> _Order | None:
        """What was ordered for the stage; the last time it counts, it is forgotten."""
        with self._changed:
            for order in self._orders:
                if order.stage == stage and order.address in line:
                    order.times = order.times and order.times - 1
                    if order.times == 0:
                        self._orders.remove(order)
                    return order
        return None

    async def obey(self, order: _Order | None, conversation: "_Conversation") -> str | None:
        """Do what was ordered; returns the answer that replaces the usual one, if any."""
        if order is None:
            return None
        if order.act == "answer":
            return order.text
        if order.act == "drop":
            await conversation.hang_up()
        self.change(lambda: self.held.append(order.stage))
        await self._released.wait()
        return None

    def _let_go(self) -> None:
        with self._changed:
            self._orders = [o for o in self._orders if o.act != "hold" or o.stage not in self.held]
        released, self._released = self._released, asyncio.Event()
        released.set()

    async def _hang_up(self) -> None:
        for conversation in tuple(self.connections):
            conversation.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Controller(Controller):
    def __init__(self, owner: SmtpTestServer) -> None:
        self._owner = owner
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        owner.certificate.configure_cert(self._context)
        implicit = self._context if owner.tls == "tls" else None
        super().__init__(_Hooks(owner), hostname=owner.host, port=0, ssl_context=implicit, ready_timeout=30)

    def factory(self) -> SMTP:
        starttls = self._context if self._owner.tls == "starttls" else None
        return _Conversation(self._owner, self.handler, starttls)

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


_Command = Callable[["_Conversation", str | None], Awaitable[None]]


def _at(stage: str) -> _Command:
    """The library's command, after what was ordered for it."""
    usual: Callable[[SMTP, str | None], Awaitable[None]] = getattr(SMTP, f"smtp_{stage}")

    @wraps(usual)
    async def command(self: "_Conversation", line: str | None) -> None:
        self.owner.change(lambda: self.owner.commands.append(f"{stage} {line or ''}".strip()))
        text = await self.owner.obey(self.owner.take_order(stage, line or ""), self)
        await (usual(self, line) if text is None else self.push(text))

    return command


class _Conversation(SMTP):
    """One connection."""

    def __init__(self, owner: SmtpTestServer, hooks: "_Hooks", starttls: ssl.SSLContext | None) -> None:
        self.owner = owner
        super().__init__(
            hooks,
            hostname="mail.test",
            tls_context=starttls,
            auth_require_tls=starttls is not None,
            auth_callback=self._knows,
            enable_SMTPUTF8="SMTPUTF8" not in owner.without,
        )

    def _knows(self, _: str, login: bytes, password: bytes) -> bool:
        return (login.decode(), password.decode()) == (self.owner.username, self.owner.password)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.owner.change(lambda: self.owner.connections.add(self))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.owner.change(lambda: self.owner.connections.discard(self))

    def abort(self) -> None:
        if self.transport is not None:
            assert isinstance(self.transport, asyncio.WriteTransport)
            self.transport.abort()

    async def hang_up(self) -> None:
        """Cut the connection, and stay here until the library ends this conversation."""
        self.abort()
        await asyncio.Event().wait()

    async def _handle_client(self) -> None:
        try:
            text = await self.owner.obey(self.owner.take_order("CONNECT", ""), self)
        except asyncio.CancelledError:  # the client went away
            self.abort()
            raise
        if text is None:
            await super()._handle_client()
        else:
            await self.push(text)
            self.abort()

    async def push(self, status: Any) -> None:
        await super().push(status)
        if str(status).startswith("354"):
            await self.owner.obey(self.owner.take_order("354", ""), self)


for _stage in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "NOOP", "QUIT"):
    setattr(_Conversation, f"smtp_{_stage}", _at(_stage))


class _Hooks:
    """Where the library asks what to answer."""

    def __init__(self, owner: SmtpTestServer) -> None:
        self._owner = owner

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in lines if line[4:].partition(" ")[0] not in self._owner.without]

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._owner.username and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: "_Conversation", _session: Session, envelope: Envelope
    ) -> str:
        order = self._owner.take_order("CONTENT", "")
        if order is None or order.act != "answer" or order.text.startswith("2"):
            received = _received(envelope)
            self._owner.change(lambda: self._owner.messages.append(received))
        return await self._owner.obey(order, server) or "250 2.0.0 Ok: queued as 4F1A"


def _received(envelope: Envelope) -> Received:
    assert envelope.mail_from is not None
    assert envelope.original_content is not None
    options = tuple(envelope.mail_options)
    return Received(envelope.mail_from, tuple(envelope.rcpt_tos), options, envelope.original_content)
