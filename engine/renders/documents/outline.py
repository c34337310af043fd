"""What can be told of a Markdown text before it is set: its first heading, and the pictures that it shows."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST_SEARCHED = 50_000  # characters of one paragraph: reading takes time that grows with its square
_BLOCKS = MarkdownIt("commonmark", {"html": False}).enable("table").disable("inline")
_INLINES = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Outline:
    """The first heading as plain text, and every picture's address, each once."""

    heading: str
    pictures: tuple[str, ...]


def outline_of(markdown: str) -> Outline:
    """What this text shows; a paragraph of more than 50,000 characters is not searched for pictures."""
    env: dict[str, Any] = {}
    tokens = _BLOCKS.parse(markdown, env)
    heading = ""
    pictures: dict[str, None] = {}
    for before, token in pairwise(tokens):
        if token.type != "inline" or len(token.content) > LONGEST_SEARCHED:
            continue
        if not heading and before.type == "heading_open":
            heading = _plain(_parts(token.content, env))
        if "![" in token.content:
            pictures |= dict.fromkeys(_pictures(_parts(token.content, env)))
    return Outline(heading, tuple(pictures))


def _parts(content: str, env: dict[str, Any]) -> list[Token]:
    return [part for token in _INLINES.parseInline(content, env) for part in token.children or []]


def _pictures(parts: list[Token]) -> list[str]:
    return [unquote(str(part.attrs.get("src", ""))) for part in parts if part.type == "image"]


def _plain(parts: list[Token]) -> str:
    said = (part.content if part.type in ("text", "code_inline", "image") else " " for part in parts if not part.hidden)
    return " ".join("".join(said).split())
