"""ACTIVITY_REPORT: what was done in the last days, counted when it runs, and set as a report."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from engine import clock
from engine.errors import FieldError, InvalidInput
from engine.jobs.base import Context
from engine.jobs.document import Document, DocumentPayload
from engine.jobs.fields import TextBlock
from engine.settings import Settings
from models.over import Over, latest_failed, over_between
from models.states import Status

MAX_FAILURES = 20
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>()#+-.!|~^$&"})


class ActivityPayload(DocumentPayload):
    """Over how many days, and what to say besides."""

    body: Annotated[TextBlock, Field(exclude=True, json_schema_extra={"for_programs": True})] = ""
    days: Annotated[int, Field(title="Days", ge=1, le=366, description="up to the moment when it is made")] = 7
    notes: Annotated[
        TextBlock,
        Field(
            title="Notes",
            max_length=20_000,
            json_schema_extra={"multiline": True},
            description="Markdown, before the numbers",
        ),
    ] = ""


class ActivityReport(Document[ActivityPayload]):
    """Counts when it runs, so that a schedule of it tells every week of that week."""

    key = "ACTIVITY_REPORT"
    label = "Write activity report"
    description = "Make a report of what was done in the last days"
    icon = "description"
    kind = "report"
    payload = ActivityPayload

    async def accept(self, payload: ActivityPayload, settings: Settings) -> ActivityPayload:
        """The notes can be read, as they would stand in the report."""
        title = payload.title or _title(payload.days)
        try:
            await super().accept(
                payload.model_copy(update={"title": title, "body": _text(payload, [], [], {})}), settings
            )
        except InvalidInput as error:
            told = [
                (each.field.replace("body", "notes"), each.message.replace("Body", "Notes")) for each in error.errors
            ]
            raise InvalidInput([FieldError(field, message) for field, message in told]) from None
        return payload.model_copy(update={"title": title})

    async def run(self, payload: ActivityPayload, context: Context) -> dict[str, Any]:
        """Count, then set what was counted."""
        until = clock.now()
        since = until - timedelta(days=payload.days)
        over = await over_between(since, until)
        failed = await latest_failed(since, until, MAX_FAILURES)
        counted = _totals(over)
        await context.log(f"{sum(counted.values()):,} jobs ended between {_day(since)} and {_day(until)}")
        body = _text(payload, over, failed, counted, since, until)
        made = await super().run(payload.model_copy(update={"body": body}), context)
        return {**made, "completed": counted[Status.COMPLETED], "failed": counted[Status.FAILED]}

    def options(self, payload: ActivityPayload) -> dict[str, Any]:
        """A few pages: no contents, no numbers before headings."""
        return {"contents": False, "numbered": False}

    def message(self, result: dict[str, Any]) -> str:
        """What it is."""
        return "A report of what was done"


def _title(days: int) -> str:
    return {1: "The last day", 7: "The last week"}.get(days, f"The last {days} days")


def _totals(over: Sequence[Over]) -> dict[Status, int]:
    counted: dict[Status, int] = defaultdict(int)
    for each in over:
        counted[each.status] += each.jobs
    return counted


def _text(
    payload: ActivityPayload,
    over: Sequence[Over],
    failed: Sequence[tuple[int, str, str]],
    counted: dict[Status, int],
    since: datetime | None = None,
    until: datetime | None = None,
) -> str:
    parts = [payload.notes.strip()] if payload.notes.strip() else []
    if since and until:
        parts.append(f"From {_day(since)} to {_day(until)} (UTC).")
    parts += ["## What ended", "\n".join(_table(over, counted)) if over else "No job ended in these days."]
    if failed:
        parts += [
            "## What failed last",
            "\n".join(f"- Job {id}, {_plain(name)}: {_plain(error)}" for id, name, error in failed),
        ]
    return "\n\n".join(parts)


def _table(over: Sequence[Over], counted: dict[Status, int]) -> Iterator[str]:
    shown = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    yield "| Type | Completed | Failed | Cancelled |"
    yield "| :-- | --: | --: | --: |"
    by_type: dict[str, dict[Status, int]] = defaultdict(dict)
    for each in over:
        by_type[each.type][each.status] = each.jobs
    for key, jobs in by_type.items():
        yield f"| {_plain(key)} | {' | '.join(f'{jobs.get(status, 0):,}' for status in shown)} |"
    yield f"| All | {' | '.join(f'{counted.get(status, 0):,}' for status in shown)} |"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _plain(text: str) -> str:
    """A text that says itself in Markdown, in one line."""
    return " ".join(text.split())[:300].translate(_SPECIAL)
