"""What channels that speak HTTP share: what a fault says about the world; links, lengths and images."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import regex

from engine import clock
from engine.channels.base import Image, Limits, Post, length_fault
from engine.errors import PermanentError, TransientError
from engine.outbound import Forbidden

MAX_ANSWER_BYTES = 1_000_000
LONGEST_WAIT = timedelta(days=1)

LINK = re.compile(
    r"""(?<![\w@/])https?://(?=[\w\[])(?:\([^\s()<>"]*\)|\[[^\s\[\]<>"]*\]|[^\s()\[\]<>"])++""", re.IGNORECASE
)


class NotSentError(Exception):
    """The request certainly never reached the server; `str()` is why."""


class AnswerLostError(Exception):
    """The request may have reached the server, and its answer did not come back; `str()` is why."""


@dataclass(frozen=True)
class Answer:
    """What came back: `data` is empty unless the body is a JSON object, `said` is the server's own reason."""

    status: int
    headers: httpx.Headers = field(repr=False)
    data: dict[str, Any] = field(repr=False)
    said: str

    @property
    def success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300


class Server:
    """One server, and what its faults say: `advice` tells what to do when it refuses the `credential`."""

    def __init__(
        self,
        software: str,
        url: str,
        http: httpx.AsyncClient,
        credential: str,
        advice: str,
        *,
        secrets: Collection[str],
    ) -> None:
        # A password in the URL would be shown in messages, and sent instead of the credential.
        self.url = re.sub(r"//[^/@]*@", "//", url.strip()).rstrip("/")
        self.host = self.url.partition("://")[2].partition("/")[0]
        self.name = f"{software} at {self.url}"
        self._software, self._http, self._credential, self._advice = software, http, credential, advice
        self._secrets = {secret for secret in secrets if secret}

    async def ask(self, method: str, path: str, token: str | None, **request: Any) -> Answer:
        """Send one request; NotSentError or AnswerLostError unless an answer came back."""
        request["headers"] = {**request.get("headers", {}), **self._authorization(token)}
        try:
            outgoing = self._http.build_request(method, self.url + path, **request)
            response = await self._http.send(outgoing, stream=True, follow_redirects=False)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise PermanentError(f"{self.name} cannot be asked: that is no usable URL.") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            if isinstance(error.__cause__, Forbidden):
                raise PermanentError(f"{self.name} is not asked: {error}.") from error
            raise NotSentError(_cause(error)) from error
        except httpx.HTTPError as error:
            raise AnswerLostError(_cause(error)) from error
        data = await _read(response)
        reason = self._reason(data, token) or response.reason_phrase or "no reason given"
        return Answer(response.status_code, response.headers, data, reason)

    async def certain(
        self, method: str, path: str, token: str | None, *, accept: Collection[int] = (), **request: Any
    ) -> Answer:
        """Ask what publishes nothing: every fault but the statuses in `accept` is permanent or transient."""
        try:
            answer = await self.ask(method, path, token, **request)
        except (NotSentError, AnswerLostError) as fault:
            raise self.unreachable(fault) from fault
        if not answer.success and answer.status not in accept:
            raise self.refusal(answer)
        if answer.success and not answer.data:
            raise self._foreign()
        return answer

    def text(self, answer: Answer, key: str) -> str:
        """A text that the answer must have."""
        if not (value := answer.data.get(key)):
            raise self._foreign()
        return str(value)

    def unreachable(self, fault: NotSentError | AnswerLostError) -> TransientError:
        """What to raise when nothing can have happened."""
        verb = "could not be reached" if isinstance(fault, NotSentError) else "did not answer"
        return TransientError(f"{self.name} {verb}: {fault}.")

    def refusal(self, answer: Answer, what: str = "request") -> PermanentError | TransientError:
        """What to raise for an answer that is no success and says that nothing happened."""
        status, said = f"({answer.status})", answer.said
        hint = " Check the channel's URL." if answer.status == 404 else ""
        if answer.status in (408, 425, 429) or answer.status >= 500:
            verb = "asks to wait" if answer.status == 429 else "cannot answer now"
            wait = retry_after(answer.headers, clock.now())
            return TransientError(f"{self.name} {verb} {status}: {said}.", retry_after=wait)
        if answer.status < 400:
            target = self._target(answer)
            return PermanentError(f"{self.name} redirects {status} to {target}; use that as its URL.")
        if answer.status in (401, 403):
            what, hint = self._credential, f" {self._advice}"
        return PermanentError(f"{self.name} refused the {what} {status}: {said}.{hint}")

    def _authorization(self, token: str | None) -> dict[str, str]:
        if token is None:
            return {}
        if not re.fullmatch(r"[!-~]+", token):
            fault = f"no usable {self._credential} is stored"
            raise PermanentError(f"{self.name} was not asked: {fault}. {self._advice}")
        return {"Authorization": f"Bearer {token}"}

    def _reason(self, data: dict[str, Any], token: str | None) -> str:
        reason = " ".join(str(data.get("message") or data.get("error") or "").split())
        for secret in {*self._secrets, token or ""} - {""}:
            reason = reason.replace(secret, "…")
        return reason[:300].rstrip(".")

    def _foreign(self) -> PermanentError:
        fault = f"did not answer as {self._software} does"
        return PermanentError(f"{self.name} {fault}. Check the channel's URL.")

    def _target(self, answer: Answer) -> str:
        try:
            here = httpx.URL(self.url)
            there = here.join(answer.headers.get("location", ""))
        except httpx.InvalidURL:
            return "an unusable URL"
        origin = f"{there.scheme}://{there.netloc.decode('ascii')}"
        return origin if there.netloc != here.netloc or there.scheme != here.scheme else origin + there.path


def _cause(error: httpx.HTTPError) -> str:
    """Fixed words, since a protocol error's own may quote a header."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ConnectError():
            return str(error).rstrip(".") or "no connection"
    return "the connection was lost"


async def _read(response: httpx.Response) -> dict[str, Any]:
    """The body if it is a JSON object of bounded size; a refusal whose body is lost is a refusal still."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                return {}
        data = json.loads(body)
    except httpx.HTTPError as error:
        if response.is_success:
            raise AnswerLostError(_cause(error)) from error
        return {}
    except (ValueError, RecursionError):
        return {}
    finally:
        await response.aclose()
    return data if isinstance(data, dict) else {}


def retry_after(headers: httpx.Headers, now: datetime) -> timedelta | None:
    """How long a server asks to wait: Retry-After (RFC 9110), or Mastodon's or Bluesky's RateLimit-Reset."""
    asked = headers.get("retry-after")
    resets = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset")
    try:
        if asked and asked.isdecimal():
            until = now + timedelta(seconds=int(asked))
        elif asked:
            until = parsedate_to_datetime(asked)
        elif resets and resets.isdecimal():
            until = datetime.fromtimestamp(int(resets), UTC)
        elif resets:
            until = datetime.fromisoformat(resets)
        else:
            return None
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(aware - now, timedelta(0)), LONGEST_WAIT)
    except (ValueError, OverflowError, OSError):
        return None


def graphemes(text: str) -> int:
    """What a reader calls characters (Unicode, UAX #29)."""
    return len(regex.findall(r"\X", text))


def trimmed(link: str) -> str:
    """A link without the punctuation that ends the sentence around it."""
    return link.rstrip(".,;:!?'’…")


async def fitting_images(channel: str, post: Post, length: int, limits: Limits) -> list[bytes]:
    """The images' contents, once text and images fit the limits; PermanentError names what does not."""
    if fault := length_fault(channel, post.text, length, limits):
        raise PermanentError(fault)
    if len(post.images) > limits.images:
        count = f"{len(post.images)} images, at most {limits.images}"
        raise PermanentError(f"The post has {count} are allowed on {channel}")
    return [await _content(channel, i, image, limits) for i, image in enumerate(post.images, start=1)]


async def _content(channel: str, number: int, image: Image, limits: Limits) -> bytes:
    content = await image.read()
    if content is None:
        raise PermanentError(f"Image {number} for {channel} cannot be read: {image.name} is stored no more")
    if limits.image_bytes is not None and len(content) > limits.image_bytes:
        size = f"{len(content):,} bytes, at most {limits.image_bytes:,}"
        raise PermanentError(f"Image {number} has {size} are allowed on {channel}")
    return content
