"""A live stream of what happens to jobs, as Server-Sent Events (WHATWG HTML, 9.2)."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Annotated
from weakref import WeakSet

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from api.rest import JobId
from api.sign_in import SignIn
from engine import clock
from engine.actors import Actor
from engine.engine import Atlas
from engine.errors import FieldError, InvalidInput, SignedOut, TooMany
from engine.events import AccessChanged, Event
from engine.faults import shown
from models.database import DRIVER_ERRORS, trouble
from models.job_event import Happened, Position
from models.rights import Right

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 15.0
RECONNECT_MS = 2000
MAX_STREAMS = 200  # of one person or program


@dataclass(eq=False)
class Listening:
    """One open stream of somebody."""

    actor: Actor


class Streams:
    """Who listens, and whether they still may."""

    def __init__(self, atlas: Atlas, sign_in: SignIn) -> None:
        self._log = atlas.events
        self._sign_in = sign_in
        self._open: dict[str, WeakSet[Listening]] = {}
        self._access_version = 0
        atlas.bus.subscribe(self._on_event)

    def enter(self, actor: Actor) -> "Listening":
        """One more; it counts as long as somebody holds it.

        Raises:
            TooMany: somebody listens as often as one may.
        """
        of_actor = self._open.setdefault(actor.name, WeakSet())
        if len(of_actor) >= MAX_STREAMS:
            raise TooMany(f"{actor.name} has {MAX_STREAMS} streams open: close some", KEEP_ALIVE_SECONDS)
        of_actor.add(listening := Listening(actor))
        return listening

    async def begin(self, after: Position | None) -> tuple[Position, Position | None]:
        """Where a stream begins, and the position after which something may have been missed.

        Asked before the answer begins: whoever sees that it has, and acts, is told of that.
        """
        if after is not None and await self._log.is_kept(after):
            return after, None
        return await self._log.newest(), after

    async def lines(
        self, listening: "Listening", begun: tuple[Position, Position | None], job_ids: set[int], types: set[str]
    ) -> AsyncIterator[str]:
        """The stream's text, until whoever listens leaves or may listen no more, or the database is away."""
        try:
            async for text in self._lines(listening, *begun, job_ids, types):
                yield text
        except DRIVER_ERRORS as error:  # whoever listens comes again, and goes on where this ended
            log.warning("a stream of events ends: %s", trouble(error) or error)

    async def _lines(
        self, listening: "Listening", after: Position, missed: Position | None, job_ids: set[int], types: set[str]
    ) -> AsyncIterator[str]:
        yield f"retry: {RECONNECT_MS}\n\n"
        if missed is not None:
            yield _told("missed", {"after": str(missed)}, None)
        yield f"id: {after}\n\n"  # without data a client only remembers the id
        version, checked = self._access_version, monotonic()
        async for batch in self._log.follow(after, quiet_seconds=KEEP_ALIVE_SECONDS):
            if version != self._access_version or monotonic() - checked > KEEP_ALIVE_SECONDS:
                version, checked = self._access_version, monotonic()
                if not await self._may_still(listening.actor):
                    return
            chosen = [one for one in batch if _fits(one, job_ids, types)]
            told = "".join(map(_line, chosen))
            if batch and (not chosen or chosen[-1] is not batch[-1]):
                told += f"id: {batch[-1].position}\n\n"
            yield told or ": still here\n\n"

    async def _may_still(self, actor: Actor) -> bool:
        try:
            return (await self._sign_in.still(actor, is_use=False)).may(Right.LOOK)
        except SignedOut:
            return False

    def _on_event(self, event: Event) -> None:
        if isinstance(event, AccessChanged):
            self._access_version += 1
            self._log.wake()


def event_routes(atlas: Atlas, sign_in: SignIn) -> APIRouter:
    """The stream."""
    streams = Streams(atlas, sign_in)
    router = APIRouter(prefix="/api/v1", tags=["events"])

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}, 429: {"description": "too many"}},
    )
    async def stream_events(
        request: Request,
        job_id: Annotated[list[JobId] | None, Query(description="only of these jobs")] = None,
        type: Annotated[list[str] | None, Query(description="only of jobs of these types")] = None,
        last_event_id: Annotated[str | None, Header(max_length=40, description="go on after this event")] = None,
    ) -> StreamingResponse:
        """What happens to jobs, from now on or after `Last-Event-ID`: nothing is left out, and nothing told twice.

        Event names: `job.created`, `job.needs_approval`, `job.approved`, `job.rejected`, `job.started`, `job.queued`
        (again), `job.paused`, `job.completed`, `job.failed`, `job.outcome_unknown`, `job.cancelled`; and `missed` when
        what came after `Last-Event-ID` is kept no more.
        """
        actor: Actor = request.state.actor
        listening = streams.enter(actor)
        begun = await streams.begin(_position(last_event_id))
        lines = streams.lines(listening, begun, set(job_id or ()), set(type or ()))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)

    return router


def _position(text: str | None) -> Position | None:
    if not text:
        return None
    if position := Position.parse(text):
        return position
    rule = "Last-Event-ID must be the id of an event of this stream"
    raise InvalidInput([FieldError("last-event-id", f"{rule}, not {shown(text)}")])


def _fits(event: Happened, job_ids: set[int], types: set[str]) -> bool:
    return (not job_ids or event.job_id in job_ids) and (not types or event.job_type in types)


def _line(event: Happened) -> str:
    told = {"type": event.kind, "at": clock.told(event.at), **event.facts()}
    return _told(event.kind, told, event.position)


def _told(kind: str, data: dict[str, object], position: Position | None) -> str:
    own_id = f"id: {position}\n" if position else ""
    return f"{own_id}event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


EXAMPLE = (
    'id: 0-12\nevent: job.completed\ndata: {"type":"job.completed","at":"2026-01-01T12:00:00Z","job_id":7,'
    '"job_type":"EMAIL_SEND","status":"completed","attempt":1,"approval":null,"outcome":null}\n\n'
)
