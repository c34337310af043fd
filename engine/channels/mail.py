"""A mail, and the message that carries it: the Markdown as written, and the same as HTML.

What goes out depends on the mail, its Message-ID and its date alone, so a retry sends the identical bytes.
"""

import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from mimetypes import guess_type

from markdown_it import MarkdownIt

from engine.channels.mail_header import header_fault, mailbox, write_mailboxes, write_text
from engine.errors import PermanentError

__all__ = ["Attached", "Mail", "body_fault", "build", "header_fault", "new_message_id"]

# Pure 7-bit parts, so that no server needs an extension; headers that were set raw leave as they are.
_POLICY = SMTP.clone(cte_type="7bit", refold_source="none")

_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")  # printable ASCII without < and >

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])

_PAGE = """\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="margin:0;padding:24px;background:#fff;color:#1f2328;\
font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<div style="max-width:640px;overflow-wrap:break-word">
{content}</div>
</body>
</html>
"""
_CELL = "border:1px solid #d0d7de;padding:4px 10px"
_CODE = "background:#f6f8fa;border-radius:4px;font-family:Consolas,Menlo,monospace;font-size:14px"
_STYLES = {
    "blockquote_open": "margin:0 0 16px;padding-left:16px;border-left:4px solid #d0d7de;color:#59636e",
    "code_block": _CODE,
    "code_inline": _CODE,
    "fence": _CODE,
    "image": "max-width:100%",
    "table_open": "border-collapse:collapse;margin-bottom:16px",
    "td_open": _CELL,
    "th_open": _CELL,
}


@dataclass(frozen=True)
class Attached:
    """A file that goes with a mail, under the name that its receiver sees."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Mail:
    """What is to be sent; addresses as a person writes them, `body` is Markdown."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    subject: str
    body: str
    attachments: tuple[Attached, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """The bare addresses of to, cc and bcc, each once, in order.

        International domains are ASCII. Raises PermanentError that names what is no address.
        """
        return tuple(dict.fromkeys(mailbox(text).address for text in (*self.to, *self.cc, *self.bcc)))

    @property
    def return_address(self) -> str:
        """The sender's bare address, where servers send what bounces. Raises PermanentError as above."""
        return mailbox(self.sender).address


def new_message_id(sender: str) -> str:
    """A Message-ID that nobody has used or can guess, to be stored before sending (RFC 5322, 3.6.4)."""
    return f"<{secrets.token_hex(16)}@{mailbox(sender).domain}>"


def body_fault(value: str) -> str | None:
    """What `value` must not contain as a body, as the rest of a sentence, or None.

    NUL and lone surrogates are refused; line endings of any kind, a lone CR too, are normalised by `build`.
    """
    for character in value:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            return f"must not contain NUL or lone surrogates (found U+{ord(character):04X})"
    return None


def build(mail: Mail, message_id: str, date: datetime) -> EmailMessage:
    """The message as it goes on the wire (RFC 5322, 2045 to 2047); the same arguments give the same bytes.

    `date` must know its time zone. Bcc is never written. Line endings of any kind become CRLF. Local parts
    beyond ASCII are written as UTF-8 (RFC 6532). Raises PermanentError that names what cannot be sent.
    """
    _refuse_faults(mail, message_id)
    body = mail.body.replace("\r\n", "\n").replace("\r", "\n")
    message = EmailMessage(policy=_POLICY.clone(utf8=_needs_utf8(mail)))
    for name, value in _headers(mail, message_id, date):
        # NOTE: set_raw and refold_source="none" keep the email package from folding again (see mail_header).
        message.set_raw(name, value)
    message.set_content(body)
    message.add_alternative(_page(mail.subject, body), subtype="html")
    for attached in mail.attachments:
        kind, _, subtype = (guess_type(attached.name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(attached.content, kind, subtype, filename=" ".join(attached.name.split()))
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:40]}{number or ''}")
    return message


def _refuse_faults(mail: Mail, message_id: str) -> None:
    if not mail.recipients:
        raise PermanentError("The mail must have at least one recipient")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise PermanentError(f"The Message-ID must look like <unique@example.org>, not {message_id!r}")
    if fault := header_fault(mail.subject):
        raise PermanentError(f"The subject {fault}")
    if fault := body_fault(mail.body):
        raise PermanentError(f"The body {fault}")


def _needs_utf8(mail: Mail) -> bool:
    return not "".join((mail.return_address, *mail.recipients)).isascii()


def _headers(mail: Mail, message_id: str, date: datetime) -> list[tuple[str, str]]:
    addresses = {"From": (mail.sender,), "To": mail.to, "Cc": mail.cc}
    return [
        *((name, write_mailboxes(map(mailbox, texts))) for name, texts in addresses.items() if texts),
        ("Subject", write_text("Subject", mail.subject)),
        ("Date", format_datetime(date)),
        ("Message-ID", message_id),
    ]


def _page(title: str, body: str) -> str:
    tokens = _MARKDOWN.parse(body)
    for token in (inner for outer in tokens for inner in (outer, *(outer.children or ()))):
        if style := _STYLES.get(token.type):
            alignment = token.attrGet("style")
            token.attrSet("style", f"{alignment};{style}" if alignment else style)
    content = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return _PAGE.format(title=html.escape(title), content=content)
