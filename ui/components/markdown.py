"""Markdown on a page: no HTML of anybody's, no picture from elsewhere, links that lead to the web or to us."""

from markdown_it import MarkdownIt
from nicegui import ui

from ui.components.node import Node
from ui.present import web_link

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
_OURS = "/api/v1/files/"


def show_markdown(text: str, *, title: str = "") -> None:
    """Draw the text; a heading that only repeats the title above it is left out."""
    tokens = _MARKDOWN.parse(text)
    if [token.type for token in tokens[:2]] == ["heading_open", "inline"] and tokens[1].content.strip() == title:
        tokens = tokens[3:]
    for token in (inner for outer in tokens for inner in (outer, *(outer.children or ()))):
        if token.type == "image" and not str(token.attrGet("src") or "").startswith(_OURS):
            token.attrSet("src", "")
        if token.type == "link_open":
            token.attrSet("rel", "noopener nofollow")
            if not web_link(str(token.attrGet("href") or "")):
                token.attrSet("href", "#")
        if token.type == "heading_open":  # the page and the article have the first two levels
            level = min(6, int(token.tag[1]) + 1)
            token.tag = f"h{level}"
        if token.type == "heading_close":
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    with Node("div", "", "prose"):
        ui.html(html, sanitize=False)  # made of escaped text alone
