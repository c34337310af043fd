"""Posts to Mastodon, GoToSocial, Pleroma and others that speak Mastodon's API (docs.joinmastodon.org)."""

import asyncio
import re
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx

from engine import clock
from engine.channels.base import Account, Connection, Image, Limits, Post, Posted
from engine.channels.http import LINK, Answer, AnswerLostError, NotSentError, Server, fitting_images, graphemes, trimmed
from engine.errors import OutcomeUnknown, TransientError

CHARACTERS = 500  # Mastodon's own limit, for servers that name none
CHARACTERS_PER_LINK = 23  # whatever the link's real length
MEDIA_PATIENCE_SECONDS = 30.0
KEY_REMEMBERED = timedelta(minutes=55)  # Mastodon says an hour; clocks and queues need some of it

_PUBLIC_HOST = re.compile(r"https?://[^\s/?#]*\.[^\W\d_]", re.IGNORECASE)
_MENTION = re.compile(r"(?<![=/\w])@([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)@[\w.-]*\w", re.IGNORECASE)


class MastodonChannel:
    """One account; its credential is `access_token`, with the permissions read and write."""

    def __init__(self, connection: Connection, http: httpx.AsyncClient) -> None:
        self._channel = connection.name
        self._token = connection.credentials.get("access_token", "").strip()
        advice = "Create a new token there and connect the channel again."
        self._server = Server("Mastodon", connection.url, http, "access token", advice, secrets=[self._token])
        self.media_patience_seconds = MEDIA_PATIENCE_SECONDS

    def new_identity(self) -> dict[str, Any]:
        """An Idempotency-Key (methods/statuses); Mastodon remembers it an hour, GoToSocial ignores it."""
        now = clock.now()
        expires_at = now + KEY_REMEMBERED
        return {
            "idempotency_key": uuid.uuid4().hex,
            "created_at": now.isoformat(),
            "expires_at": expires_at.isoformat(),
        }

    def length(self, text: str, limits: Limits) -> int:
        """Graphemes; every link counts the same, and `@user@host` as `@user` (user/posting, "Text")."""
        per_link = limits.characters_per_link or CHARACTERS_PER_LINK
        text = LINK.sub(lambda found: _as_counted(found.group(), per_link), text)
        return graphemes(_MENTION.sub(r"@\1", text))

    async def check(self) -> Account:
        """Ask for account (methods/accounts#verify_credentials) and limits (methods/instance#v2)."""
        answer = await self._ask("GET", "/api/v1/accounts/verify_credentials")
        account = self._server.text(answer, "acct")
        return Account(f"@{account}@{self._server.host}", await self._limits())

    async def prepare(self, post: Post) -> dict[str, Any]:
        """Refuse what the server would refuse, and upload the images."""
        limits = await self._limits()
        contents = await fitting_images(self._channel, post, self.length(post.text, limits), limits)
        images = zip(post.images, contents, strict=True)
        return {"text": post.text, "media_ids": [await self._upload(*image) for image in images]}

    async def publish(self, prepared: dict[str, Any], identity: dict[str, Any]) -> Posted:
        """Post (methods/statuses#create); a lost answer cannot be asked for again: OutcomeUnknown."""
        headers = {"Idempotency-Key": identity["idempotency_key"]}
        status = {"status": prepared["text"], "media_ids": prepared["media_ids"]}
        try:
            answer = await self._server.ask("POST", "/api/v1/statuses", self._token, headers=headers, json=status)
        except NotSentError as fault:
            raise self._server.unreachable(fault) from fault
        except AnswerLostError as fault:
            raise self._unknown(str(fault)) from fault
        if answer.status >= 500:
            raise self._unknown(f"it answered {answer.status}, {answer.said}")
        if not answer.success:
            raise self._server.refusal(answer, "post")
        return self._posted(answer)

    def _posted(self, answer: "Answer") -> Posted:
        url, number = answer.data.get("url") or answer.data.get("uri"), answer.data.get("id")
        if not url or not number:
            raise self._unknown(f"its answer ({answer.status}) cannot be read")
        return Posted(url=str(url), id=str(number))

    def _unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._server.name} may have published the post or not: {why}. Look there before posting again."
        )

    async def _limits(self) -> Limits:
        answer = await self._ask("GET", "/api/v2/instance", accept=(404,))
        if answer.status == 404:  # Mastodon before 4.0, Pleroma
            answer = await self._ask("GET", "/api/v1/instance")
        return _limits_of(answer.data)

    async def _upload(self, image: Image, content: bytes) -> str:
        """The image's id (methods/media#v2); 202 says that it is not ready to be posted yet."""
        answer = await self._ask(
            "POST",
            "/api/v2/media",
            files={"file": (image.name, content, image.media_type)},
            data={"description": image.alt} if image.alt else {},
        )
        media = self._server.text(answer, "id")
        if answer.status == 202:
            await self._processed(media)
        return media

    async def _processed(self, media: str) -> None:
        try:
            async with asyncio.timeout(self.media_patience_seconds):
                pause = 0.05
                while (await self._ask("GET", f"/api/v1/media/{quote(media, safe='')}")).status != 200:
                    await asyncio.sleep(pause)
                    pause = min(1, pause * 2)
        except TimeoutError:
            waited = f"{self.media_patience_seconds:g} seconds"
            raise TransientError(f"{self._server.name} has not processed an image after {waited}.") from None

    async def _ask(self, method: str, path: str, **request: Any) -> "Answer":
        return await self._server.certain(method, path, self._token, **request)


def _as_counted(found: str, per_link: int) -> str:
    link = trimmed(found)
    return "x" * per_link + found[len(link) :] if _PUBLIC_HOST.match(link) else found


def _limits_of(instance: dict[str, Any]) -> Limits:
    configuration = _object(instance, "configuration")
    statuses = _object(configuration, "statuses")
    return Limits(
        characters=_number(statuses, "max_characters") or _number(instance, "max_toot_chars") or CHARACTERS,
        images=_number(statuses, "max_media_attachments") or 4,
        image_bytes=_number(_object(configuration, "media_attachments"), "image_size_limit"),
        characters_per_link=_number(statuses, "characters_reserved_per_url") or CHARACTERS_PER_LINK,
    )


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _number(data: dict[str, Any], key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and value > 0 else None
