"""What every way out for posts has in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Image:
    """A picture of a post; `alt` is what people who cannot see it get. `read` gives None once it is stored no more."""

    name: str
    media_type: str
    alt: str
    read: Callable[[], Awaitable[bytes | None]]


@dataclass(frozen=True)
class Post:
    """What is to be published."""

    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What a server accepts; None means that it sets no such limit."""

    characters: int
    bytes: int | None = None
    images: int = 4
    image_bytes: int | None = None
    characters_per_link: int | None = None


@dataclass(frozen=True)
class Account:
    """Who a channel posts as, as the server tells it, and the server's limits."""

    name: str
    limits: Limits


@dataclass(frozen=True)
class Posted:
    """Where a post can be seen, and its identity there."""

    url: str
    id: str


async def _forget(_: dict[str, Any]) -> None:
    return None


@dataclass(frozen=True)
class Connection:
    """How to reach one channel. `save_session` keeps what a server gave for next time (tokens), encrypted."""

    name: str
    url: str
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    session: dict[str, Any] | None = field(default=None, repr=False)
    save_session: Callable[[dict[str, Any]], Awaitable[None]] = field(default=_forget, repr=False)


class Channel(Protocol):
    """One way out. Every fault is an `engine.errors.AttemptError` whose sentence names server and cause."""

    def new_identity(self) -> dict[str, Any]:
        """The identity of one post, chosen before it is sent and stored with the job."""
        ...

    def length(self, text: str, limits: Limits) -> int:
        """The text's length as this kind of server counts it."""
        ...

    async def check(self) -> Account:
        """Ask the server who we are and what it accepts."""
        ...

    async def prepare(self, post: Post) -> dict[str, Any]:
        """Everything that may be repeated: read limits, upload images, resolve mentions."""
        ...

    async def publish(self, prepared: dict[str, Any], identity: dict[str, Any]) -> Posted:
        """The one request that cannot be taken back."""
        ...


def length_fault(channel: str, text: str, length: int, limits: Limits) -> str | None:
    """Why the text is too long for the channel, or None."""
    if length > limits.characters:
        return f"Text has {length:,} characters, at most {limits.characters:,} are allowed on {channel}"
    size = len(text.encode())
    if limits.bytes is not None and size > limits.bytes:
        return f"Text has {size:,} bytes, at most {limits.bytes:,} are allowed on {channel}"
    return None
