"""Markdown on a page: no HTML of anybody's, no picture from elsewhere, links that lead to the web or to us."""

import asyncio
import html
import re
from collections.abc import Mapping

from markdown_it import MarkdownIt
from markdown_it.token import Token
from nicegui import ui

from ui.components.node import Node
from ui.present import web_link

LONGEST_PARAGRAPH = 20_000  # characters: reading one takes time that grows with its square
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
_WITH_BREAKS = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


async def html_of(
    text: str, *, title: str = "", pictures: Mapping[str, str] | None = None, breaks: bool = False
) -> str:
    """The text as HTML, made beside the loop; a heading that only repeats the title above it is left out.

    `pictures` are kept files by the names that the text has for them; others are not shown. With `breaks` a line's end
    is one, as in mails.
    """
    return await asyncio.to_thread(_html, text, title, pictures or {}, _WITH_BREAKS if breaks else _MARKDOWN)


def show_html(made: str) -> None:
    """Draw what `html_of` made."""
    with Node("div", "", "prose"):
        ui.html(made, sanitize=False)  # of escaped text alone


def _html(text: str, title: str, pictures: Mapping[str, str], markdown: MarkdownIt) -> str:
    if max(map(len, _PARAGRAPHS.split(text)), default=0) > LONGEST_PARAGRAPH:
        return f"<pre>{html.escape(text)}</pre>"
    tokens = markdown.parse(text)
    if [token.type for token in tokens[:2]] == ["heading_open", "inline"] and tokens[1].content.strip() == title:
        tokens = tokens[3:]
    for token in (inner for outer in tokens for inner in (outer, *(outer.children or ()))):
        _make_harmless(token, pictures)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _make_harmless(token: Token, pictures: Mapping[str, str]) -> None:
    if token.type == "image":
        file = pictures.get(str(token.attrGet("src") or ""))
        token.attrSet("src", f"/api/v1/files/{file}" if file else "")
    elif token.type == "link_open":
        token.attrSet("rel", "noopener nofollow")
        if not web_link(str(token.attrGet("href") or "")):
            token.attrSet("href", "#")
    elif token.type in ("heading_open", "heading_close"):  # the page and the article have the first two levels
        token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
