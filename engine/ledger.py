"""The ledger: what attempts have to write, gathered so that many share one commit.

While one commit is under way, whatever else is to be written gathers for the next: an idle disk costs nobody a wait,
and a slow one costs one flush for many jobs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.errors import LedgerClosed
from engine.health import Health
from models.attempt import Attempt, LogLine
from models.database import connection, storable, transaction, trouble
from models.effect import Effect
from models.ended import AttemptEnd
from models.ending import Ending, Lease, count_closed, end_attempts
from models.job import Job
from models.states import AttemptOutcome, Phase, Status

log = logging.getLogger(__name__)

T = TypeVar("T")
Operation = Callable[[BaseDBAsyncClient], Awaitable[T]]

RETRY_SECONDS = 0.5

_Closing = tuple[Ending, asyncio.Future[bool]]


@dataclass
class _Entry(Generic[T]):
    write: Operation[T]
    written: asyncio.Future[T]


class Follower(Protocol[T]):
    """Whoever has something to write that follows from endings."""

    async def follow(self, ends: Mapping[int, AttemptEnd], writer: BaseDBAsyncClient) -> T:
        """Write it in their transaction; what it raises spoils none of them, but then nothing followed."""

    def on_followed(self, ends: Mapping[int, AttemptEnd], found: T) -> None:
        """It is committed, and nobody has been told of the endings yet."""


class Ledger:
    """Writes in one task of its own, which nobody cancels: a cancelled task could keep the database's lock.

    While the database is in trouble nothing is lost: what is to be written waits, and is written when it can be.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self.metrics = health.metrics
        self._endings: list[_Closing] = []
        self._entries: list[_Entry[Any]] = []
        self.follower: Follower[Any] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="Ledger")
        self._task.add_done_callback(self._on_done)

    async def close(self) -> None:
        """Write what is left; a database in trouble gets one more try."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._health.failed("the ledger", error)  # a fault of ours: nothing more is written until a restart
        self._closed = True
        _refuse([written for _, written in self._endings] + [entry.written for entry in self._entries], LedgerClosed())

    def _promise(self) -> asyncio.Future[Any]:
        if self._closed:
            raise LedgerClosed
        return asyncio.get_running_loop().create_future()

    async def end(self, ending: Ending) -> bool:
        """How an attempt ended; False when it did not own its job any more, and so nothing was changed.

        Raises:
            LedgerClosed: the process is ending, and nothing more is written.
        """
        written: asyncio.Future[bool] = self._promise()
        self._endings.append((ending, written))
        self._wake.set()
        return await written

    async def write(self, operation: Operation[T]) -> T:
        """Run the operation in the next transaction; returns what it returns, once that is committed.

        An operation must be safe to run again after a rollback. One whose caller was cancelled before its turn is
        left out. What it raises is raised here, and spoils nobody else's writes.

        Raises:
            LedgerClosed: the process is ending, and nothing more is written.
        """
        written: asyncio.Future[T] = self._promise()
        self._entries.append(_Entry(operation, written))
        self._wake.set()
        return await written

    async def close_lost(self, lease: Lease, told: str) -> None:
        """Close an attempt that owns its job no more, see there; it is counted once that is stored."""
        self.metrics.ended(await self.write(lambda _: close_lost(lease, told)))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._endings or self._entries:
                endings, self._endings = self._endings, []
                await self._commit(endings)
            if self._closing:
                return

    async def _commit(self, endings: list[_Closing], entries: list[_Entry[Any]] | None = None) -> None:
        """Write the endings, what follows from them, and these entries alone, or those that wait by then.

        So freed slots are claimed in one go, and the next step of a chain in the commit of the one before it.
        """
        won: dict[int, AttemptEnd] = {}
        follower = self.follower if endings and entries is None else None
        taken = list(entries or ())
        try:
            async with transaction() as writer:
                if endings:
                    won = await _write_endings(writer, [ending for ending, _ in endings])
                found = await follower.follow(won, writer) if follower else None
                if entries is None:
                    taken = self._take_entries()
                results = [await entry.write(writer) for entry in taken]
        except Exception as error:
            taken = taken if entries is not None else taken + self._take_entries()
            await self._after(error, endings, taken, alone=follower is None)
            return
        self._health.worked("storing")
        self.metrics.ended(won.values())
        if follower:
            follower.on_followed(won, found)
        for ending, written in endings:
            _tell(written, ending.lease.job_id in won)
        for entry, result in zip(taken, results, strict=True):
            _tell(entry.written, result)

    def _take_entries(self) -> list[_Entry[Any]]:
        taken, self._entries = self._entries, []
        return [entry for entry in taken if not entry.written.cancelled()]

    async def _after(
        self, error: Exception, endings: list[_Closing], entries: list[_Entry[Any]], *, alone: bool
    ) -> None:
        if trouble(error) and not self._closing:
            self._health.failed("storing", error)
            self._endings = endings + self._endings
            self._entries = entries + self._entries
            await asyncio.sleep(RETRY_SECONDS)
        elif trouble(error) or (alone and len(endings) + len(entries) == 1):
            _refuse([written for _, written in endings] + [entry.written for entry in entries], error)
        else:  # one of them is at fault, or what was to follow: each by itself
            for one in endings:
                await self._commit([one], [])
            for entry in entries:
                await self._commit([], [entry])


async def _write_endings(writer: BaseDBAsyncClient, endings: list[Ending]) -> dict[int, AttemptEnd]:
    won = await end_attempts(writer, endings)
    for ending in endings:
        if ending.lease.job_id not in won and not ending.died:  # a rescue that came second has nothing to tell
            await close_lost(ending.lease, f"the attempt ended as {ending.attempt_outcome}")
    return won


async def close_lost(lease: Lease, told: str) -> list[AttemptEnd]:
    """Close an attempt that owns its job no more: cancelled by a person, or too late after a rescue; returns its end.

    Of the job nothing changes, but that a cancelled one tells what had already happened.
    """
    own = Attempt.filter(job_id=lease.job_id, number=lease.attempt, lease_token=lease.token, outcome=None)
    cancelled = Job.filter(id=lease.job_id, status=Status.CANCELLED, attempt=lease.attempt, lease_token=lease.token)
    now = clock.now()
    # NOTE: the first statement writes: one that reads first could not go on to write beside another process.
    was_open = await own.update(
        outcome=AttemptOutcome.LOST, error="Its lease was lost before it ended", finished_at=now
    )
    ends = await count_closed(connection(), lease, now) if was_open else []
    if await cancelled.exists():
        if was_open:
            error = await _what_had_happened(lease.job_id)
            this = Attempt.filter(job_id=lease.job_id, number=lease.attempt)
            await this.update(outcome=AttemptOutcome.CANCELLED, error=error)
            ends = [replace(end, outcome=AttemptOutcome.CANCELLED) for end in ends]
            await cancelled.update(error=error, lease_token=None, lease_expires_at=None)
        return ends
    text = f"Too late, so nothing was changed: {storable(told)}"
    await LogLine.create(job_id=lease.job_id, attempt=lease.attempt, at=now, text=text)
    return ends


async def close_cancelled(lease: Lease) -> None:
    """Close an attempt that nobody ever executed, if its job was cancelled on the way."""
    cancelled = Job.filter(id=lease.job_id, status=Status.CANCELLED, attempt=lease.attempt, lease_token=lease.token)
    if await cancelled.exists():
        await close_lost(lease, "it was cancelled on its way")


async def _what_had_happened(job_id: int) -> str:
    """One sentence on what a cancelled job had already done to the world."""
    effects = await Effect.filter(job_id=job_id).order_by("id")
    done = [effect.target for effect in effects if effect.phase is Phase.DONE]
    unsure = [effect.target for effect in effects if effect.phase is Phase.SENDING]
    told = []
    if done:
        told.append(f"Already done, and not taken back: {', '.join(done)}")
    if unsure:
        told.append(f"May or may not have gone out: {', '.join(unsure)}")
    return f"Cancelled while running. {'. '.join(told) or 'Nothing had gone out'}."


def _tell(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _refuse(futures: list[asyncio.Future[Any]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
