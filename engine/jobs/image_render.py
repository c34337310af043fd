"""IMAGE_RENDER: a headline on a designed ground, as a picture for a post or a page."""

import re
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from engine import files
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.jobs.attached import FileInput
from engine.jobs.base import Context, JobType, Payload
from engine.jobs.fields import SINGLE_LINE, TextBlock
from engine.jobs.preview import CardPreview, file_previews
from engine.renders import folder_of, render
from engine.renders.cards import palettes
from engine.renders.cards.canvas import SIZES
from engine.renders.colours import written
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.states import Category

MAX_PICTURE_BYTES = 10_000_000
MAX_LOGO_BYTES = 2_000_000
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "DIGIT")  # what the fonts have; further signs may be missing
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


def _colours(values: list[str]) -> list[str]:
    values = [value.strip() for value in values]
    if wrong := next((value for value in values if not _COLOUR.fullmatch(value)), None):
        raise ValueError(f"must be written as #1E3A8A, not {shown(wrong)}")
    return values


class CardPayload(Payload):
    """What every card has; pictures and loops of it add how they are made."""

    headline: Annotated[
        TextBlock,
        AfterValidator(str.strip),
        Field(
            title="Headline",
            min_length=1,
            max_length=200,
            json_schema_extra={"multiline": True},
            description="line breaks are kept",
        ),
    ]
    subline: Annotated[
        TextBlock,
        AfterValidator(str.strip),
        Field(
            title="Subline",
            max_length=300,
            json_schema_extra={"multiline": True},
            description="in a quote: who said it",
        ),
    ] = ""
    label: Annotated[
        str,
        SINGLE_LINE,
        AfterValidator(str.strip),
        Field(title="Label", max_length=40, description="a word or two, as Case study; in a quote: the speaker's role"),
    ] = ""
    template: Annotated[
        Literal["spotlight", "editorial", "split", "badge", "quote", "numbers"],
        Field(title="Template", description="numbers shows the headline's first line large"),
    ] = "spotlight"
    palette: Annotated[Literal["indigo", "ocean", "forest", "sunset", "graphite", "paper"], Field(title="Palette")] = (
        "indigo"
    )
    colours: Annotated[
        list[str],
        Field(
            title="Own colours",
            max_length=3,
            description="instead of the palette, one a line as #1E3A8A: ground, accent and, if you like, text",
        ),
        AfterValidator(_colours),
    ] = []  # noqa: RUF012 (pydantic copies it)
    format: Annotated[
        Literal["landscape", "square", "story"],
        Field(title="Format", description="1200 × 630, 1080 × 1080 or 1080 × 1920 pixels"),
    ] = "landscape"
    picture: Annotated[FileInput | None, Field(title="Picture", json_schema_extra={"upload": "picture"})] = None
    logo: Annotated[FileInput | None, Field(title="Logo", json_schema_extra={"upload": "picture"})] = None


C = TypeVar("C", bound=CardPayload)


class ImagePayload(CardPayload):
    """A card, and the kind of file that it becomes."""

    output: Annotated[Literal["png", "webp"], Field(title="File")] = "png"


class ImageRender(JobType[ImagePayload]):
    """Draws the card and a small copy of it."""

    key = "IMAGE_RENDER"
    label = "Render image"
    description = "Make a social card of a headline"
    icon = "animation"
    category = Category.ANIMATION
    agent = "Animator"
    retry = RetryPolicy(attempts=2)
    time_limit_seconds = 300
    payload = ImagePayload

    def summary(self, payload: ImagePayload) -> str:
        """The headline, the template and the format."""
        return f"{' '.join(payload.headline.split())} · {payload.template} · {payload.format}"

    async def preview(self, payload: ImagePayload, settings: Settings) -> CardPreview:
        """The card's words on its colours, and what else was chosen."""
        return await card_preview(payload, settings, (("File", payload.output.upper()),))

    async def accept(self, payload: ImagePayload, settings: Settings) -> ImagePayload:
        """Text that can be drawn and read, and files kept by content."""
        return await accepted(payload, settings, [])

    async def run(self, payload: ImagePayload, context: Context) -> dict[str, Any]:
        """Draw in a process of its own."""
        return await render(context, "picture", await card_work(payload, context, "picture"))


async def accepted(payload: C, settings: Settings, faults: list[FieldError]) -> C:
    """The card with its files kept by content.

    Raises:
        InvalidInput: every fault of the card, after those that were found before.
    """
    faults = [*faults, *_unreadable(payload)]
    kept: dict[str, FileInput] = {}
    for name, given, most in (
        ("picture", payload.picture, MAX_PICTURE_BYTES),
        ("logo", payload.logo, MAX_LOGO_BYTES),
    ):
        try:
            if given:
                kept[name] = await given.keep(name, settings, kinds=files.IMAGES, most=most, title=name.capitalize())
        except InvalidInput as error:
            faults += error.errors
    if faults:
        raise InvalidInput(faults)
    return payload.model_copy(update=kept)


async def card_preview(payload: CardPayload, settings: Settings, more: tuple[tuple[str, str], ...]) -> CardPreview:
    """A card's words on its ground; `more` is told beside the template and the format."""
    palette = palettes.own(payload.colours) if payload.colours else palettes.PALETTES[payload.palette]
    tone = palette.light if payload.template in palettes.LIGHT_TEMPLATES else palette.deep
    width, height = SIZES[payload.format]
    given = {name: file for name in ("picture", "logo") if (file := getattr(payload, name))}
    look = "own colours" if payload.colours else payload.palette
    facts = (("Template", f"{payload.template}, {look}"), ("Format", f"{width} × {height} pixels"), *more)
    return CardPreview(
        headline=payload.headline,
        subline=payload.subline,
        label=payload.label,
        width=width,
        height=height,
        ground=written(tone.ground),
        ink=written(tone.ink),
        accent=written(tone.signal),
        facts=facts,
        pictures=await file_previews(list(given.values()), settings, names=[name.capitalize() for name in given]),
    )


def _unreadable(payload: CardPayload) -> list[FieldError]:
    faults = []
    if not any(unicodedata.name(sign, "").startswith(SCRIPTS) for sign in payload.headline):
        rule = "must have letters or digits that the fonts have: Latin, Greek or Cyrillic"
        faults.append(FieldError("headline", f"Headline {rule}, not {shown(payload.headline)}"))
    if len(payload.colours) == 1:
        faults.append(FieldError("colours", "Own colours must be 2 or 3, the ground and the accent first, not 1"))
    elif payload.colours:
        try:
            palettes.own(payload.colours)
        except ValueError as error:
            faults.append(FieldError("colours", f"Own colours {error}"))
    return faults


async def card_work(payload: CardPayload, context: Context, program: str) -> dict[str, Any]:
    """What the program is to do, with the files laid where it finds them."""
    folder = folder_of(context, program)
    given: dict[str, str] = {}
    for name, file in (("picture", payload.picture), ("logo", payload.logo)):
        if file:
            fetched = await file.fetch(folder, context.settings)
            given[name] = str(fetched.rename(folder / f"{name}{fetched.suffix}"))
    return {**payload.model_dump(exclude={"picture", "logo"}), **given}
