"""Handing one message to a mail server (RFC 5321; addresses beyond ASCII: RFC 6531)."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

import aiosmtplib

from engine.channels.mail_header import mailbox
from engine.channels.smtp_faults import (
    CLOSING,
    answer_text,
    certain,
    nobody_accepted,
    reason,
    refusal,
    unknown,
)
from engine.errors import PermanentError

ANSWER_TIMEOUT = 600.0  # seconds; RFC 5321, 4.5.3.2.6: an answer given up on becomes an unknown outcome
START_INPUT = 354

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True)
class Delivery:
    """What became of the bare addresses; `refused` maps to answers such as "550 5.1.1 User unknown"."""

    accepted: tuple[str, ...]
    refused: dict[str, str]
    answer: str


class Session:
    """A connection that is ready for one message."""

    def __init__(self, client: aiosmtplib.SMTP, host: str, timeout: float, answer_timeout: float) -> None:
        self._client = client
        self._host = host
        self._timeout = timeout
        self._answer_timeout = answer_timeout

    async def noop(self) -> None:
        """Ask for a sign of life. Raises like `connect`."""
        async with certain(self._host, "NOOP", self._timeout):
            await self._client.noop()

    async def send(self, message: EmailMessage, sender: str, recipients: Sequence[str]) -> Delivery:
        """Hand the message over, for as many of the recipients as the server accepts.

        Raises PermanentError or TransientError if nobody gets it, OutcomeUnknown if that cannot be known; the
        table in `engine.channels.smtp` says when. All refused is permanent only if every answer was 5xx.
        """
        return_address = mailbox(sender).address
        addresses = tuple(dict.fromkeys(mailbox(text).address for text in recipients))
        if not addresses:
            raise PermanentError("The mail must have at least one recipient")
        content = _on_the_wire(message)
        encoding = self._encoding(content, (return_address, *addresses))
        await self._mail(return_address, len(content), encoding)
        refused = await self._rcpt(addresses, encoding)
        await self._data()
        answer = await self._content(content, str(message["Message-ID"]))
        return Delivery(tuple(each for each in addresses if each not in refused), refused, answer)

    def _encoding(self, content: bytes, addresses: Iterable[str]) -> Literal["ascii", "utf-8"]:
        """How addresses are written; UTF-8 takes a server with SMTPUTF8."""
        beyond_ascii = [address for address in addresses if not address.isascii()]
        if not beyond_ascii and content.partition(b"\r\n\r\n")[0].isascii():
            return "ascii"
        if self._client.supports_extension("smtputf8"):
            return "utf-8"
        raise PermanentError(
            f"{self._host} cannot handle {', '.join(beyond_ascii) or 'the headers'}: letters beyond ASCII "
            "before the @ need SMTPUTF8, which it does not offer"
        )

    async def _mail(self, return_address: str, size: int, encoding: Literal["ascii", "utf-8"]) -> None:
        options = ["BODY=8BITMIME", "SMTPUTF8"] if encoding == "utf-8" else []
        if self._client.supports_extension("size"):
            options.append(f"SIZE={size}")
        async with certain(self._host, f"the sender {return_address}", self._timeout):
            await self._client.mail(return_address, options=options, encoding=encoding)

    async def _rcpt(self, addresses: Sequence[str], encoding: str) -> dict[str, str]:
        refused: dict[str, tuple[int, str]] = {}
        for address in addresses:
            async with certain(self._host, f"the recipient {address}", self._timeout):
                try:
                    await self._client.rcpt(address, encoding=encoding)
                except aiosmtplib.SMTPRecipientRefused as error:
                    if error.code == CLOSING:
                        raise
                    refused[address] = error.code, error.message
        if len(refused) == len(addresses):
            raise nobody_accepted(self._host, refused)
        return {address: answer_text(*answer) for address, answer in refused.items()}

    async def _data(self) -> None:
        async with certain(self._host, "the message before its content was sent", self._timeout):
            answer = await self._client.execute_command(b"DATA")
            if answer.code != START_INPUT:
                raise aiosmtplib.SMTPDataError(answer.code, answer.message)

    async def _content(self, content: bytes, message_id: str) -> str:
        """Send the content and wait for the verdict.

        NOTE: the library's `data` does not tell a loss before 354 from one after; its public pieces do.
        """
        host = self._host
        protocol = self._client.protocol
        async with certain(host, "the message", self._timeout):
            if protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("Connection lost")
            protocol.write(content)  # raises before the first byte, or not at all
        try:
            async with asyncio.timeout(self._answer_timeout):
                answer = await protocol.read_response()
        except (aiosmtplib.SMTPException, OSError) as error:
            self._client.close()
            raise unknown(host, message_id, reason(error)) from error
        match answer.code // 100:
            case 2:
                return answer_text(answer.code, answer.message)
            case 4 | 5:
                raise refusal(f"{host} refused the message", answer.code, answer.message)
        raise unknown(host, message_id, answer_text(answer.code, answer.message))


def _on_the_wire(message: EmailMessage) -> bytes:
    """The message with nothing but CRLF at line ends, leading dots doubled, and the final dot (4.5.2)."""
    lines = _LINE_END.sub(b"\r\n", message.as_bytes())
    end = b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"
    return _LEADING_DOT.sub(b"..", lines) + end
