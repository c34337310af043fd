"""SOCIAL_POST: one text, with images, to one or more named channels; each channel gets it once."""

from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from engine import files
from engine.budgets.ways import CHANNEL
from engine.channels import known_limits, open_channel
from engine.channels.base import Image, Limits, Post, length_fault
from engine.errors import (
    AttemptError,
    FieldError,
    InvalidInput,
    OutcomeUnknown,
    PermanentError,
    TransientError,
)
from engine.jobs.attached import ImageInput
from engine.jobs.base import Audience, Context, EffectKind, JobType, Payload, ResultLine
from engine.jobs.fields import TextBlock
from engine.jobs.preview import ChannelPost, PostPreview, file_previews
from engine.outbound import allowed, http_client
from engine.settings import Settings
from engine.storage import FILES, Storage, open_storage
from engine.vault import Vault
from models.channel import Channel as ChannelRow
from models.states import Category

MAX_IMAGES = 4
MAX_IMAGE_BYTES = 2_000_000
MAX_IMAGES_BYTES = 5_500_000  # together: as base64 they must fit in one request
_SEVERITY: tuple[type[AttemptError], ...] = (OutcomeUnknown, TransientError, PermanentError)


def _each_once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in names))


ChannelNames = Annotated[list[str], AfterValidator(_each_once)]


class SocialPayload(Payload):
    """What a post needs; a channel is named as in Settings."""

    text: Annotated[
        TextBlock,
        Field(title="Text", min_length=1, max_length=20_000, json_schema_extra={"multiline": True, "draft": "post"}),
    ]
    channels: Annotated[
        ChannelNames,
        Field(title="Channels", min_length=1, max_length=20, json_schema_extra={"choices": "channels"}),
    ]
    images: Annotated[
        list[ImageInput], Field(title="Images", max_length=MAX_IMAGES, json_schema_extra={"upload": "image"})
    ] = []  # noqa: RUF012 (pydantic copies it)


class SocialPost(JobType[SocialPayload]):
    """Publishes to each channel in turn; one channel's failure hides no other's success."""

    key = "SOCIAL_POST"
    label = "Publish post"
    description = "Publish a social media post"
    icon = "share"
    category = Category.SOCIAL
    agent = "Publisher"
    effect = EffectKind.IRREVERSIBLE
    time_limit_seconds = 600
    payload = SocialPayload

    def summary(self, payload: SocialPayload) -> str:
        """Where to, and the first words."""
        words = " ".join(payload.text.split())
        return f"{', '.join(payload.channels)} · {words[:200]}"

    def result_line(self, result: dict[str, Any]) -> ResultLine:
        """The channels that have it, with the first post's link."""
        posts = result.get("posts", [])
        url = posts[0]["url"] if posts else None
        return ResultLine(str(result.get("message", "")), url)

    def targets(self, payload: SocialPayload) -> tuple[str, ...]:
        """One effect a channel."""
        return tuple(payload.channels)

    def audience(self, payload: SocialPayload) -> Audience:
        """The channels."""
        return Audience(channels=frozenset(payload.channels))

    def ways_out(self, payload: SocialPayload) -> frozenset[str]:
        """Each of the channels."""
        return frozenset(f"{CHANNEL}:{name}" for name in payload.channels)

    async def preview(self, payload: SocialPayload, settings: Settings) -> PostPreview:
        """The post, and how long it is on each channel."""
        rows = await _rows(payload.channels)
        names = [f"Picture {number}" for number in range(1, len(payload.images) + 1)]
        return PostPreview(
            text=payload.text,
            channels=tuple(_on_channel(name, rows.get(name), payload.text) for name in payload.channels),
            images=await file_previews(payload.images, settings, names=names),
        )

    async def accept(self, payload: SocialPayload, settings: Settings) -> SocialPayload:
        """Every channel exists, the text fits each, and images are kept by content."""
        rows = await _rows(payload.channels)
        faults = [*_unknown_channels(payload, rows), *_too_long(payload, list(rows.values()))]
        faults += _too_heavy(payload)
        images = [await _keep_image(image, i, faults, settings) for i, image in enumerate(payload.images)]
        if faults:
            raise InvalidInput(faults)
        return payload.model_copy(update={"images": images})

    async def run(self, payload: SocialPayload, context: Context) -> dict[str, Any]:
        """Post to every channel, then tell all of what happened."""
        storage = open_storage(context.settings)
        post = Post(payload.text, tuple(_image(image, storage) for image in payload.images))
        rows = await _rows(payload.channels)
        posts: list[dict[str, Any]] = []
        faults: dict[str, AttemptError] = {}
        async with http_client(await allowed(context.settings)) as http:
            for number, name in enumerate(payload.channels):
                await context.progress(100 * number / len(payload.channels))
                try:
                    posts.append(await _post_to(rows.get(name), name, post, context, http))
                except AttemptError as fault:
                    await context.log(f"{name}: {fault}")
                    faults[name] = fault
        return _verdict(posts, faults)


async def _post_to(row: ChannelRow | None, name: str, post: Post, context: Context, http: Any) -> dict[str, Any]:
    if (earlier := await context.already_done(name)) is not None:
        return {"channel": name, "url": None, "id": None, **earlier}  # a person who confirmed it gave neither
    if row is None:
        raise PermanentError(f"the channel {name} does not exist any more; connect it again in Settings")
    secret = context.settings.secret_key
    channel = open_channel(row, Vault(secret.get_secret_value() if secret else ""), http)
    await context.log(f"Posting to {name} ({row.kind})")

    async def perform(identity: dict[str, Any]) -> dict[str, Any]:
        posted = await channel.publish(prepared, identity)
        return {"channel": name, "url": posted.url, "id": posted.id}

    prepared = await channel.prepare(post)
    return await context.effect(name, channel.new_identity(), perform)


def _verdict(posts: list[dict[str, Any]], faults: dict[str, AttemptError]) -> dict[str, Any]:
    names = ", ".join(post["channel"] for post in posts)
    result = {"message": f"Posted to {names}" if posts else "Posted nowhere yet", "posts": posts}
    if not faults:
        return result
    told = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
    message = f"Posted to {names}, but not everywhere. {told}" if posts else told
    severity = next(kind for kind in _SEVERITY if any(isinstance(fault, kind) for fault in faults.values()))
    if severity is not TransientError:
        raise severity(message, result=result)
    waits = [fault.retry_after for fault in faults.values() if isinstance(fault, TransientError) and fault.retry_after]
    raise TransientError(message, retry_after=max(waits, default=None), result=result)


async def _rows(names: list[str]) -> dict[str, ChannelRow]:
    return {row.name: row for row in await ChannelRow.filter(name__in=names)}


def _unknown_channels(payload: SocialPayload, rows: dict[str, ChannelRow]) -> list[FieldError]:
    missing = [name for name in payload.channels if name not in rows]
    return [
        FieldError("channels", f"Channels must be connected in Settings first; there is no channel {name!r}")
        for name in missing
    ]


def _too_long(payload: SocialPayload, rows: list[ChannelRow]) -> list[FieldError]:
    return [FieldError("text", fault) for row in rows if (fault := _length_fault(row, payload.text))]


def _length_fault(row: ChannelRow, text: str) -> str | None:
    limits = known_limits(row)
    return length_fault(row.name, text, _length(row, text, limits), limits) if limits else None


def _length(row: ChannelRow, text: str, limits: Limits) -> int:
    """As its kind of server counts; no secret is needed for that."""
    bare = ChannelRow(name=row.name, kind=row.kind, url=row.url)
    return open_channel(bare, Vault("limits need no secrets"), None).length(text, limits)  # type: ignore[arg-type]


def _on_channel(name: str, row: ChannelRow | None, text: str) -> ChannelPost:
    if row is None:
        return ChannelPost(name, "", "", None, None, f"There is no channel {name} any more: connect it in Settings")
    limits = known_limits(row)
    length = _length(row, text, limits or Limits(characters=len(text)))
    limit = limits.characters if limits else None
    return ChannelPost(name, row.kind, row.account or "", length, limit, _length_fault(row, text) or "")


def _too_heavy(payload: SocialPayload) -> list[FieldError]:
    total = sum(len(image.data or "") * 3 // 4 for image in payload.images)
    if total <= MAX_IMAGES_BYTES:
        return []
    return [FieldError("images", f"Images together must have at most {MAX_IMAGES_BYTES:,} bytes, not {total:,}")]


async def _keep_image(image: ImageInput, index: int, faults: list[FieldError], settings: Settings) -> ImageInput:
    title = f"Images {index + 1}"
    try:
        return await image.keep(f"images.{index}", settings, kinds=files.IMAGES, most=MAX_IMAGE_BYTES, title=title)
    except InvalidInput as error:
        faults += error.errors
        return image


def _image(image: ImageInput, storage: Storage) -> Image:
    name = str(image.file)
    return Image(name, files.media_type(name), image.alt, partial(storage.get, f"{FILES}/{name}"))
