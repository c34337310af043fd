"""The language model: the endpoint that is set, what it costs, what its faults mean, and drafts that it writes.

Any endpoint will do that speaks OpenAI's chat completions: Ollama, vLLM, a hosted one. The library takes more than a
second to load, so it is loaded when it is first needed, and beside the event loop.
"""

import asyncio
import math
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from engine import stored_secrets
from engine.errors import AttemptError, PermanentError, TransientError
from engine.settings import PREFIX, Settings
from models.database import storable

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai.exceptions import ModelAPIError
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.tools import ToolDefinition

SILENCE_SECONDS = 60.0  # without a byte, after which the endpoint counts as hanging
CONNECT_SECONDS = 10.0
DRAFT_SECONDS = 60.0
MAX_DRAFT_CHARACTERS = 50_000
CHARACTERS_A_TOKEN = 4  # about, where the endpoint does not count
MOST_CHARACTERS_A_TOKEN = 10  # more than that, and it is not counting as others do
LONGEST_WAIT = timedelta(days=1)
_TRY_AGAIN = (408, 409, 425)
_SAID = 300  # characters of the endpoint's own words
_THOUGHT = ("<think>", "</think>")
_NO_KEY = "none"  # the client wants one; endpoints that need none ignore it

DraftKind = Literal["mail", "post", "document"]
_DRAFTS: dict[str, str] = {
    "mail": "Write the body of an e-mail in Markdown: a greeting, short paragraphs, a closing. No subject line.",
    "post": "Write one social media post in plain text, at most 280 characters, no Markdown, at most two hashtags.",
    "document": "Write a document in Markdown: one heading of the first level as its title, then sections.",
}
_DRAFT_RULES = (
    "Answer with the text alone: no introduction, no remarks, no code fence around it. Write in the language of the "
    "brief. Invent no facts, names, numbers or links; where one is missing, leave the sentence out."
)


class TooLong(Exception):
    """The answer was cut off because it became longer than was allowed, after so many characters."""

    def __init__(self, characters: int) -> None:
        self.characters = characters
        super().__init__(f"cut off after {characters:,} characters")


@dataclass(frozen=True)
class Tokens:
    """How many tokens were used; `is_estimate` when the endpoint did not count them all."""

    input: int = 0
    output: int = 0
    is_estimate: bool = False

    @property
    def total(self) -> int:
        """Both."""
        return self.input + self.output

    def __add__(self, other: "Tokens") -> "Tokens":
        is_estimate = self.is_estimate or other.is_estimate
        return Tokens(self.input + other.input, self.output + other.output, is_estimate)

    def cost(self, settings: Settings) -> float:
        """What they cost at the prices that are set, in their currency."""
        cost = self.input * settings.llm_input_price + self.output * settings.llm_output_price
        return round(cost / 1_000_000, 6)


def missing(settings: Settings) -> str | None:
    """What to set before a language model can be used, in a sentence, or None if all is there."""
    gone = [name for name in ("llm_url", "llm_model") if not getattr(settings, name)]
    if not gone:
        return None
    return f"No language model is connected: set {' and '.join(PREFIX + name.upper() for name in gone)}"


def hidden(settings: Settings, text: str) -> str:
    """The text without the endpoint's key, wherever it stands in it."""
    return stored_secrets.hidden(text, {"key": settings.llm_api_key.get_secret_value()} if settings.llm_api_key else {})


async def load() -> None:
    """Load the library, which takes seconds the first time; the loop goes on meanwhile."""
    await asyncio.to_thread(_load)


def _load() -> None:
    import pydantic_ai.direct
    import pydantic_ai.models.openai
    import pydantic_ai.providers.openai_compatible  # noqa: F401 (from now on these imports cost nothing)


@asynccontextmanager
async def opened(settings: Settings) -> "AsyncIterator[OpenAIChatModel]":
    """The model that is set, for as long as it is needed; no connection outlives that.

    Raises:
        PermanentError: none is set.
    """
    if told := missing(settings):
        raise PermanentError(told)
    model, http = await asyncio.to_thread(_made, settings)
    try:
        yield model
    finally:
        await http.aclose()


def _made(settings: Settings) -> "tuple[OpenAIChatModel, httpx2.AsyncClient]":
    _load()
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=min(CONNECT_SECONDS, SILENCE_SECONDS))
    http = httpx2.AsyncClient(
        timeout=timeout,
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "JobRunner"},
    )
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else _NO_KEY
    client = AsyncOpenAI(
        base_url=str(settings.llm_url), api_key=key, timeout=timeout, max_retries=0, http_client=http
    )  # the engine tries again
    client.organization = client.project = None  # the environment's are meant for another service
    # Without a reason to finish the connection was cut, and half an answer must not pass for a whole one.
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    provider = OpenAICompatibleProvider("endpoint", openai_client=client, profile=profile)
    return OpenAIChatModel(str(settings.llm_model), provider=provider), http


async def ask(
    model: "OpenAIChatModel",
    messages: "Sequence[ModelMessage]",
    tools: "Sequence[ToolDefinition]" = (),
    *,
    most_characters: float = math.inf,
) -> "ModelResponse":
    """The model's next answer; it is streamed, so that silence is told from length. Call it inside `faults`.

    Raises:
        TooLong: the answer has more characters than that; what is more was not waited for.
    """
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.models import ModelRequestParameters

    parameters = ModelRequestParameters(function_tools=list(tools))
    written = 0
    async with model_request_stream(model, messages, model_request_parameters=parameters) as stream:
        async for event in stream:
            part = getattr(event, "delta", None)
            piece = getattr(part, "content_delta", None) or getattr(part, "args_delta", None)
            written += len(piece) if isinstance(piece, str) else 0
            if written > most_characters:
                raise TooLong(written)
        return _readable(stream.get())


def _readable(response: "ModelResponse") -> "ModelResponse":
    """Without half characters, and without thoughts between tags, however the endpoint has cut it into pieces."""
    from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart

    begin, end = _THOUGHT
    parts = list(response.parts)
    for at, part in enumerate(parts):
        if isinstance(part, ThinkingPart) and end in part.content:  # its end was not told from the answer
            parts[at] = TextPart(storable(part.content.partition(end)[2]))
        elif isinstance(part, TextPart):
            text = re.sub(f"{begin}.*?({end}|$)", "", part.content, flags=re.DOTALL)
            parts[at] = replace(part, content=storable(text))
        elif isinstance(part, ThinkingPart):
            parts[at] = replace(part, content=storable(part.content))
        elif isinstance(part, ToolCallPart) and isinstance(part.args, str):
            parts[at] = replace(part, args=storable(part.args))
    return replace(response, parts=parts)


def tokens_of(messages: "Sequence[ModelMessage]", response: "ModelResponse") -> Tokens:
    """What the answer to these messages has used, as the endpoint counts, or else about."""
    usage = response.usage
    if usage.input_tokens or usage.output_tokens:
        return Tokens(usage.input_tokens, usage.output_tokens)
    return about(messages, sum(_length(part) for part in response.parts))


def about(messages: "Sequence[ModelMessage]", answered: int) -> Tokens:
    """About what an answer of so many characters to these messages has used."""
    asked = sum(_length(part) for message in messages for part in message.parts)
    return Tokens(asked // CHARACTERS_A_TOKEN, answered // CHARACTERS_A_TOKEN, is_estimate=True)


def _length(part: Any) -> int:
    return len(str(getattr(part, "content", None) or getattr(part, "args", None) or ""))


@contextmanager
def faults(settings: Settings) -> Iterator[None]:
    """Tells what goes wrong between here and the endpoint in words.

    Raises:
        TransientError: it may answer later.
        PermanentError: it will not, unless somebody changes what the sentence names.
    """
    import httpx2
    from pydantic_ai.exceptions import AgentRunError, ModelAPIError

    try:
        yield
    except ModelAPIError as error:
        raise _fault(error, settings) from None
    except httpx2.HTTPError as error:
        raise TransientError(_lost(settings, error)) from None
    except AgentRunError as error:
        raise PermanentError(_foreign(settings, hidden(settings, str(error)))) from None
    except (AttributeError, TypeError, ValueError):  # what the library makes of well-formed JSON that means nothing
        raise PermanentError(_foreign(settings, "its pieces have no meaning")) from None


def _fault(error: "ModelAPIError", settings: Settings) -> AttemptError:
    from pydantic_ai import exceptions as kinds

    status = None if error.in_stream else getattr(error, "status_code", None)
    told = f" ({status})" if status else ""
    words = _said(error, settings)
    where, said = _where(settings), f": {words}" if words else ""
    match error:
        case kinds.ModelAuthenticationError():
            verb = "refuses the key" if settings.llm_api_key else "wants a key"
            return PermanentError(f"{where} {verb}{told}{said}. Check {PREFIX}LLM_API_KEY")
        case kinds.ModelNotFoundError():
            advice = f"Check {PREFIX}LLM_MODEL, and whether {PREFIX}LLM_URL has to end in /v1"
            return PermanentError(f"{where} has no model {settings.llm_model}{told}{said}. {advice}")
        case kinds.ModelQuotaExceededError():
            return PermanentError(f"{where} says that the account's quota or credit is used up{told}{said}")
        case kinds.ModelContextWindowExceededError():
            return PermanentError(f"{where} cannot take so long a conversation{told}{said}")
        case kinds.ModelRequestRejectedError():
            return PermanentError(f"{where} refuses the request{told}{said}")
        case kinds.ModelRateLimitError():
            return TransientError(f"{where} asks to wait{told}{said}", retry_after=_wait(error))
        case kinds.ModelConnectionError():
            return TransientError(_lost(settings, error.__cause__ or error))
        case kinds.ModelHTTPError() if status and 400 <= status < 500 and status not in _TRY_AGAIN:
            return PermanentError(f"{where} refuses the request{told}{said}")
        case kinds.ModelHTTPError():
            return TransientError(f"{where} cannot answer now{told}{said}", retry_after=_wait(error))
    return _unclear(error, settings)


def _unclear(error: "ModelAPIError", settings: Settings) -> AttemptError:
    status = getattr(getattr(error.__cause__, "response", None), "status_code", 200)
    if 300 <= status < 400:
        return PermanentError(f"{_where(settings)} sends on to elsewhere ({status}). Check {PREFIX}LLM_URL")
    if "finish_reason" in error.message:
        return TransientError(f"{_where(settings)} broke its answer off")
    if error.in_stream:
        words = _said(error, settings) or hidden(settings, error.message)[:_SAID]
        return TransientError(f"{_where(settings)} broke its answer off: {words}")
    return PermanentError(_foreign(settings, hidden(settings, error.message)))


def _where(settings: Settings) -> str:
    return f"The language model at {settings.llm_url}"


def _foreign(settings: Settings, why: str) -> str:
    said = " ".join(why.split())[:_SAID].rstrip(".")
    return f"{_where(settings)} does not answer as OpenAI's chat completions do ({said}). Check {PREFIX}LLM_URL"


def _lost(settings: Settings, error: BaseException) -> str:
    """Fixed words, as a protocol error's own may quote a header."""
    chain = {type(each).__name__ for each in _causes(error)}
    if chain & {"ConnectTimeout", "PoolTimeout", "ConnectError"}:
        return f"{_where(settings)} cannot be reached"
    if chain & {"ReadTimeout", "WriteTimeout", "APITimeoutError", "ModelTimeoutError"}:
        return f"{_where(settings)} has said nothing for {SILENCE_SECONDS:g} s"
    return f"{_where(settings)} was lost: the connection broke off"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: "ModelAPIError", settings: Settings) -> str:
    """The endpoint's own reason, if it gave one."""
    body: Any = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    words = " ".join(str(body or "").split())
    return hidden(settings, words)[:_SAID].rstrip(".")


def _wait(error: "ModelAPIError") -> timedelta | None:
    seconds = error.retry_after
    if seconds is None or not math.isfinite(seconds):
        return None
    return min(timedelta(seconds=max(0.0, min(seconds, 1e6))), LONGEST_WAIT)


async def draft(settings: Settings, kind: DraftKind, brief: str) -> str:
    """A text of this kind that does what the brief says: Markdown, or plain text for a post; after 60 s at most.

    Raises:
        PermanentError: no endpoint is set, or it will not answer until somebody changes something.
        TransientError: it may answer later.
    """
    if kind not in _DRAFTS:
        raise PermanentError(f"kind must be one of {', '.join(_DRAFTS)}, not {kind!r}")
    rules = f"{_DRAFTS[kind]} {_DRAFT_RULES}"
    try:
        async with asyncio.timeout(DRAFT_SECONDS), opened(settings) as model:
            text = await _written(settings, model, rules, brief)
    except TimeoutError:
        raise TransientError(f"{_where(settings)} has not written it within {DRAFT_SECONDS:g} s") from None
    if not (text := _bare(hidden(settings, text))):
        raise PermanentError(f"{_where(settings)} wrote nothing; word the brief differently")
    return text


async def _written(settings: Settings, model: "OpenAIChatModel", rules: str, brief: str) -> str:
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    message = ModelRequest(parts=[UserPromptPart(brief)], instructions=rules)
    try:
        with faults(settings):
            return (await ask(model, [message], most_characters=MAX_DRAFT_CHARACTERS)).text or ""
    except TooLong:
        raise PermanentError(f"{_where(settings)} wrote more than {MAX_DRAFT_CHARACTERS:,} characters") from None


def _bare(text: str) -> str:
    """Without the code fence that some models put around whatever they write."""
    text = text.strip()
    lines = text.splitlines()
    is_fenced = len(lines) > 1 and lines[0].startswith("```") and lines[-1].strip() == "```"
    inner = lines[1:-1]
    if is_fenced and not any(line.startswith("```") for line in inner):
        return "\n".join(inner).strip()
    return text
