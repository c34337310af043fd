"""Reaching a mail server: connecting, encrypting (RFC 3207) and signing in (RFC 4954), and leaving again.

Until a message's content goes out, every fault is certain. After its first byte nobody knows, until the
server's answer to it:

    stage                               4xx         5xx         lost, too late or unreadable
    connect, TLS, EHLO, AUTH            transient   permanent   transient
    MAIL, RCPT, DATA up to its 354      transient   permanent   transient
    content and its answer              transient   permanent   unknown
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, cast

import aiosmtplib

from engine.channels.smtp_faults import certain, trusted
from engine.channels.smtp_session import ANSWER_TIMEOUT, Delivery, Session
from engine.errors import PermanentError, TransientError

__all__ = ["Delivery", "Security", "Session", "SmtpServer", "check", "connect"]

GOODBYE_TIMEOUT = 2.0  # seconds
FORGET = struct.pack("ii", 1, 0)  # SO_LINGER of socket(7): on, for no time

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class SmtpServer:
    """How to reach a mail server.

    `username` None means not to sign in, `ssl_context` None the system's certificate authorities. Seconds to
    wait: `timeout` for each step, `answer_timeout` for the answer to a message.
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    security: Security
    timeout: float = 30
    ssl_context: ssl.SSLContext | None = None
    answer_timeout: float = ANSWER_TIMEOUT


class _Client(aiosmtplib.SMTP):
    """The library's client, but closing at once: a plain close first sends what is still buffered.

    What waits for a line that is cut must not arrive once a person has said that it did not: the system forgets it.

    NOTE: it gets no timeout, as the library would wait by `asyncio.wait_for`, which in Python 3.11 forgets a
    cancellation that comes together with the answer: a cancelled message would go out. `certain` waits instead.
    """

    def close(self) -> None:
        if self.transport is not None:
            with suppress(OSError):  # it may be closed already
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, FORGET)
            cast(asyncio.WriteTransport, self.transport).abort()
        super().close()


@asynccontextmanager
async def connect(server: SmtpServer) -> AsyncIterator[Session]:
    """Connect, encrypt and sign in, everything that may be repeated; raises PermanentError or TransientError.

    Sends no password and no mail in the clear if `security` asks for TLS. Leaving does not await the answer
    to QUIT, so neither a slow server nor a cancelled task loses what `send` returned. Any exception but the
    two, a cancellation too, cuts the connection at once.
    """
    client = _Client(
        hostname=server.host,
        port=server.port,
        timeout=None,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=server.ssl_context,
        local_hostname="localhost",
    )
    try:
        await _reach(client, server)
        await _encrypt(client, server)
        await _sign_in(client, server)
        yield Session(client, server.host, server.timeout, server.answer_timeout)
    except BaseException as error:
        answered = isinstance(error, PermanentError | TransientError) and not isinstance(error.__cause__, OSError)
        if answered:
            _leave(client)
        else:
            client.close()
        raise
    _leave(client)


async def check(server: SmtpServer) -> str:
    """Try everything but a message, and say in a sentence what works. Raises like `connect`."""
    async with connect(server) as session:
        await session.noop()
    security = {"starttls": "STARTTLS", "tls": "TLS", "none": "not encrypted"}[server.security]
    account = "not signed in" if server.username is None else f"signed in as {server.username}"
    return f"{server.host} accepts mail from this account ({security}, {account})"


async def _reach(client: _Client, server: SmtpServer) -> None:
    async with certain(server.host, f"the first contact on port {server.port}", server.timeout):
        with trusted(server.host, server.port):
            await client.connect()
        client.local_hostname = _address_literal(client.get_transport_info("sockname")[0])
        await client.ehlo()


def _address_literal(ip: str) -> str:
    """Our name in EHLO: the address, as most machines have no public name (RFC 5321, 4.1.4)."""
    return f"[IPv6:{ip.partition('%')[0]}]" if ":" in ip else f"[{ip}]"


async def _encrypt(client: _Client, server: SmtpServer) -> None:
    if server.security != "starttls":
        return
    if not client.supports_extension("starttls"):
        raise PermanentError(f"{server.host} does not offer STARTTLS on port {server.port}, so nothing was sent")
    async with certain(server.host, "STARTTLS", server.timeout):
        with trusted(server.host, server.port):
            await client.starttls()
        await client.ehlo()


async def _sign_in(client: _Client, server: SmtpServer) -> None:
    """One attempt by one method, lest a wrong password count three times towards a lock-out."""
    if server.username is None:
        return
    methods = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    order = ("cram-md5", "plain", "login") if server.security == "none" else tuple(methods)
    offered = [methods[name] for name in order if name in client.server_auth_methods]
    if not offered:
        raise PermanentError(f"{server.host} offers no way to sign in that is known here: {', '.join(order)}")
    async with certain(server.host, "the user name or password", server.timeout):
        await offered[0](server.username, server.password or "")


def _leave(client: _Client) -> None:
    if client.protocol is None or client.transport is None or not client.is_connected:
        return
    transport = cast(asyncio.WriteTransport, client.transport)
    with suppress(aiosmtplib.SMTPException):
        client.protocol.write(b"QUIT\r\n")
    transport.close()
    asyncio.get_running_loop().call_later(GOODBYE_TIMEOUT, transport.abort)
