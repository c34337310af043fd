"""Where mail goes while no mail server is configured: one file a message, which any mail program opens."""

import copy
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from engine.channels.mail_header import mailbox, write_mailboxes
from engine.storage import OUTBOX, Storage

SAVED = "Saved to the outbox: no mail server is configured"


async def save(storage: Storage, message: EmailMessage, message_id: str, *, bcc: Sequence[str]) -> str:
    """Store the message in the outbox and return the file's name; it is complete or not there at all.

    The name comes from the message's date and `message_id`: saving again writes the identical file.
    `bcc` becomes a Bcc header (RFC 5322, 3.6.3), so nobody loses whom the message was for: `sendmail -t` and
    mail programs deliver to Bcc and take it out. In a folder only the file's owner may read it.

    Raises:
        StorageFault: the storage refuses (a full disk, say).
    """
    name = _file_name(message, message_id)
    await storage.put(f"{OUTBOX}/{name}", _with_bcc(message, bcc).as_bytes(), private=True)
    return name


def _file_name(message: EmailMessage, message_id: str) -> str:
    date = parsedate_to_datetime(str(message["Date"])).astimezone(UTC)
    readable = re.sub(r"[^A-Za-z0-9]+", "-", message_id.partition("@")[0]).strip("-")[:40]
    digest = hashlib.sha256(message_id.encode()).hexdigest()[:8]
    return f"{date:%Y%m%dT%H%M%SZ}-{readable}-{digest}.eml"


def _with_bcc(message: EmailMessage, bcc: Sequence[str]) -> EmailMessage:
    if not bcc:
        return message
    saved = copy.deepcopy(message)
    saved.set_raw("Bcc", write_mailboxes(map(mailbox, bcc)))
    return saved
