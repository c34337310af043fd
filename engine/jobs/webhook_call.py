"""WEBHOOK_CALL: one HTTP request to a service elsewhere, with stored secrets, and what its answer says."""

import asyncio
import json
import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BeforeValidator, Field

from engine import clock, tracing
from engine.budgets.ways import HOST
from engine.channels.http import retry_after
from engine.errors import AttemptError, FieldError, InvalidInput, OutcomeUnknown, PermanentError, TransientError
from engine.faults import shown
from engine.jobs.base import Audience, Context, EffectKind, JobType, Payload
from engine.jobs.fields import TextBlock
from engine.jobs.preview import CallPreview
from engine.outbound import Forbidden, allowed, http_client, is_web_address
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.stored_secrets import HIDDEN, Opened, hidden, hidden_in, missing, opened
from engine.templates import TemplateFault, check, members_of, render
from models.states import Category

TARGET = "call"
MAX_ANSWER_BYTES = 1_000_000
SHOWN_ANSWER = 5_000  # characters that are kept with the job
MAX_REDIRECTS = 5
ONLY_LOOKS = ("GET", "HEAD")
NAMES = {"secrets", "values", "job"}
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):\s*([^\r\n]*)")  # RFC 9110, 5.1
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "idempotency-key"})
_OPENING = ("authorization", "cookie", "token", "secret", "key", "password", "signature")
_SENDABLE = re.compile(r"[\t -~]*")
_HOST_WRITTEN_OUT = re.compile(r"https?://[^/?#{}]+(?:[/?#].*)?|\{\{\s*secrets\.[A-Z0-9_]+\s*\}\}.*", re.DOTALL)
_STATUSES = re.compile(r"\s*(\d{3})\s*(?:-\s*(\d{3})\s*)?")
_TRY_AGAIN = (408, 425, 429, 503)
_NEVER = (501, 505)  # the server does not do such a thing (RFC 9110, 15.6)


def _lines(value: Any) -> Any:
    """Headers may come as an object, too."""
    return [f"{name}: {text}" for name, text in value.items()] if isinstance(value, dict) else value


class CallPayload(Payload):
    """The request, and what is expected of its answer."""

    method: Annotated[Literal["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"], Field(title="Method")] = "POST"
    url: Annotated[
        str,
        Field(
            title="Address",
            min_length=1,
            max_length=2000,
            description="As https://example.org/hook. {{ secrets.NAME }} stands for a secret stored in Settings",
        ),
    ]
    headers: Annotated[
        list[str],
        BeforeValidator(_lines),
        Field(
            title="Headers",
            max_length=50,
            description="One a line, as Authorization: Bearer {{ secrets.TOKEN }}",
            json_schema_extra={"lines": True},
        ),
    ] = []  # noqa: RUF012 (pydantic copies it)
    body: Annotated[
        TextBlock,
        Field(
            title="Body",
            max_length=200_000,
            json_schema_extra={"multiline": True},
            description="Sent as JSON unless a header says otherwise. {{ values.NAME | tojson }} and {{ job.id }} are "
            "filled in",
        ),
    ] = ""
    values: Annotated[
        dict[str, Any], Field(title="Values", description="What {{ values.NAME }} stands for, as JSON")
    ] = {}  # noqa: RUF012
    expect: Annotated[
        str, Field(title="Expected status", max_length=200, description="Numbers and ranges, as in 200-299, 304")
    ] = "200-299"
    extract: Annotated[
        str,
        Field(title="Extract", max_length=200, description="What of a JSON answer is kept, as in data.items.0.id"),
    ] = ""
    timeout_seconds: Annotated[float, Field(title="Seconds to wait", ge=1, le=300)] = 30


@dataclass(frozen=True)
class Call:
    """A request with everything filled in; `secrets` must show nowhere."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    secrets: dict[str, str]

    @property
    def where(self) -> str:
        """The method and the server, as people may see them."""
        return hidden(f"{self.method} {httpx.URL(self.url).host}", self.secrets)


class WebhookCall(JobType[CallPayload]):
    """A call that changes something is made once; one that only looks may be made again."""

    key = "WEBHOOK_CALL"
    label = "Call webhook"
    description = "Make one HTTP request to a service elsewhere"
    icon = "webhook"
    category = Category.TASK
    effect = EffectKind.IRREVERSIBLE
    retry = RetryPolicy(attempts=5)
    time_limit_seconds = 600
    own_templates = ("url", "headers", "body")
    payload = CallPayload

    def summary(self, payload: CallPayload) -> str:
        """Method and address, as they were written: secrets stand by their names."""
        return f"{payload.method} {payload.url}"

    def targets(self, payload: CallPayload) -> tuple[str, ...]:
        """One request, one effect; looking is none."""
        return () if payload.method in ONLY_LOOKS else (TARGET,)

    def audience(self, payload: CallPayload) -> Audience:
        """The host that is called, where the address names it."""
        host = urlsplit(payload.url).hostname or ""
        return Audience(domains=frozenset({host.lower()} if host and "{" not in host else ()))

    def ways_out(self, payload: CallPayload) -> frozenset[str]:
        """The host, where the address names it."""
        return frozenset(f"{HOST}:{domain}" for domain in self.audience(payload).domains)

    async def preview(self, payload: CallPayload, settings: Settings) -> CallPreview:
        """The request as it will be sent; no secret is opened for it."""
        url, *lines, body = _texts_shown(payload)
        headers = [
            (name.strip(), _shown_value(name, value)) for name, _, value in (line.partition(":") for line in lines)
        ]
        if body and "content-type" not in {name.lower() for name, _ in headers}:
            headers.append(("Content-Type", "application/json"))
        return CallPreview(payload.method, url, tuple(headers), body, payload.expect)

    async def accept(self, payload: CallPayload, settings: Settings) -> CallPayload:
        """Every template can be filled in, every secret is there, and the rest is well-formed."""
        faults = [*_template_faults(payload), *_header_faults(payload), *_status_faults(payload)]
        if payload.method in ONLY_LOOKS and payload.body:
            faults.append(FieldError("body", f"Body must be empty for {payload.method}"))
        is_plain = "{{" not in payload.url
        if not _HOST_WRITTEN_OUT.fullmatch(payload.url) or (is_plain and not is_web_address(payload.url)):
            faults.append(FieldError("url", f"Address must be like https://example.org/hook, not {shown(payload.url)}"))
        if faults:
            raise InvalidInput(faults)
        if gone := await missing(_secrets(payload)):
            rule = "must be stored in Settings by an administrator first"
            raise InvalidInput([FieldError("secrets", f"The secret {name} {rule}") for name in sorted(gone)])
        return payload

    async def run(self, payload: CallPayload, context: Context) -> dict[str, Any]:
        """Fill in, then ask: looking at once, anything else as an effect with its idempotency key."""
        call = await _filled_in(payload, context)
        async with http_client(await allowed(context.settings)) as http:
            if payload.method in ONLY_LOOKS:
                return await _ask(call, payload, http, _trace_headers(call))

            async def perform(identity: dict[str, Any]) -> dict[str, Any]:
                more = {"Idempotency-Key": identity["idempotency_key"], **_trace_headers(call)}
                return await _ask(call, payload, http, more)

            return await context.effect(TARGET, {"idempotency_key": str(uuid.uuid4())}, perform)


def _texts(payload: CallPayload) -> dict[str, str]:
    headers = {f"headers.{number}": line for number, line in enumerate(payload.headers)}
    return {"url": payload.url, **headers, "body": payload.body}


def _secrets(payload: CallPayload) -> set[str]:
    return {name for text in _texts(payload).values() for name in members_of(text, "secrets")}


def _texts_shown(payload: CallPayload) -> list[str]:
    """Filled in with the names of secrets; as they were written where they cannot be filled in."""
    texts = list(_texts(payload).values())
    try:
        secrets = {name: f"[secret {name}]" for name in _secrets(payload)}
        values = {"secrets": secrets, "values": payload.values, "job": {"id": "[job id]"}}
        return [render(text, values) for text in texts]
    except TemplateFault:
        return texts


def _shown_value(name: str, value: str) -> str:
    """A header's value; what was written out though it opens something is hidden."""
    value = value.strip()
    opens = any(word in name.lower() for word in _OPENING)
    return f"{value[:3]}{HIDDEN}" if opens and "[secret " not in value and "{{" not in value else value


def _template_faults(payload: CallPayload) -> list[FieldError]:
    faults = []
    for field, text in _texts(payload).items():
        try:
            check(text, NAMES)
        except TemplateFault as fault:
            faults.append(FieldError(field, f"{field} {fault}"))
    return faults


def _header_faults(payload: CallPayload) -> list[FieldError]:
    faults = []
    for number, line in enumerate(payload.headers):
        if not (found := _HEADER.fullmatch(line)):
            faults.append(FieldError(f"headers.{number}", f"Headers must each be like Name: value, not {shown(line)}"))
        elif found[1].lower() in _OURS:
            rule = f"Headers must not set {found[1]}, which is set for each call"
            faults.append(FieldError(f"headers.{number}", rule))
    return faults


def _status_faults(payload: CallPayload) -> list[FieldError]:
    if all(_STATUSES.fullmatch(part) for part in payload.expect.split(",")):
        return []
    return [FieldError("expect", f"Expected status must be as in 200-299, 304, not {shown(payload.expect)}")]


async def _filled_in(payload: CallPayload, context: Context) -> Call:
    """The request, of which everything that could keep it from being sent has been looked at.

    Raises:
        PermanentError: it cannot be sent; nothing was.
    """
    secrets = await opened(_secrets(payload), context.settings)
    known = {name: secret.value for name, secret in secrets.items()}
    values = {"secrets": known, "values": payload.values, "job": {"id": context.job_id}}
    try:
        url, *lines, body = [render(text, values) for text in _texts(payload).values()]
    except TemplateFault as fault:
        raise PermanentError(hidden(f"The request {fault}", known)) from None
    headers = {found[1]: found[2] for line in lines if (found := _HEADER.fullmatch(line))}
    if len(headers) < len(lines) or not all(_SENDABLE.fullmatch(text) for text in headers.values()):
        raise PermanentError("A header cannot be sent: it must be one line of plain ASCII when it is filled in")
    if body and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    if not is_web_address(url):
        raise PermanentError("The address is none of the web when it is filled in")
    _check_hosts(url, secrets)
    return Call(payload.method, url, headers, body.encode(), known)


def _check_hosts(url: str, secrets: dict[str, Opened]) -> None:
    host = httpx.URL(url).host
    for name, secret in secrets.items():
        if not secret.may_reach(host):
            allowed_hosts = ", ".join(sorted(secret.hosts))
            raise PermanentError(f"The secret {name} may be sent to {allowed_hosts} only, as set in Settings")


def _trace_headers(call: Call) -> dict[str, str]:
    """So that whoever is called may go on with the trace; what the request itself says of one holds."""
    return {} if tracing.HEADER in {name.lower() for name in call.headers} else tracing.headers()


async def _ask(call: Call, payload: CallPayload, http: httpx.AsyncClient, more: dict[str, str]) -> dict[str, Any]:
    """The result, if the answer is as expected."""
    try:
        async with asyncio.timeout(payload.timeout_seconds):
            response, content = await _answer(call, http, more)
    except TimeoutError:
        raise _lost(call, f"no answer within {payload.timeout_seconds:g} s") from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        if isinstance(error.__cause__, Forbidden):
            raise PermanentError(hidden(f"{call.where} is not asked: {error}", call.secrets)) from None
        raise TransientError(hidden(f"{call.where} could not be reached: {error}", call.secrets)) from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise _lost(call, f"the connection was lost ({type(error).__name__})") from None
    text = _read(response, content)
    if not _is_expected(response.status_code, payload.expect):
        raise _refused(call, response, hidden(text, call.secrets))
    return _result(call, payload, response, text)


def _read(response: httpx.Response, content: bytes) -> str:
    """The body as text, whatever the server says of its letters."""
    try:
        return content.decode(response.encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _status(call: Call, response: httpx.Response) -> str:
    return hidden(f"{response.status_code} {response.reason_phrase}".rstrip(), call.secrets)


async def _answer(call: Call, http: httpx.AsyncClient, more: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """The answer with as much of its body as may be kept; only looking follows where it is sent on."""
    url, headers = httpx.URL(call.url), {**call.headers, **more}
    for _ in range(MAX_REDIRECTS + 1):
        request = http.build_request(call.method, url, headers=headers, content=call.body or None)
        response = await http.send(request, stream=True)
        try:
            if call.method in ONLY_LOOKS and response.is_redirect and response.next_request:
                there = response.next_request.url
                if (there.scheme, there.host, there.port) != (url.scheme, url.host, url.port):
                    headers = {}  # what was meant for one server is not told to another
                url = there
                continue
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk[: MAX_ANSWER_BYTES - len(content)]
                if len(content) >= MAX_ANSWER_BYTES:
                    break
            return response, bytes(content)
        finally:
            await response.aclose()
    raise PermanentError(f"{call.where} sends on more than {MAX_REDIRECTS} times")


def _lost(call: Call, why: str) -> AttemptError:
    if call.method in ONLY_LOOKS:
        return TransientError(f"{call.where}: {why}")
    return OutcomeUnknown(f"{call.where}: {why}, so nobody knows whether it was done")


def _refused(call: Call, response: httpx.Response, text: str) -> AttemptError:
    status = response.status_code
    said = " ".join(text.split())[:300]
    told = f"{call.where} answered {_status(call, response)}" + (f": {said}" if said else "")
    if status in _TRY_AGAIN or (status >= 500 and call.method in ONLY_LOOKS):
        return TransientError(told, retry_after=retry_after(response.headers, clock.now()))
    if status >= 500 and status not in _NEVER:
        return OutcomeUnknown(f"{told}. It may have been done before that")
    return PermanentError(told)


def _is_expected(status: int, expect: str) -> bool:
    for part in expect.split(","):
        if found := _STATUSES.fullmatch(part):
            first = int(found[1])
            if first <= status <= int(found[2] or first):
                return True
    return False


def _result(call: Call, payload: CallPayload, response: httpx.Response, text: str) -> dict[str, Any]:
    told = f"{call.where}: {_status(call, response)}"
    answer = hidden(text, call.secrets)[:SHOWN_ANSWER]
    result: dict[str, Any] = {"message": told, "status": response.status_code, "answer": answer}
    if not payload.extract:
        return result
    try:
        result["extracted"] = hidden_in(_extracted(text, payload.extract), call.secrets)
    except (ValueError, LookupError, TypeError):
        result["message"] = f"{told}, but the answer has no {payload.extract}"
    return result


def _extracted(text: str, path: str) -> Any:
    value = json.loads(text)
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value
