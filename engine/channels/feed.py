"""The built-in feed: posts that need no account, published as Atom at /feed.xml."""

import uuid
from contextlib import suppress
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.channels.base import Account, Limits, Post, Posted, length_fault
from engine.errors import PermanentError
from models.channel import FeedEntry

LIMITS = Limits(characters=5000)


class FeedChannel:
    """Publishing is one insert under a chosen id, so it happens once however often it is tried."""

    def __init__(self, name: str) -> None:
        self._name = name

    def new_identity(self) -> dict[str, Any]:
        """A random id (RFC 9562, version 4)."""
        return {"entry": str(uuid.uuid4())}

    def length(self, text: str, limits: Limits) -> int:
        """Code points."""
        return len(text)

    async def check(self) -> Account:
        """Always there."""
        return Account("/feed.xml", LIMITS)

    async def prepare(self, post: Post) -> dict[str, Any]:
        """Refuse what is too long, and keep references to the images."""
        if fault := length_fault(self._name, post.text, len(post.text), LIMITS):
            raise PermanentError(fault)
        images = [{"file": i.name, "media_type": i.media_type, "alt": i.alt} for i in post.images]
        return {"text": post.text, "images": images}

    async def publish(self, prepared: dict[str, Any], identity: dict[str, Any]) -> Posted:
        """Insert the entry unless it is there."""
        entry: str = identity["entry"]
        with suppress(IntegrityError):  # an earlier attempt has inserted it
            await FeedEntry.create(id=entry, channel=self._name, published_at=clock.now(), **prepared)
        return Posted(url=f"/feed/{entry}", id=entry)
