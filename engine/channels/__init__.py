"""Ways out: where posts and mail leave the engine, one file each."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from engine.channels.base import Channel, Connection, Limits
from engine.channels.bluesky import BlueskyChannel
from engine.channels.feed import FeedChannel
from engine.channels.mastodon import MastodonChannel
from engine.vault import Vault
from models.channel import Channel as ChannelRow

KINDS = ("feed", "mastodon", "bluesky")
FEED = "feed"


def open_channel(row: ChannelRow, vault: Vault, http: httpx.AsyncClient) -> Channel:
    """A channel ready to be spoken through."""
    if row.kind == FEED:
        return FeedChannel(row.name)
    connection = Connection(
        name=row.name,
        url=row.url,
        credentials=vault.open(row.credentials) if row.credentials else {},
        session=vault.open(row.session) if row.session else None,
        save_session=_session_keeper(row.id, vault),
    )
    return MastodonChannel(connection, http) if row.kind == "mastodon" else BlueskyChannel(connection, http)


def known_limits(row: ChannelRow) -> Limits | None:
    """The limits that the server last told, or None if it was never asked."""
    return Limits(**row.limits) if row.limits else None


def _session_keeper(channel_id: int, vault: Vault) -> Callable[[dict[str, Any]], Awaitable[None]]:
    async def save(session: dict[str, Any]) -> None:
        await ChannelRow.filter(id=channel_id).update(session=vault.seal(session))

    return save
