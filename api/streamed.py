"""Answers that are made while they are sent; one that breaks off is seen to be incomplete."""

import logging
from collections.abc import AsyncIterator, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from engine.errors import JobRunnerError
from engine.health import DRIVER_ERRORS, trouble

log = logging.getLogger(__name__)

_SERVERS_OWN_WORDS = "ASGI callable returned without completing response."


class Streamed(StreamingResponse):
    """A source that fails halfway breaks off the answer, whose head, sent by then, promised more.

    `what` names the answer in the log, which has one line on that.
    """

    def __init__(
        self,
        what: str,
        content: AsyncIterator[str] | AsyncIterator[bytes],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type)
        self._what = what

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except* (JobRunnerError, *DRIVER_ERRORS) as faults:
            log.warning("%s broke off: %s", self._what, _told(faults.exceptions[0]))


def is_news(record: logging.LogRecord) -> bool:
    """Whether the server's own log tells more than that an answer was broken off here."""
    return record.msg != _SERVERS_OWN_WORDS


def _told(fault: BaseException) -> str:
    return trouble(fault) or " ".join(str(fault).split())
