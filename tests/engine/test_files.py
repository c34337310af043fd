"""Attached files: told by content, kept once under their hash."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from engine.files import image_kind, keep, media_type

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


async def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    name = await keep(tmp_path / "files", PNG, "png")
    assert name == f"{hashlib.sha256(PNG).hexdigest()}.png"
    assert (tmp_path / "files" / name).read_bytes() == PNG


async def test_the_same_content_is_kept_once_even_at_the_same_time(tmp_path: Path) -> None:
    names = await asyncio.gather(*(keep(tmp_path, PNG, "png") for _ in range(20)))
    assert os.listdir(tmp_path) == [names[0]]
    assert (tmp_path / names[0]).read_bytes() == PNG


async def test_two_contents_are_two_files(tmp_path: Path) -> None:
    assert await keep(tmp_path, PNG, "png") != await keep(tmp_path, PNG + b"!", "png")
