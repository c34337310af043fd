"""BLOG_POST: an article from Markdown, as a page, as PDF and for Word."""

from typing import Any

from engine.jobs.document import Document, DocumentPayload


class BlogPost(Document[DocumentPayload]):
    """Sets an article: a title, who wrote it and when, then the text."""

    key = "BLOG_POST"
    label = "Write blog post"
    description = "Make an article from Markdown: HTML, PDF and Word"
    payload = DocumentPayload
    kind = "post"

    def message(self, result: dict[str, Any]) -> str:
        """How many words it has."""
        words = result["words"]
        return f"A post of {words:,} word{'' if words == 1 else 's'}"
