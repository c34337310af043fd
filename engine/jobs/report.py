"""REPORT: a report from Markdown, with a cover, contents and numbered headings."""

from typing import Annotated, Any

from pydantic import Field

from engine.jobs.document import Document, DocumentPayload


class ReportPayload(DocumentPayload):
    """A text in Markdown, and how the report is set."""

    contents: Annotated[bool, Field(title="Table of contents")] = True
    numbered: Annotated[bool, Field(title="Numbered headings")] = True


class Report(Document[ReportPayload]):
    """Sets a report: a cover, contents with page numbers, then the text."""

    key = "REPORT"
    label = "Write report"
    description = "Make a report from Markdown: HTML, PDF and Word"
    payload = ReportPayload
    kind = "report"

    def options(self, payload: ReportPayload) -> dict[str, Any]:
        """Whether there are contents, and whether headings have numbers."""
        return {"contents": payload.contents, "numbered": payload.numbered}

    def message(self, result: dict[str, Any]) -> str:
        """How many pages it has."""
        pages = result["pages"]
        return f"A report of {pages:,} page{'' if pages == 1 else 's'}"
