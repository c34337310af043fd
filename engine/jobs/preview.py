"""What a job will be, as plain data: an approver judges this, not the fields that it was made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.jobs.attached import FileInput
from engine.settings import Settings
from engine.storage import FILES, open_storage


@dataclass(frozen=True)
class FilePreview:
    """A kept file: `file` is its stored name, `name` what people call it, `size` in bytes, None if it is gone."""

    file: str
    name: str
    size: int | None
    alt: str = ""


@dataclass(frozen=True)
class MailPreview:
    """A mail. `recipients` counts every address once, `server` is None where mail goes to the outbox."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    recipients: int
    server: str | None
    subject: str
    body: str
    attachments: tuple[FilePreview, ...] = ()


@dataclass(frozen=True)
class ChannelPost:
    """A post on one channel: how long it is as that channel counts, None for a channel that does not exist.

    `limit` is None while the server has not told it; `fault` is why it cannot be posted there.
    """

    channel: str
    kind: str
    account: str
    length: int | None
    limit: int | None
    fault: str = ""


@dataclass(frozen=True)
class PostPreview:
    """A post, and where it goes."""

    text: str
    channels: tuple[ChannelPost, ...]
    images: tuple[FilePreview, ...] = ()


@dataclass(frozen=True)
class CallPreview:
    """A request with its templates filled in; secrets stand by their names, as [secret TOKEN]."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    expect: str


@dataclass(frozen=True)
class ScenePreview:
    """What is seen for so many seconds; colours as #1E3A8A."""

    text: str
    caption: str
    ground: str
    ink: str
    seconds: float
    transition: str
    image: FilePreview | None = None


@dataclass(frozen=True)
class FilmPreview:
    """A film; `width` and `height` in pixels, `seconds` in all."""

    title: str
    width: int
    height: int
    seconds: float
    captions: bool
    scenes: tuple[ScenePreview, ...]
    sounds: tuple[FilePreview, ...] = ()


@dataclass(frozen=True)
class CardPreview:
    """A picture, or a loop, of a headline; `facts` say what else was chosen."""

    headline: str
    subline: str
    label: str
    width: int
    height: int
    ground: str
    ink: str
    accent: str
    facts: tuple[tuple[str, str], ...]
    pictures: tuple[FilePreview, ...] = ()


@dataclass(frozen=True)
class DocumentPreview:
    """A text in Markdown; `pictures` are stored names by what the text calls them."""

    title: str
    body: str
    facts: tuple[tuple[str, str], ...]
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskPreview:
    """What a language model is to reach, with which tools, at what cost at most."""

    goal: str
    tools: tuple[str, ...]
    budget: tuple[tuple[str, str], ...]
    warning: str = ""


@dataclass(frozen=True)
class FieldsPreview:
    """Anything else: its fields by their titles."""

    values: Mapping[str, Any]


Preview = (
    MailPreview | PostPreview | CallPreview | FilmPreview | CardPreview | DocumentPreview | TaskPreview | FieldsPreview
)


async def file_previews(
    given: Sequence[FileInput], settings: Settings, *, names: Sequence[str] = ()
) -> tuple[FilePreview, ...]:
    """The kept files with their sizes; `names` are what to call those that have none.

    Raises:
        StorageFault: they cannot be asked for just now.
    """
    storage = open_storage(settings)
    found = []
    for number, each in enumerate(given):
        stored = await storage.find(f"{FILES}/{each.file}") if each.file else None
        name = getattr(each, "name", None) or (names[number] if number < len(names) else str(each.file))
        found.append(FilePreview(str(each.file), name, stored.size if stored else None, getattr(each, "alt", "")))
    return tuple(found)
