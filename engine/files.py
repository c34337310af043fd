"""Files that people and agents attach, kept once under the hash of their content."""

import hashlib

from engine.storage import FILES, Storage

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


async def keep(storage: Storage, content: bytes, ending: str) -> str:
    """Store the content and return its name, `<sha256>.<ending>`; the same content is stored once.

    Raises:
        StorageFault: it could not be stored.
    """
    name = f"{hashlib.sha256(content).hexdigest()}.{ending}"
    if await storage.find(f"{FILES}/{name}") is None:
        await storage.put(f"{FILES}/{name}", content)
    return name
