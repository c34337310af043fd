"""ANIMATION_RENDER: a short loop of a card, of a number that counts, or of bars that race."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.errors import FieldError
from engine.jobs.base import Context, JobType
from engine.jobs.fields import SINGLE_LINE, TextBlock
from engine.jobs.image_render import CardPayload, accepted, card_preview, card_work
from engine.jobs.preview import CardPreview
from engine.renders import render
from engine.renders.cards import table as tables
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.states import Category

MOST = 1e12  # beyond it no number has room

Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Affix = Annotated[str, SINGLE_LINE, Field(max_length=16)]


class AnimationPayload(CardPayload):
    """A card, how it moves, and the kind of file that it becomes."""

    format: Annotated[
        Literal["landscape", "square", "story"],
        Field(title="Format", description="1200 × 630, 1080 × 1080 or 1080 × 1920 pixels; GIF and WebP up to 720"),
    ] = "square"
    kind: Annotated[
        Literal["reveal", "count_up", "bar_race"],
        Field(title="Kind", description="the template appears, a number counts, or the bars of a table race"),
    ] = "reveal"
    start: Annotated[Number, Field(title="Count from")] = 0
    end: Annotated[Number | None, Field(title="Count to", description="for count_up")] = None
    prefix: Annotated[Affix, Field(title="Before numbers", description="as €")] = ""
    suffix: Annotated[Affix, Field(title="Behind numbers", description="as % or users; a space before it is kept")] = ""
    table: Annotated[
        TextBlock,
        Field(
            title="Table",
            max_length=40_000,
            json_schema_extra={"multiline": True},
            description="for bar_race, as CSV: the header name,2019,2020,2021 and one row a bar, as Lisbon,12,30.5,52; "
            f"up to {tables.MAX_ROWS} rows and {tables.MAX_STEPS} steps",
        ),
    ] = ""
    seconds: Annotated[float, Field(title="Seconds", ge=1, le=20)] = 4
    output: Annotated[Literal["mp4", "webp", "gif"], Field(title="File")] = "mp4"


class AnimationRender(JobType[AnimationPayload]):
    """Draws each frame and streams it into ffmpeg; the file is there only when it is whole."""

    key = "ANIMATION_RENDER"
    label = "Render animation"
    description = "Make a short loop of a headline, a number or a table"
    icon = "animation"
    category = Category.ANIMATION
    agent = "Animator"
    retry = RetryPolicy(attempts=2)
    time_limit_seconds = 1800
    payload = AnimationPayload

    def summary(self, payload: AnimationPayload) -> str:
        """The headline, what moves, and how long."""
        kind = payload.kind.replace("_", " ")
        return f"{' '.join(payload.headline.split())} · {kind} · {payload.seconds:g} s"

    async def preview(self, payload: AnimationPayload, settings: Settings) -> CardPreview:
        """The card's words on its colours, and how it moves."""
        return await card_preview(payload, settings, tuple(_motion(payload)))

    async def accept(self, payload: AnimationPayload, settings: Settings) -> AnimationPayload:
        """What the kind needs is there and can be shown, and files are kept by content."""
        return await accepted(payload, settings, _faults(payload))

    async def run(self, payload: AnimationPayload, context: Context) -> dict[str, Any]:
        """Draw and encode in a process of its own."""
        return await render(context, "animation", await card_work(payload, context, "animation"))


def _motion(payload: AnimationPayload) -> Iterator[tuple[str, str]]:
    yield "Motion", f"{payload.kind.replace('_', ' ')}, {payload.seconds:g} s"
    if payload.kind == "count_up":
        numbers = (f"{payload.prefix}{number:g}{payload.suffix}" for number in (payload.start, payload.end or 0))
        yield "Counts", " to ".join(numbers)
    if payload.kind == "bar_race":
        yield "Table", payload.table
    yield "File", payload.output.upper()


def _faults(payload: AnimationPayload) -> list[FieldError]:
    if payload.kind == "count_up" and payload.end is None:
        return [FieldError("end", "Count to is required for the kind count_up")]
    if payload.kind == "count_up" and payload.end == payload.start:
        return [FieldError("end", f"Count to must differ from Count from, which is {payload.start:g} too")]
    if payload.kind == "bar_race" and not payload.table.strip():
        return [FieldError("table", "Table is required for the kind bar_race")]
    if payload.kind == "bar_race":
        try:
            tables.read(payload.table)
        except ValueError as error:
            return [FieldError("table", f"Table {error}")]
    return []
