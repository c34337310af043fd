"""Files that people and agents attach, kept once under the hash of their content."""

import asyncio
import hashlib
import os
import uuid
from pathlib import Path

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}
_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def image_kind(content: bytes) -> str | None:
    """The file ending, told by the content's first bytes; None if it is no picture we take."""
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            return kind
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def media_type(name: str) -> str:
    """The media type of a kept file, told by its ending."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def find(folder: Path, name: str) -> Path | None:
    """The file with this plain name in the folder; None for what is not there, and for paths and hidden files."""
    path = folder / name
    is_plain = name == path.name and not name.startswith(".")
    return path if is_plain and os.path.isfile(path) else None  # Path.is_file raises on long names


async def keep(folder: Path, content: bytes, ending: str) -> str:
    """Store the content and return its name, `<sha256>.<ending>`; the same content is stored once."""
    name = f"{hashlib.sha256(content).hexdigest()}.{ending}"
    await asyncio.to_thread(_write, folder / name, content)
    return name


def _write(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{uuid.uuid4().hex}.part")
    with unfinished.open("wb") as writer:
        writer.write(content)
        writer.flush()
        os.fsync(writer.fileno())
    unfinished.rename(path)
