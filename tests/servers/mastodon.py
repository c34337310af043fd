"""A server that speaks as much of Mastodon's API as posting needs (docs.joinmastodon.org)."""

import re
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Any

from python_multipart.multipart import Field, File, parse_form

from tests.servers.http import FakeServer, Reply, Request


@dataclass
class Status:
    """A post that the server has taken."""

    id: str
    acct: str
    text: str
    media: list["Media"]
    idempotency_key: str | None


@dataclass
class Media:
    """An upload; it is being processed until it has been asked for `polls_left` times more."""

    id: str
    description: str
    media_type: str
    content: bytes = field(repr=False)
    polls_left: int = 0


class MastodonServer(FakeServer):
    """`statuses` and `media` hold what was taken; the limits may be changed at any time."""

    def __init__(self, *, token: str = "token-of-alice", acct: str = "alice", port: int = 0) -> None:
        super().__init__(port)
        self.token = token
        self.tokens = {token: acct}
        self.statuses: list[Status] = []
        self.media: list[Media] = []
        self.characters = 500
        self.characters_per_link = 23
        self.images = 4
        self.image_bytes = 16_000_000
        self.media_polls = 0  # how often an upload answers that it is still being processed
        self.remembers_keys = True  # GoToSocial does not
        self.only_v1 = False  # as Pleroma: no /api/v2/instance, and the limit under another name

    def answer(self, request: Request) -> Reply:
        match (request.method, request.path.strip("/").split("/")):
            case ("GET", ["api", "v2", "instance"]) if not self.only_v1:
                return Reply({"domain": self.url.removeprefix("http://"), "configuration": self._configuration()})
            case ("GET", ["api", "v1", "instance"]):
                return Reply({"uri": self.url, "max_toot_chars": self.characters})
            case ("GET", [page, number]) if page.startswith("@"):
                return self._page(number)
        acct = self.tokens.get(request.bearer or "")
        if acct is None:
            return _error(401, "The access token is invalid")
        match (request.method, request.path.strip("/").split("/")):
            case ("GET", ["api", "v1", "accounts", "verify_credentials"]):
                return Reply({"id": "1", "username": acct, "acct": acct, "url": f"{self.url}/@{acct}"})
            case ("POST", ["api", "v2", "media"]):
                return self._upload(request)
            case ("GET", ["api", "v1", "media", number]):
                return self._poll(number)
            case ("POST", ["api", "v1", "statuses"]):
                return self._post(request, acct)
        return _error(404, "Record not found")

    def _configuration(self) -> dict[str, Any]:
        return {
            "statuses": {
                "max_characters": self.characters,
                "max_media_attachments": self.images,
                "characters_reserved_per_url": self.characters_per_link,
            },
            "media_attachments": {"image_size_limit": self.image_bytes},
        }

    def _upload(self, request: Request) -> Reply:
        fields: dict[str, str] = {}
        files: list[tuple[str, bytes]] = []

        def on_field(found: Field) -> None:
            fields[(found.field_name or b"").decode()] = (found.value or b"").decode()

        def on_file(found: File) -> None:
            found.file_object.seek(0)
            files.append((found.content_type or "", found.file_object.read()))

        headers = {"Content-Type": request.headers["content-type"].encode()}
        parse_form(headers, BytesIO(request.body), on_field, on_file)
        if not files:
            return _error(422, "Validation failed: File can't be blank")
        number = str(len(self.media) + 1)
        media = Media(number, fields.get("description", ""), *files[0], polls_left=self.media_polls)
        self.media.append(media)
        return Reply(self._wire(media), 202 if media.polls_left else 200)

    def _poll(self, number: str) -> Reply:
        found = [media for media in self.media if media.id == number]
        if not found:
            return _error(404, "Record not found")
        if found[0].polls_left:
            found[0].polls_left -= 1
            return Reply(self._wire(found[0]), 206)
        return Reply(self._wire(found[0]))

    def _wire(self, media: Media) -> dict[str, Any]:
        url = None if media.polls_left else f"{self.url}/media/{media.id}"
        return {"id": media.id, "type": "image", "url": url, "description": media.description}

    def _post(self, request: Request, acct: str) -> Reply:
        key = request.headers.get("idempotency-key")
        known = [status for status in self.statuses if key and status.idempotency_key == key]
        if known and self.remembers_keys:
            return self._shown(known[0])
        asked = request.json()
        text, wanted = asked.get("status") or "", asked.get("media_ids") or []
        media = [found for found in self.media if found.id in wanted]
        if fault := self._fault(text, media, len(wanted)):
            return _error(422, fault)
        status = Status(str(len(self.statuses) + 1), acct, text, media, key)
        self.statuses.append(status)
        return self._shown(status)

    def _fault(self, text: str, media: list[Media], wanted: int) -> str | None:
        counted = re.sub(r"https?://\S+", "x" * self.characters_per_link, text)
        if not text.strip() and not media:
            return "Validation failed: Text can't be blank"
        if len(counted) > self.characters:
            return f"Validation failed: Text character limit of {self.characters} exceeded"
        if wanted > self.images:
            return f"Cannot attach more than {self.images} files"
        if len(media) < wanted or any(found.polls_left for found in media):
            return "Cannot attach files that have not finished processing. Try again in a moment!"
        return None

    def _shown(self, status: Status) -> Reply:
        page = f"{self.url}/@{status.acct}/{status.id}"
        uri = f"{self.url}/users/{status.acct}/statuses/{status.id}"
        attached = [self._wire(media) for media in status.media]
        return Reply({"id": status.id, "uri": uri, "url": page, "media_attachments": attached})

    def _page(self, number: str) -> Reply:
        """What a person sees who follows the link to a post."""
        texts = [status.text for status in self.statuses if status.id == number]
        body = f"<!doctype html><title>Post</title><p>{escape(''.join(texts))}</p>"
        return Reply(body=body.encode(), status=200 if texts else 404, headers={"Content-Type": "text/html"})


def _error(status: int, message: str) -> Reply:
    return Reply({"error": message}, status)
