"""Posts to Bluesky and other servers of the AT Protocol (atproto.com/specs, docs.bsky.app/docs/api)."""

import asyncio
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import httpx

from engine import clock
from engine.channels.base import Account, Connection, Limits, Post, Posted
from engine.channels.http import (
    Answer,
    AnswerLostError,
    NotSentError,
    Server,
    fitting_images,
    graphemes,
)
from engine.channels.richtext import find_features
from engine.errors import OutcomeUnknown, PermanentError, TransientError

LIMITS = Limits(characters=300, bytes=3000, images=4, image_bytes=2_000_000)
POSTS = "app.bsky.feed.post"
STALE_TOKEN = {"ExpiredToken", "InvalidToken"}

_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"


class BlueskyChannel:
    """One account; its credentials are `handle` and `app_password`."""

    def __init__(self, connection: Connection, http: httpx.AsyncClient) -> None:
        self._connection = connection
        self._handle = connection.credentials.get("handle", "").strip().removeprefix("@")
        self._password = connection.credentials.get("app_password", "").strip()
        advice = "Create a new app password there and connect the channel again."
        self._server = Server("Bluesky", connection.url, http, "sign-in", advice, secrets=[self._password])
        self._session = Session.of(connection.session or {})
        self._signing_in = asyncio.Lock()

    def new_identity(self) -> dict[str, Any]:
        """The record's key, a TID, and its time: with both kept, writing it again changes nothing."""
        now = clock.now()
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"rkey": new_tid(now), "created_at": stamp}

    def length(self, text: str, limits: Limits) -> int:
        """Graphemes (lexicon app.bsky.feed.post)."""
        return graphemes(text)

    async def check(self) -> Account:
        """Ask who we are (com.atproto.server.getSession); the limits are the lexicon's."""
        answer = await self._certain("GET", "com.atproto.server.getSession")
        return Account(f"@{self._server.text(answer, 'handle')}", LIMITS)

    async def prepare(self, post: Post) -> dict[str, Any]:
        """Refuse what does not fit, upload the images, find links, mentions and tags."""
        contents = await fitting_images(self._connection.name, post, self.length(post.text, LIMITS), LIMITS)
        images = [
            {"alt": image.alt, "image": await self._upload(content, image.media_type)}
            for image, content in zip(post.images, contents, strict=True)
        ]
        prepared: dict[str, Any] = {"text": post.text}
        if facets := await self._facets(post.text):
            prepared["facets"] = facets
        if images:
            prepared["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        return prepared

    async def publish(self, prepared: dict[str, Any], identity: dict[str, Any]) -> Posted:
        """Write the record (com.atproto.repo.putRecord); if the answer is lost, ask whether it is there."""
        session = await self._signed_in()
        place = {"repo": session.did, "collection": POSTS, "rkey": identity["rkey"]}
        record = {"$type": POSTS, "createdAt": identity["created_at"], **prepared}
        try:
            answer = await self._ask("POST", "com.atproto.repo.putRecord", json={**place, "record": record})
        except NotSentError as fault:
            raise self._server.unreachable(fault) from fault
        except AnswerLostError as fault:
            return await self._look_up(place, str(fault))
        if answer.status >= 500:
            return await self._look_up(place, f"it answered {answer.status}, {answer.said}")
        if not answer.success:
            raise self._server.refusal(answer, "post")
        if not answer.data.get("uri"):
            return await self._look_up(place, f"its answer ({answer.status}) cannot be read")
        return self._posted(session, answer, identity["rkey"])

    def _posted(self, session: "Session", answer: Answer, rkey: str) -> Posted:
        url = f"https://bsky.app/profile/{session.handle}/post/{rkey}"
        return Posted(url=url, id=str(answer.data["uri"]))

    async def _look_up(self, place: dict[str, str], why: str) -> Posted:
        """Ask for the record (com.atproto.repo.getRecord)."""
        try:
            session = await self._signed_in()
            answer = await self._ask("GET", "com.atproto.repo.getRecord", params=place)
        except Exception as fault:  # whatever hinders the look, nothing is known
            raise self._unknown(why) from fault
        if answer.success and answer.data.get("uri"):
            return self._posted(session, answer, place["rkey"])
        if answer.status == 400 and answer.data.get("error") == "RecordNotFound":
            raise TransientError(f"{self._server.name} did not publish the post: {why}.")
        raise self._unknown(why)

    def _unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self._server.name} may have published the post or not: {why}. Look there before posting again."
        )

    async def _upload(self, content: bytes, media_type: str) -> dict[str, Any]:
        """The image's reference (com.atproto.repo.uploadBlob); Bluesky drops it unless a record uses it."""
        headers = {"Content-Type": media_type}
        answer = await self._certain("POST", "com.atproto.repo.uploadBlob", content=content, headers=headers)
        blob = answer.data.get("blob")
        if not isinstance(blob, dict):
            raise PermanentError(f"{self._server.name} did not say where it keeps an image.")
        return blob

    async def _facets(self, text: str) -> list[dict[str, Any]]:
        """Links, mentions and tags with their places in UTF-8 (lexicon app.bsky.richtext.facet)."""
        facets = []
        for found in find_features(text):
            value = await self._did(found.value) if found.kind == "mention" else found.value
            if value is not None:
                key = {"link": "uri", "mention": "did", "tag": "tag"}[found.kind]
                feature = {"$type": f"app.bsky.richtext.facet#{found.kind}", key: value}
                facets.append({"index": found.index(text), "features": [feature]})
        return facets

    async def _did(self, handle: str) -> str | None:
        """Whose handle it is (com.atproto.identity.resolveHandle), or None if it is nobody's."""
        path = "/xrpc/com.atproto.identity.resolveHandle"
        answer = await self._server.certain("GET", path, None, params={"handle": handle}, accept=(400, 404))
        return self._server.text(answer, "did") if answer.success else None

    async def _certain(self, method: str, call: str, **request: Any) -> Answer:
        try:
            answer = await self._ask(method, call, **request)
        except (NotSentError, AnswerLostError) as fault:
            raise self._server.unreachable(fault) from fault
        if not answer.success:
            raise self._server.refusal(answer)
        return answer

    async def _ask(self, method: str, call: str, **request: Any) -> Answer:
        session = await self._signed_in()
        answer = await self._server.ask(method, f"/xrpc/{call}", session.access, **request)
        if answer.status == 401 or (answer.status == 400 and answer.data.get("error") in STALE_TOKEN):
            session = await self._signed_in(instead_of=session)
            answer = await self._server.ask(method, f"/xrpc/{call}", session.access, **request)
        return answer

    async def _signed_in(self, instead_of: "Session | None" = None) -> "Session":
        """The session that is kept; sign-ins are few (30 in 5 minutes), so only one caller renews it."""
        async with self._signing_in:
            if self._session is None or self._session is instead_of:
                self._session = await self._refreshed() or await self._created()
                await self._connection.save_session(self._session.kept())
            return self._session

    async def _refreshed(self) -> "Session | None":
        """A new session for the old one (com.atproto.server.refreshSession), or None if it is too old."""
        if self._session is None:
            return None
        path, token = "/xrpc/com.atproto.server.refreshSession", self._session.refresh
        answer = await self._server.certain("POST", path, token, accept=(400, 401, 403))
        return Session.of(answer.data)

    async def _created(self) -> "Session":
        """A session for handle and app password (com.atproto.server.createSession)."""
        login = {"identifier": self._handle, "password": self._password}
        path = "/xrpc/com.atproto.server.createSession"
        answer = await self._server.certain("POST", path, None, json=login)
        return Session.of(answer.data) or self._no_session()

    def _no_session(self) -> NoReturn:
        raise PermanentError(f"{self._server.name} did not answer the sign-in as Bluesky does.")


@dataclass(frozen=True)
class Session:
    """A sign-in: `access` is for requests, `refresh` for the next session."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    did: str
    handle: str

    @staticmethod
    def of(data: dict[str, Any]) -> "Session | None":
        """The session in a server's answer, or in what `kept` gave; None if there is none."""
        values = [data.get(key) for key in ("accessJwt", "refreshJwt", "did", "handle")]
        return Session(*map(str, values)) if all(values) else None

    def kept(self) -> dict[str, Any]:
        """What is stored for next time, under the server's own names."""
        return {
            "accessJwt": self.access,
            "refreshJwt": self.refresh,
            "did": self.did,
            "handle": self.handle,
        }


class TidClock:
    """Gives TIDs (atproto.com/specs/tid): 53 bits of microseconds and 10 bits that tell clocks apart."""

    def __init__(self) -> None:
        self._clock = secrets.randbelow(1024)
        self._last = 0
        self._lock = threading.Lock()

    def next(self, moment: datetime) -> str:
        """The TID of this moment, or of the first microsecond after the last one given."""
        with self._lock:
            self._last = max(self._last + 1, int(moment.timestamp() * 1_000_000))
            number = self._last << 10 | self._clock
        return "".join(_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


new_tid = TidClock().next
