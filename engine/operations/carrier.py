"""Carries operations out, a few jobs at a time, so that nobody waits for it."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.actors import Actor
from engine.audit import deed
from engine.errors import JobRunnerError
from engine.events import Event, OperationChanged
from engine.health import Health, trouble
from engine.operations.hands import Hands, Tools
from engine.operations.whose import Whose, asked_by
from models.database import transaction
from models.operation import (
    Item,
    Operation,
    OperationItem,
    Outcome,
    note_outcomes,
    refuse_rest,
    take,
)
from models.rights import RIGHT_OF_MOVE
from models.states import Move

log = logging.getLogger(__name__)

BATCH = 25  # jobs of one transaction, at most
SINGLY = frozenset({Move.APPROVE, Move.UNDO_APPROVAL})
"""Moves that lock the audit log, after which no other job may be locked: who has that may wait for the log."""
HOLD_SECONDS = 0.02  # after which a transaction takes up no further job: on SQLite everybody waits for it
LOOK_SECONDS = 2.0
RETRY_SECONDS = 2.0
TELL_SECONDS = 0.25
SILENT = timedelta(seconds=3)  # whoever was at it and is not heard of for longer is gone


class Carrier:
    """Every engine does it, but each operation is carried out by one at a time.

    What is done to some jobs, and that it was done, is one transaction: whoever goes on after a crash does nothing
    twice and leaves nothing out.
    """

    def __init__(self, engine_id: str, tools: Tools, whose: Whose, health: Health) -> None:
        self._id = engine_id
        self._tools = tools
        self._whose = whose
        self._health = health
        self._wake = asyncio.Event()
        self._step: asyncio.Future[bool] | None = None
        self._told: dict[int, float] = {}
        tools.bus.subscribe(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, OperationChanged):
            self._wake.set()

    async def run(self) -> None:
        """Carry out what there is, for ever."""
        try:
            while True:
                await self._go_on()
        finally:
            await self._let_go()

    async def _go_on(self) -> None:
        self._wake.clear()
        try:
            busy = await self.round()
            self._health.worked("carrying out operations")
        except Exception as error:
            self._health.failed("carrying out operations", error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        if not busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    async def round(self) -> bool:
        """A few jobs of each operation that nobody else carries out; whether there is more to do."""
        busy = False
        for row in await Operation.filter(finished_at=None).order_by("id").only("id", "engine_id", "beat_at"):
            if row.engine_id in (None, self._id) or row.beat_at is None or row.beat_at < clock.now() - SILENT:
                begun = monotonic()
                busy = await self.step(row.id) or busy
                await asyncio.sleep(monotonic() - begun)  # as long again belongs to the others
        return busy

    async def step(self, operation_id: int) -> bool:
        """A few jobs of one operation; whether there are more. Who cancels this cancels no transaction."""
        self._step = asyncio.ensure_future(self._some(operation_id))
        return await asyncio.shield(self._step)

    async def _some(self, operation_id: int) -> bool:
        """A job at fault keeps no other from its turn."""
        try:
            return await self._batch(operation_id, BATCH)
        except Exception as error:
            if trouble(error):
                raise
        try:
            return await self._batch(operation_id, 1)
        except Exception as error:
            if trouble(error):
                raise
            log.exception("a job of operation %d could not be moved", operation_id)
            return await self._batch(operation_id, 1, fault=error)

    async def _batch(self, operation_id: int, most: int, fault: Exception | None = None) -> bool:
        hands, now = Hands(self._tools), clock.now()
        async with transaction() as writer:
            if not await take(writer, operation_id, self._id, now, now - SILENT):
                return False
            row = await Operation.get(id=operation_id)
            most = 1 if row.move in SINGLY else most
            items = [] if row.stop_asked else await _next_items(operation_id, most)
            try:
                actor = await self._actor(row)
            except JobRunnerError as lost:
                items = []
                if not row.stop_asked:
                    await refuse_rest(writer, operation_id, str(lost), now)
                outcomes = []
            else:
                if fault is None:
                    outcomes = await _outcomes(hands, actor, row, items)
                else:
                    outcomes = [_failed(item, fault) for item in items]
                await note_outcomes(writer, operation_id, outcomes)
            more = bool(items) and (len(outcomes) < len(items) or len(items) == most)
            if not more:
                await self._finish(writer, operation_id)
        hands.tell()
        self._tell(operation_id, is_over=not more)
        return more

    async def _actor(self, row: Operation) -> Actor:
        """Whoever asked for it, if they still may."""
        actor = await self._whose.actor(row)
        actor.require(RIGHT_OF_MOVE[Move(row.move)])
        return actor

    async def _finish(self, writer: BaseDBAsyncClient, operation_id: int) -> None:
        row = await Operation.get(id=operation_id)
        await Operation.filter(id=row.id).update(finished_at=clock.now(), engine_id=None, beat_at=None)
        after = {"move": row.move, "done": row.done, "refused": row.refused, "left": row.total - row.done - row.refused}
        told = deed(asked_by(row), "operation.end", f"operation {row.id}", None, after)
        await self._tools.audit.append(writer, [told])

    def _tell(self, operation_id: int, *, is_over: bool) -> None:
        """Not too often: pages read again what is told to have changed."""
        now = monotonic()
        if is_over or now - self._told.get(operation_id, -TELL_SECONDS) >= TELL_SECONDS:
            self._told[operation_id] = now
            self._tools.bus.publish(OperationChanged(operation_id))
        if is_over:
            self._told.pop(operation_id, None)

    async def _let_go(self) -> None:
        """Another process need not wait until it hears no more of this one."""
        if self._step:
            await asyncio.wait({self._step})
        with suppress(Exception):  # a broken database must not keep the process alive
            await Operation.filter(engine_id=self._id, finished_at=None).update(engine_id=None, beat_at=None)


async def _next_items(operation_id: int, most: int) -> list[Item]:
    rows = OperationItem.filter(operation_id=operation_id, outcome=None).order_by("id").limit(most)
    return [Item(**row) for row in await rows.values("id", "job_id", "before")]


async def _outcomes(hands: Hands, actor: Actor, row: Operation, items: Sequence[Item]) -> list[Outcome]:
    """Of as many as can be moved in the time; the others wait for the next transaction."""
    outcomes, until = [], monotonic() + HOLD_SECONDS
    for item in items:
        outcomes.append(await hands.carry_out(actor, row, item))
        if monotonic() > until:
            break
    return outcomes


def _failed(item: Item, fault: Exception) -> Outcome:
    return Outcome(item.id, clock.now(), item.before, f"the move failed: {fault}")
