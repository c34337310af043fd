"""What may stand in the headers of a mail, and how it is written there.

NOTE: headers are written here, not by the email package, whose folding (Python 3.11) drops the quotes of long
names, so that `"Doe, eve@example.org" <jane@example.org>` becomes two addresses.
"""

import binascii
import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from email.header import Header
from email.utils import quote, unquote
from quopri import decodestring

import idna

from engine.errors import PermanentError

LONGEST_ADDRESS = 254  # bytes; RFC 5321, 4.5.3.1.3, less the angle brackets
LONGEST_HEADER = 1000  # characters; the look into encoded words grows with the square of it
LINE_LENGTH = 76  # characters; RFC 2047, section 2, for lines with encoded words
DEEPEST_NESTING = 5  # rounds of decoding; honest mail needs one
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, half characters, line and paragraph separators

_ENCODED_WORD = re.compile(r"=\?([^?]*)\?([bq])\?(.*?)\?=", re.IGNORECASE)
_OVERLAPPING_ENCODED_WORDS = re.compile(rf"(?={_ENCODED_WORD.pattern})", re.IGNORECASE)
_BETWEEN_ENCODED_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_MAILBOX = re.compile(
    r"""(?P<name> "(?:[^"\\]|\\.)*" | [^"<>@,;:()\[\]\\]* ) \s* <(?P<angled>[^<>\s]+)>
        | (?P<bare>[^<>\s]+)""",
    re.VERBOSE,
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a1-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True)
class Mailbox:
    """One end of a mail; `name` may be empty; `domain` is ASCII, `local` need not be (RFC 6531)."""

    name: str
    local: str
    domain: str

    @property
    def address(self) -> str:
        """The address as servers want it, without the name."""
        return f"{self.local}@{self.domain}"


def header_fault(value: str) -> str | None:
    """What `value` must not contain as a header, as the rest of a sentence ("must not …"), or None.

    Looks also inside RFC 2047 encoded words, and those that decode to encoded words: `=?UTF-8?Q?=0A?=Bcc:`
    becomes a line of its own in some mail programs, and in Python's email package (seen in 3.11.7).
    """
    if len(value) > LONGEST_HEADER:
        return f"must have at most {LONGEST_HEADER:,} characters, not {len(value):,}"
    rule = "must not contain line breaks or control characters"
    if found := _forbidden(value):
        return f"{rule} (found {found})"
    for _ in range(DEEPEST_NESTING):
        value = _BETWEEN_ENCODED_WORDS.sub("", value)
        words = [_decode(word) for word in _OVERLAPPING_ENCODED_WORDS.finditer(value)]
        if not words:
            return None
        value = _ENCODED_WORD.sub(_decode, value)
        if found := _forbidden("".join(words) + value):
            return f"{rule} (found {found}, hidden in an encoded word)"
    return f"must not hide encoded words in each other more than {DEEPEST_NESTING - 1} deep"


def _forbidden(text: str) -> str | None:
    return next((f"U+{ord(each):04X}" for each in text if unicodedata.category(each) in _FORBIDDEN), None)


def _decode(word: re.Match[str]) -> str:
    """What a lenient mail program makes of an encoded word: it pads base64 and guesses unknown charsets."""
    charset, encoding, text = word.groups()
    raw = text.encode("utf-8", "replace")
    if encoding in "bB":
        try:
            data = b64decode(raw + b"===")
        except binascii.Error:
            data = b""
    else:
        data = decodestring(raw, header=True)
    try:
        return data.decode(charset.partition("*")[0], "replace")
    except (LookupError, ValueError):
        return data.decode("latin-1")


def mailbox(text: str) -> Mailbox:
    """Read `ada@example.org` or `Ada <ada@example.org>`; an international domain becomes ASCII (IDNA 2008).

    Raises PermanentError that names `text` and the fault. One address only: lists, groups, comments, quoted
    local parts and address literals are refused.
    """
    if fault := header_fault(text):
        raise PermanentError(f"The address {text!r} {fault}")
    found = _MAILBOX.fullmatch(text.strip())
    if not found:
        raise PermanentError(f"{text!r} must be one address such as ada@example.org or Ada <ada@example.org>")
    local, at, domain = (found["angled"] or found["bare"]).rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise PermanentError(f"{text!r} must have letters, digits or single dots before one @")
    found_mailbox = Mailbox(_name(found["name"] or ""), local, _ascii_domain(text, domain))
    if len(found_mailbox.address.encode()) > LONGEST_ADDRESS:
        raise PermanentError(f"{text!r} must have an address of at most {LONGEST_ADDRESS} bytes")
    return found_mailbox


def address_fault(text: str) -> str | None:
    """Why `text` cannot be an address, as a sentence that names it, or None."""
    try:
        mailbox(text)
    except PermanentError as error:
        return str(error)
    return None


def _name(text: str) -> str:
    text = text.strip()
    return unquote(text) if text.startswith('"') else text


def _ascii_domain(text: str, domain: str) -> str:
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise PermanentError(f"The domain of {text!r} is not possible: {error}") from error
    if not _DOMAIN.fullmatch(ascii_domain):
        raise PermanentError(f"{text!r} must have a domain such as example.org after the @")
    return ascii_domain.lower()


def write_text(name: str, text: str) -> str:
    """The value of header `name`, folded; anything but short ASCII goes into encoded words (RFC 2047)."""
    room = LINE_LENGTH - len(f"{name}: ")
    return text if _is_plain(text) and len(text) <= room and text == text.strip() else _encoded(name, text)


def write_mailboxes(mailboxes: Iterable[Mailbox]) -> str:
    """The value of an address header, folded to one mailbox a line."""
    return ",\r\n ".join(_write_mailbox(each) for each in mailboxes)


def _write_mailbox(each: Mailbox) -> str:
    if not each.name:
        return each.address
    if _is_plain(each.name) and len(each.name) <= LINE_LENGTH:
        return f'"{quote(each.name)}" <{each.address}>'
    return f"{_encoded('From', each.name)}\r\n <{each.address}>"


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text


def _encoded(name: str, text: str) -> str:
    return Header(text, "utf-8", maxlinelen=LINE_LENGTH, header_name=name).encode(linesep="\r\n")
