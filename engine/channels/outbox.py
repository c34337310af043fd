"""Where mail goes while no mail server is configured: one file a message, which any mail program opens."""

import asyncio
import copy
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from engine.channels.mail_header import mailbox, write_mailboxes
from engine.errors import PermanentError, TransientError

SAVED = "Saved to the outbox: no mail server is configured"


async def save(folder: Path, message: EmailMessage, message_id: str, *, bcc: Sequence[str]) -> Path:
    """Write the message to `folder` and return the file, which is complete or not there at all.

    The name comes from the message's date and `message_id`: saving again writes the identical file.
    `bcc` becomes a Bcc header (RFC 5322, 3.6.3), so nobody loses whom the message was for: `sendmail -t` and
    mail programs deliver to Bcc and take it out. Only the file's owner may read it.
    Raises PermanentError if the folder cannot be used, TransientError if the disk refuses (full, say).
    """
    path = folder / _file_name(message, message_id)
    content = _with_bcc(message, bcc).as_bytes()
    try:
        await asyncio.to_thread(_write, path, content)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise PermanentError(f"The outbox {folder} cannot be used: {error.strerror}") from error
    except OSError as error:
        raise TransientError(f"The message could not be written to {folder}: {error.strerror}") from error
    return path


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


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut; a system whose folders cannot be synced is left alone."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
