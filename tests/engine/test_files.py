"""Attached files: told by content, kept once under their hash."""

import asyncio
import hashlib

import pytest

from engine.files import image_kind, keep, media_type
from engine.settings import Settings
from engine.storage import open_storage

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (PNG, "png"),
        (b"\xff\xd8\xff\xe0 JFIF", "jpg"),
        (b"GIF89a...", "gif"),
        (b"GIF87a...", "gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", None),  # a sound in the same wrapping
        (b"<svg onload='alert(1)'>", None),  # a picture that can run programs
        (b"<html>", None),
        (b" " + PNG, None),
        (b"", None),
    ],
)
def test_a_picture_is_told_by_its_first_bytes(content: bytes, format_name: str | None) -> None:
    assert image_kind(content) == format_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.gif", "image/gif"), ("a.webp", "image/webp")),
        *(("a.html", "application/octet-stream"), ("png", "image/png"), ("a", "application/octet-stream")),
    ],
)
def test_only_pictures_are_served_as_what_they_are(name: str, expected: str) -> None:
    assert media_type(name) == expected


async def test_a_file_is_named_by_its_content(stored: Settings) -> None:
    storage = open_storage(stored)
    name = await keep(storage, PNG, "png")
    assert name == f"{hashlib.sha256(PNG).hexdigest()}.png"
    assert await storage.get(f"files/{name}") == PNG


async def test_the_same_content_is_kept_once_even_at_the_same_time(stored: Settings) -> None:
    storage = open_storage(stored)
    names = await asyncio.gather(*(keep(storage, PNG, "png") for _ in range(20)))
    assert await storage.names("files") == [names[0]]
    assert await storage.get(f"files/{names[0]}") == PNG


async def test_two_contents_are_two_files(stored: Settings) -> None:
    storage = open_storage(stored)
    assert await keep(storage, PNG, "png") != await keep(storage, PNG + b"!", "png")
