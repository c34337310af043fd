"""Jobs as files: CSV for spreadsheets, JSON and lines of JSON for programs, a batch at a time."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

from engine.views import JobView

COLUMNS = (
    *("id", "type", "category", "name", "summary", "status", "priority", "progress", "created_by", "created_at"),
    *("started_at", "finished_at", "run_at", "attempt", "max_attempts", "approval", "outcome", "waiting_for", "error"),
    *("payload", "result"),
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    """What a file is made of."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


MEDIA_TYPES = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.JSON: "application/json",
    Form.JSONL: "application/x-ndjson",
}


async def exported(batches: AsyncIterator[list[JobView]], form: Form) -> AsyncIterator[str]:
    """The file, in pieces; of a fault in the middle it is left unfinished."""
    if form is Form.CSV:
        yield csv_line(COLUMNS)
    if form is Form.JSON:
        yield "["
    between = "\n"
    async for jobs in batches:
        match form:
            case Form.CSV:
                yield "".join(csv_line(_cells(job)) for job in jobs)
            case Form.JSONL:
                yield "".join(f"{_json(document(job))}\n" for job in jobs)
            case Form.JSON if jobs:
                yield between + ",\n".join(_json(document(job)) for job in jobs)
                between = ",\n"
    if form is Form.JSON:
        yield "\n]\n"


def document(job: JobView) -> dict[str, Any]:
    """A job as a JSON object of what is exported."""
    return {name: getattr(job, name) for name in COLUMNS}


def csv_line(values: Sequence[str]) -> str:
    """Of CSV (RFC 4180); a value that a spreadsheet would take for a formula is kept from it."""
    line = io.StringIO()
    csv.writer(line).writerow(f"'{value}" if value.startswith(_FORMULAS) else value for value in values)
    return line.getvalue()


def _cells(job: JobView) -> list[str]:
    return [_cell(value) for value in document(job).values()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return _json(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=lambda moment: moment.isoformat())
