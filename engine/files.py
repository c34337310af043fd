"""Files that people and agents attach, kept once under the hash of their content."""

import hashlib

from engine.storage import FILES, Storage

IMAGES = frozenset({"png", "jpg", "gif", "webp"})
SOUNDS = frozenset({"mp3", "wav", "ogg", "flac", "m4a"})

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"ID3": "mp3",
    b"\xff\xfb": "mp3",
    b"\xff\xf3": "mp3",
    b"\xff\xf2": "mp3",
    b"OggS": "ogg",
    b"fLaC": "flac",
    b"%PDF-": "pdf",
}
_IN_RIFF = {b"WEBP": "webp", b"WAVE": "wav"}
_IN_MP4 = {b"M4A ": "m4a", b"M4B ": "m4a"}  # a brand (ISO/IEC 14496-12); whatever has another one is a film
_MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
}


_SHOWN = _MEDIA_TYPES | {
    "jpeg": "image/jpeg",
    "webm": "video/webm",
    "vtt": "text/vtt; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "csv": "text/plain; charset=utf-8",
}
_ARE_TEXT = frozenset({"vtt", "html", "txt", "md", "csv"})
_ALSO = {"jpeg": "jpg"}
FIRST_BYTES = 16  # by which a kind is told


def shown_as(name: str, first: bytes) -> str | None:
    """The media type of a file that a browser may show, None for one that it may only store.

    Told by its ending, and by its first bytes: a name says nothing that the content does not bear out.
    """
    ending = name.rpartition(".")[2].lower()
    if ending in _ARE_TEXT:
        return _SHOWN[ending]
    return _SHOWN.get(ending) if kind_of(first) == _ALSO.get(ending, ending) else None


def kind_of(content: bytes) -> str | None:
    """The file ending, told by the content's first bytes; None if it is nothing that we know."""
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            return kind
    if content[:4] == b"RIFF":
        return _IN_RIFF.get(content[8:12])
    if content[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    if content[4:8] == b"ftyp":
        return _IN_MP4.get(content[8:12], "mp4")
    return None


def image_kind(content: bytes) -> str | None:
    """The file ending, told by the content's first bytes; None if it is no picture we take."""
    kind = kind_of(content)
    return kind if kind in IMAGES else None


def media_type(name: str) -> str:
    """The media type of a kept file, told by its ending."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


async def keep(storage: Storage, content: bytes, ending: str) -> str:
    """Store the content and return its name, `<sha256>.<ending>`; the same content is stored once.

    Raises:
        StorageFault: it could not be stored.
    """
    name = f"{hashlib.sha256(content).hexdigest()}.{ending}"
    await storage.ensure(f"{FILES}/{name}", content)
    return name
