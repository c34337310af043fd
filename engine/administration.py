"""What an administrator may do: channels, and limits of job types."""

from contextlib import suppress
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.channels import FEED, KINDS, open_channel
from engine.errors import AttemptError, FieldError, InvalidInput, NotFound
from engine.events import Bus, ChannelsChanged, TypesChanged
from engine.faults import shown
from engine.jobs import Registry
from engine.names import name_faults
from engine.outbound import allowed, http_client, is_web_address
from engine.rows import channel_view
from engine.settings import Settings
from engine.vault import Vault
from engine.views import ChannelView
from models.channel import Channel
from models.engine_record import EngineRecord
from models.states import ProcessRole
from models.type_policy import TypePolicy

CREDENTIALS: dict[str, tuple[str, ...]] = {
    "feed": (),
    "mastodon": ("access_token",),
    "bluesky": ("handle", "app_password"),
}
MAX_CONCURRENCY = 1000
MAX_TIME_LIMIT_SECONDS = 7 * 86400


class Administration:
    """Channels and job types."""

    def __init__(self, settings: Settings, registry: Registry, bus: Bus) -> None:
        self._settings = settings
        self._registry = registry
        self._bus = bus
        secret = settings.secret_key
        self._vault = Vault(secret.get_secret_value() if secret else "")

    async def ensure_feed(self) -> None:
        """Give a new database its built-in feed; one that was removed on purpose stays removed."""
        is_new = not await EngineRecord.exists(role=ProcessRole.ENGINE)  # it leaves a record; the last is never deleted
        if is_new and not await Channel.exists():
            with suppress(InvalidInput):  # another engine, on a database as new to it, was first
                await self.connect_channel(FEED, FEED)

    async def connect_channel(
        self, name: str, kind: str, url: str = "", credentials: dict[str, Any] | None = None
    ) -> ChannelView:
        """Store a channel, its credentials encrypted, and ask its server who it is.

        A server that refuses does not undo this: the fault is shown with the channel, and can be tested again.

        Raises:
            InvalidInput: a field breaks a rule, or the name is taken.
        """
        credentials = credentials or {}
        faults = [*name_faults(name), *_kind_faults(kind, url, credentials)]
        if faults:
            raise InvalidInput(faults)
        sealed = self._vault.seal(credentials) if credentials else None
        try:
            row = await Channel.create(
                name=name, kind=kind, url=url.rstrip("/"), credentials=sealed, created_at=clock.now()
            )
        except IntegrityError:
            fault = FieldError("name", f"name must be new, and there is a channel {name!r} already")
            raise InvalidInput([fault]) from None
        return await self.test_channel(row.id)

    async def remove_channel(self, channel_id: int) -> None:
        """Forget a channel and its credentials; what was posted stays posted.

        Raises:
            NotFound: there is no such channel.
        """
        if not await Channel.filter(id=channel_id).delete():
            raise NotFound("channel", channel_id)
        self._bus.publish(ChannelsChanged())

    async def test_channel(self, channel_id: int) -> ChannelView:
        """Ask the channel's server who we are there; the answer, or the exact fault, is kept and returned.

        Raises:
            NotFound: there is no such channel.
        """
        row = await Channel.get_or_none(id=channel_id)
        if row is None:
            raise NotFound("channel", channel_id)
        changes: dict[str, Any] = {"tested_at": clock.now(), "fault": None}
        try:
            async with http_client(await allowed(self._settings)) as http:
                account = await open_channel(row, self._vault, http).check()
            changes |= {"account": account.name, "limits": vars(account.limits)}
        except AttemptError as fault:
            changes["fault"] = str(fault)
        await Channel.filter(id=channel_id).update(**changes)
        self._bus.publish(ChannelsChanged())
        if (tested := await Channel.get_or_none(id=channel_id)) is None:  # it was removed meanwhile
            raise NotFound("channel", channel_id)
        return channel_view(tested)

    async def set_policy(self, key: str, **changes: Any) -> None:
        """Pause or limit every job of a type, in all engines, from their next look on.

        `paused` is true or false; `concurrency` (at once, 1 to 1,000) and `time_limit_seconds` (1 to 604,800) are
        None for what the engine and the type have of themselves. What is left out stays as it is.

        Raises:
            NotFound: there is no such job type.
            InvalidInput: a value breaks its rule.
        """
        self._registry.get(key)
        if faults := _policy_faults(changes):
            raise InvalidInput(faults)
        if not await TypePolicy.filter(type=key).update(**changes):
            with suppress(IntegrityError):  # somebody else was first: theirs is changed below
                await TypePolicy.create(type=key)
            await TypePolicy.filter(type=key).update(**changes)
        self._bus.publish(TypesChanged())


def _policy_faults(changes: dict[str, Any]) -> list[FieldError]:
    faults = []
    for field, most in (("concurrency", MAX_CONCURRENCY), ("time_limit_seconds", MAX_TIME_LIMIT_SECONDS)):
        value = changes.get(field)
        if value is not None and not 1 <= value <= most:
            faults.append(
                FieldError(field, f"{field} must be 1 to {most:,}, or null for no limit of its own, not {value}")
            )
    return faults


def _kind_faults(kind: str, url: str, credentials: dict[str, Any]) -> list[FieldError]:
    if kind not in KINDS:
        return [FieldError("kind", f"kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {shown(kind)}")]
    faults = []
    if kind != FEED and not is_web_address(url):
        faults.append(FieldError("url", f"url must be like https://social.example, not {shown(url)}"))
    for key in CREDENTIALS[kind]:
        value = credentials.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= 2000:
            faults.append(FieldError(f"credentials.{key}", f"{key} is required, as text of at most 2,000 characters"))
    for key in credentials.keys() - set(CREDENTIALS[kind]):
        known = ", ".join(CREDENTIALS[kind]) or "none"
        faults.append(FieldError(f"credentials.{key}", f"{key} is not used by {kind}; it takes {known}"))
    return faults
