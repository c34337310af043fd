"""What documents share: their payload, the pictures that their text shows, and how they are made."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from engine import files
from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.jobs.attached import FileInput
from engine.jobs.base import Context, JobType, Payload
from engine.jobs.fields import EACH_ONCE, NOT_BLANK, SINGLE_LINE, STRIPPED, TextBlock
from engine.jobs.preview import DocumentPreview
from engine.renders import folder_of, render
from engine.renders.documents.front_matter import FrontMatter, FrontMatterFault, split
from engine.renders.documents.outline import Outline, outline_of
from engine.retry import RetryPolicy
from engine.settings import Settings
from models.states import Category

MAX_IMAGES = 20
MAX_IMAGE_BYTES = 5_000_000
MAX_TITLE = 200
Format = Literal["html", "pdf", "docx"]
FORMATS: tuple[Format, ...] = ("html", "pdf", "docx")
_ATTACHED = "image:"
_HOW_TO_ATTACH = "attach the picture and write ![](image:1) for the first one, or ![](12/card.png) for a file of job 12"


def _formats(given: Any) -> Any:
    """Formats in a line, as "html, pdf"; none means all."""
    if isinstance(given, str):
        given = [part.strip().lower() for part in given.replace(";", ",").split(",") if part.strip()]
    return given or list(FORMATS)


class DocumentImage(FileInput):
    """A picture; `name` is what the text calls it, besides image:1 for the first one."""

    name: Annotated[str | None, Field(max_length=300)] = None


class DocumentPayload(Payload):
    """A text in Markdown, and what is to be made of it."""

    title: Annotated[
        str,
        Field(
            title="Title",
            max_length=MAX_TITLE,
            description="what the text says of itself, or its first heading, if empty",
        ),
        SINGLE_LINE,
        STRIPPED,
    ] = ""
    body: Annotated[
        TextBlock,
        Field(
            title="Body",
            min_length=1,
            max_length=500_000,
            json_schema_extra={"multiline": True, "draft": "document"},
            description="Markdown. May begin with title, subtitle, author, date, lang, tags and summary between two "
            "lines of dashes. ![](image:1) shows the first picture below, ![](12/card.png) a file of job 12. "
            "```csv makes a table, ```chart with “type: bar” (line, pie, stacked) a chart.",
        ),
        NOT_BLANK,
    ]
    formats: Annotated[
        list[Format],
        BeforeValidator(_formats),
        EACH_ONCE,
        Field(title="Formats", description="html, pdf, docx; all three if empty"),
    ] = list(FORMATS)  # noqa: RUF012 (pydantic copies it)
    images: Annotated[
        list[DocumentImage], Field(title="Pictures", max_length=MAX_IMAGES, json_schema_extra={"upload": "pictures"})
    ] = []  # noqa: RUF012


P = TypeVar("P", bound=DocumentPayload)


class Document(JobType[P]):
    """Markdown, set in a process of its own; nothing that the text says is fetched or executed."""

    icon = "description"
    category = Category.DOCUMENT
    agent = "Writer"
    retry = RetryPolicy(attempts=2)
    time_limit_seconds = 600
    kind: str

    def summary(self, payload: P) -> str:
        """The title, and the formats."""
        return f"{payload.title or 'Untitled'} · {', '.join(form.upper() for form in payload.formats)}"

    async def preview(self, payload: P, settings: Settings) -> DocumentPreview:
        """The text as it reads, with its pictures, and what the document says of itself."""
        told, body = await asyncio.to_thread(split, payload.body)
        facts = {
            "Subtitle": told.subtitle,
            "By": ", ".join(told.authors),
            "Date": told.date,
            "Tags": ", ".join(told.tags),
            "Summary": told.summary,
            "Files": ", ".join(form.upper() for form in payload.formats),
        }
        pictures = {name: str(image.file) for name, image in pictures_by_name(payload)}
        title = payload.title or told.title
        return DocumentPreview(title, body, tuple((name, text) for name, text in facts.items() if text), pictures)

    async def accept(self, payload: P, settings: Settings) -> P:
        """The text can be read, has a title, and every picture that it shows is kept by content."""
        told, outline = await asyncio.to_thread(_read, payload.body)
        title = payload.title or told.title or outline.heading[:MAX_TITLE].strip()
        faults = [] if title else [FieldError("title", "Title is required, as the body has none and no heading")]
        images = await _kept(payload.images, outline.pictures, settings, faults)
        if faults:
            raise InvalidInput(faults)
        return payload.model_copy(update={"title": title, "images": images})

    async def run(self, payload: P, context: Context) -> dict[str, Any]:
        """Gather the pictures, then set the text in a process of its own."""
        told, body = await asyncio.to_thread(split, payload.body)
        folder = folder_of(context, "document")
        pictures = {name: str(await image.fetch(folder, context.settings)) for name, image in pictures_by_name(payload)}
        work = {**told.as_json(), "title": payload.title or told.title, "body": body, "pictures": pictures}
        work |= {"kind": self.kind, "formats": list(payload.formats), **self.options(payload)}
        result = await render(context, "document", work)
        return {"message": self.message(result), **result}

    def options(self, payload: P) -> dict[str, Any]:
        """What this type's program needs to know besides."""
        return {}

    @abstractmethod
    def message(self, result: dict[str, Any]) -> str:
        """What was made, in a few words."""


def pictures_by_name(payload: DocumentPayload) -> Iterator[tuple[str, DocumentImage]]:
    """The pictures by every name that the text may call them."""
    for number, image in enumerate(payload.images, 1):
        yield f"{_ATTACHED}{number}", image
        if image.name:
            yield image.name, image


def _read(body: str) -> tuple[FrontMatter, Outline]:
    try:
        told, text = split(body)
    except FrontMatterFault as fault:
        raise InvalidInput([FieldError("body", f"Body {fault}")]) from None
    if not text.strip():
        raise InvalidInput([FieldError("body", "Body must not be empty after what it says of itself")])
    return told, outline_of(text)


async def _kept(
    images: list[DocumentImage], shown_in_text: tuple[str, ...], settings: Settings, faults: list[FieldError]
) -> list[DocumentImage]:
    """The attached pictures, and those of earlier jobs that the text shows, all by their content."""
    kept = [
        await _keep(image, f"images.{index}", f"Pictures {index + 1}", settings, faults)
        for index, image in enumerate(images)
    ]
    names = {image.name for image in images} | {f"{_ATTACHED}{number}" for number in range(1, len(images) + 1)}
    further = [name for name in shown_in_text if name not in names]
    wrong = [FieldError("body", fault) for name in further if (fault := _fault_of(name, len(images)))]
    if not wrong and (count := len(images) + len(further)) > MAX_IMAGES:
        wrong = [FieldError("images", f"Pictures must be at most {MAX_IMAGES} with those of earlier jobs, not {count}")]
    faults += wrong
    if wrong:
        return kept
    for name in further:
        title = f"Body shows {shown(name)}, which"
        kept.append(await _keep(DocumentImage(artifact=name, name=name), "body", title, settings, faults))
    return kept


def _fault_of(name: str, count: int) -> str:
    """Why the text cannot show a picture of this name, which none of those attached has."""
    if name.startswith(_ATTACHED):
        attached = f"there are {count}" if count != 1 else "there is 1"
        return f"Body shows {shown(name)}, and must show a picture that is attached; {attached}"
    if name.partition("/")[0].isdecimal():
        return ""
    place = "from the web" if name.lower().startswith(("http:", "https:", "//")) else "that is not attached"
    return f"Body must not show a picture {place}, as {shown(name)}: {_HOW_TO_ATTACH}"


async def _keep(
    image: DocumentImage, field: str, title: str, settings: Settings, faults: list[FieldError]
) -> DocumentImage:
    try:
        return await image.keep(field, settings, kinds=files.IMAGES, most=MAX_IMAGE_BYTES, title=title)
    except InvalidInput as invalid:
        faults += invalid.errors
        return image
