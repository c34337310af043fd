"""Wishes about job types, channels, secrets and webhooks."""

from collections.abc import Sequence
from typing import Any

from engine.defined_types import Definition
from engine.desk.base import BaseDesk
from engine.views import ChannelView, DeliveryView, SecretView, WebhookView
from models.rights import Right


class SettingsDesk(BaseDesk):
    """What administrators set."""

    async def set_policy(self, key: str, **changes: Any) -> None:
        """See `Administration.set_policy`."""

        async def policy() -> dict[str, Any] | None:
            views = {view.key: view for view in await self._services.queries.types()}
            return {name: getattr(views[key], name) for name in changes} if key in views else None

        async def set_it() -> None:
            await self._services.administration.set_policy(key, **changes)

        await self._administer("job_type.change", f"job type {key}", set_it, policy)

    async def define_type(self, definition: Definition) -> None:
        """See `DefinedTypes.define`."""
        actor = await self._allowed(Right.ADMINISTER)
        define = self._services.defined_types.define
        target = f"job type {definition.key}"
        await self._administer(
            "job_type.define", target, lambda: define(definition, actor.name), told=lambda _: vars(definition)
        )

    async def redefine_type(self, definition: Definition) -> None:
        """See `DefinedTypes.change`."""
        change = self._services.defined_types.change
        target = f"job type {definition.key}"
        await self._administer("job_type.redefine", target, lambda: change(definition), told=lambda _: vars(definition))

    async def remove_type(self, key: str) -> None:
        """See `DefinedTypes.remove`."""
        remove = self._services.defined_types.remove
        await self._administer("job_type.remove", f"job type {key}", lambda: remove(key))

    async def connect_channel(self, name: str, kind: str, url: str, credentials: dict[str, Any]) -> ChannelView:
        """See `Administration.connect_channel`."""
        connect = self._services.administration.connect_channel
        return await self._administer(
            "channel.connect", f"channel {name}", lambda: connect(name, kind, url, credentials), told=_channel
        )

    async def remove_channel(self, channel_id: int) -> None:
        """See `Administration.remove_channel`."""

        async def channel() -> dict[str, Any] | None:
            found = [view for view in await self._services.queries.channels() if view.id == channel_id]
            return _channel(found[0]) if found else None

        remove = self._services.administration.remove_channel
        await self._administer("channel.remove", f"channel {channel_id}", lambda: remove(channel_id), channel)

    async def test_channel(self, channel_id: int) -> ChannelView:
        """See `Administration.test_channel`."""
        test = self._services.administration.test_channel
        return await self._administer(
            "channel.test", f"channel {channel_id}", lambda: test(channel_id), told=lambda view: {"fault": view.fault}
        )

    async def secrets(self) -> list[SecretView]:
        """Every stored secret, without its value."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.secrets.all()

    async def put_secret(self, name: str, value: str, hosts: Sequence[str]) -> SecretView:
        """See `StoredSecrets.put`; the log tells everything but the value."""
        actor = await self._allowed(Right.ADMINISTER)
        put = self._services.secrets.put
        return await self._administer(
            "secret.set",
            f"secret {name}",
            lambda: put(name, value, hosts, actor.name),
            told=lambda view: {"hosts": view.hosts},
        )

    async def remove_secret(self, name: str) -> None:
        """See `StoredSecrets.remove`."""
        remove = self._services.secrets.remove
        await self._administer("secret.remove", f"secret {name}", lambda: remove(name))

    async def webhooks(self) -> list[WebhookView]:
        """Every webhook."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.webhooks.all()

    async def add_webhook(self, name: str, url: str, kinds: Sequence[str]) -> tuple[WebhookView, str]:
        """See `Webhooks.add`."""
        actor = await self._allowed(Right.ADMINISTER)
        add = self._services.webhooks.add
        told = {"url": url, "kinds": list(kinds)}
        return await self._administer(
            "webhook.add", f"webhook {name}", lambda: add(name, url, kinds, actor.name), told=lambda _: told
        )

    async def remove_webhook(self, webhook_id: int) -> None:
        """See `Webhooks.remove`."""
        remove = self._services.webhooks.remove
        await self._administer("webhook.remove", f"webhook {webhook_id}", lambda: remove(webhook_id))

    async def test_webhook(self, webhook_id: int) -> None:
        """See `Webhooks.test`."""
        test = self._services.webhooks.test
        await self._administer("webhook.test", f"webhook {webhook_id}", lambda: test(webhook_id))

    async def deliveries(self, webhook_id: int) -> list[DeliveryView]:
        """See `Webhooks.deliveries`."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.webhooks.deliveries(webhook_id)

    async def send_again(self, delivery_id: int) -> DeliveryView:
        """See `Webhooks.send_again`."""
        again = self._services.webhooks.send_again
        return await self._administer("webhook.send_again", f"delivery {delivery_id}", lambda: again(delivery_id))


def _channel(view: ChannelView) -> dict[str, Any]:
    return {"name": view.name, "kind": view.kind, "url": view.url}
