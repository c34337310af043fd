"""KB_DOCUMENT: an article of the knowledge base; the next one of the same slug is its next version."""

import asyncio
from typing import Annotated, Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import Field

from engine import knowledge
from engine.jobs.base import Context, ResultLine
from engine.jobs.document import Document, DocumentPayload, pictures_by_name
from engine.renders.documents.front_matter import split

_MARKDOWN = MarkdownIt("commonmark").enable("table")


class ArticlePayload(DocumentPayload):
    """An article, and the address that it has or gets in the knowledge base."""

    slug: Annotated[
        str,
        Field(
            title="Address",
            max_length=200,
            pattern=r"^[\w-]*$",
            description="The last part of its address, as how-we-work; made of the title if empty. "
            "An article that has it already gets a new version",
        ),
    ] = ""


class KbDocument(Document[ArticlePayload]):
    """Set like any document, and published in the knowledge base once, however often it is tried."""

    key = "KB_DOCUMENT"
    label = "Write article"
    description = "Add an article, or a version of one, to the knowledge base"
    icon = "menu_book"
    kind = "report"
    payload = ArticlePayload

    def result_line(self, result: dict[str, Any]) -> ResultLine:
        """Which version it is, with a link to it."""
        line = super().result_line(result)
        return ResultLine(line.text, result.get("url"), line.thumbnail)

    def options(self, payload: ArticlePayload) -> dict[str, Any]:
        """No cover's worth of contents: an article is read on the page."""
        return {"contents": False, "numbered": False}

    def message(self, result: dict[str, Any]) -> str:
        """Told with the version, once that is known."""
        return "An article"

    async def run(self, payload: ArticlePayload, context: Context) -> dict[str, Any]:
        """Make the files, then publish the text."""
        result = await super().run(payload, context)
        told, body = await asyncio.to_thread(split, payload.body)
        title = payload.title or told.title
        slug = payload.slug.lower() or knowledge.slug_of(title)
        plain_text = await asyncio.to_thread(plain, body)
        pictures = {name: str(image.file) for name, image in pictures_by_name(payload)}
        text = knowledge.Text(slug, title, list(told.tags), body, plain_text, pictures)
        number = await knowledge.publish(context.lease, text)
        return {**result, "message": f"Version {number} of {title}", "url": f"/app/kb/{slug}", "version": number}


def _words(part: Token) -> str:
    if part.type in ("softbreak", "hardbreak"):
        return " "
    return "" if part.type == "image" else part.content


def plain(body: str) -> str:
    """The words of a Markdown text, without its marks."""
    lines = []
    for token in _MARKDOWN.parse(body):
        if token.type == "inline":
            lines.append("".join(_words(child) for child in token.children or ()))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content)
    return "\n".join(lines)
