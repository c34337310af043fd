"""What a running job holds in its hand: its lease, its progress, its log and its effects."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from engine import clock
from engine.actors import Actor, Kind
from engine.artifacts import Artifacts
from engine.audit import deed
from engine.budgets.told import micros
from engine.errors import AttemptError, LeaseLost, OutcomeUnknown, PauseAsked, PermanentError
from engine.events import Bus, JobLogged, JobProgressed
from engine.ledger import Ledger, close_lost
from engine.logs import current_work
from engine.processes import OnLine, Processes
from engine.settings import Settings
from engine.tracing import Role, Span, span
from models.attempt import Attempt, LogLine
from models.database import storable
from models.effect import Effect, begin_effect, settle_effect
from models.ending import Lease
from models.job import Job
from models.states import Phase, Status

log = logging.getLogger(__name__)

T = TypeVar("T")
Submit = Callable[..., Awaitable[Any]]

PROGRESS_WRITE_SECONDS = 2.0
LOOK_UP_SECONDS = 0.5
MAX_LOG_TEXT = 4000
LEASE_RAN_OUT = "The lease ran out and could not be renewed while the world was being spoken to"


class AttemptContext:
    """The `Context` of one attempt."""

    def __init__(
        self,
        lease: Lease,
        settings: Settings,
        bus: Bus,
        ledger: Ledger,
        busy: asyncio.Semaphore | None = None,
        submit: Submit | None = None,
    ) -> None:
        """`busy` is a turn for each processor that what computes may keep busy; `submit` is where new jobs go."""
        self.restart_limit: Callable[[], None] = _nothing
        self._busy = busy or asyncio.Semaphore()
        self._submit = submit
        self.job_id = lease.job_id
        self.settings = settings
        self.pause_asked = False
        self.stopped = False
        self.renewed_at = monotonic()
        self._speaking = 0
        self._performing: set[asyncio.Future[dict[str, Any]]] = set()
        self.lease = lease
        self._bus = bus
        self._ledger = ledger
        self._percent = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._processes = Processes()
        self.artifacts = Artifacts(lease, settings, ledger)

    @property
    def speaking(self) -> bool:
        """Whether an effect is under way."""
        return self._speaking > 0

    async def progress(self, percent: float) -> None:
        """Tell pages at once, and the database at most every two seconds."""
        await self.checkpoint()
        self._percent = max(0.0, min(100.0, percent))
        self._bus.publish(JobProgressed(self.job_id, self._percent))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_progress())

    def close(self) -> None:
        """The attempt is over: write nothing more."""
        if self._writing:
            self._writing.cancel()

    async def _write_progress(self) -> None:
        await asyncio.sleep(PROGRESS_WRITE_SECONDS)
        try:
            self.stopped = not await self._ledger.write(self._store_progress) or self.stopped
        except Exception:
            log.exception("the progress of job %s could not be stored", self.job_id)

    async def _store_progress(self, _: BaseDBAsyncClient) -> bool:
        held = Job.filter(
            id=self.job_id, status=Status.RUNNING, attempt=self.lease.attempt, lease_token=self.lease.token
        )
        return bool(await held.update(progress=self._percent))

    async def log(self, text: str) -> None:
        """Store the line and tell pages; logging is no safe point and raises nothing."""
        text = storable(text)[:MAX_LOG_TEXT]
        line = LogLine(job_id=self.job_id, attempt=self.lease.attempt, at=clock.now(), text=text)
        await self._ledger.write(lambda writer: line.save(writer, force_create=True))
        self._bus.publish(JobLogged(self.job_id, self.lease.attempt, text))

    async def checkpoint(self) -> None:
        """Raise when the attempt is to stop; gives other tasks a turn."""
        await asyncio.sleep(0)
        if self.stopped:
            raise LeaseLost("the job was cancelled")
        if self.pause_asked:
            raise PauseAsked("somebody paused the job")

    async def run_program(self, *arguments: str, folder: Path | None = None, on_line: OnLine | None = None) -> int:
        """Run a program to its end, and end it when the attempt is stopped; see `Processes.run`."""
        return await self._processes.run(*arguments, folder=folder, on_line=on_line)

    async def compute(self, *arguments: str, folder: Path | None = None, on_line: OnLine | None = None) -> int:
        """Run a program that keeps a processor busy, when one is free; pausing and cancelling need no turn."""
        if self._busy.locked():
            await self.log("Waits for a free processor")
        while not await _in_time(self._busy.acquire(), LOOK_UP_SECONDS):
            await self.checkpoint()
            self.restart_limit()
        self.restart_limit()  # what waits for its turn has not begun
        try:
            return await self._processes.run(*arguments, folder=folder, on_line=on_line, nice=True)
        finally:
            self._busy.release()

    def kill_processes(self) -> None:
        """End by force whatever the job has started."""
        self._processes.kill()

    def artifact(self, name: str) -> Path:
        """A path in the attempt's own folder; see `Artifacts.path`."""
        return self.artifacts.path(name)

    async def submit_job(self, type_key: str, payload: dict[str, Any], *, created_by: str, **more: Any) -> int:
        """Submit another job under a key that this job's attempts share, so that none submits it twice."""
        if self._submit is None:
            raise PermanentError("no job can be submitted here")
        await self.checkpoint()
        asked = json.dumps([type_key, payload, created_by, more], sort_keys=True, default=str)
        key = f"job {self.job_id}: {hashlib.sha256(asked.encode()).hexdigest()[:32]}"
        actor = Actor(created_by, Kind.JOB, frozenset())
        after = {"type": type_key, "by": f"job {self.job_id}"}
        made = await self._submit(
            type_key,
            payload,
            created_by=created_by,
            agent=created_by,
            idempotency_key=key,
            told=lambda ids: deed(actor, "job.submit", f"job {ids[0]}", None, after),
            **more,
        )
        return int(made.id)

    async def spend(self, *, tokens: int = 0, cost: float = 0) -> None:
        """Add it to what the attempt has used; as logging, it is no safe point."""
        more = {"tokens": F("tokens") + tokens, "micros": F("micros") + micros(cost)}
        own = Attempt.filter(job_id=self.job_id, number=self.lease.attempt, lease_token=self.lease.token, outcome=None)
        await _uninterrupted(self._ledger.write(lambda _: own.update(**more)))

    async def already_done(self, target: str) -> dict[str, Any] | None:
        """What an earlier attempt's effect on this target gave, or None."""
        earlier = await self._earlier(target)
        return (earlier.result or {}) if earlier and earlier.phase is Phase.DONE else None

    async def effect(
        self,
        target: str,
        identity: dict[str, Any],
        perform: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Commit `sending`, speak to the world, commit what came of it."""
        earlier = await self._earlier(target)
        if earlier and earlier.phase is Phase.DONE:
            return earlier.result or {}
        await self.checkpoint()
        kept = await self._begin(target, identity)
        if earlier and (reason := no_longer_recognised(kept, earlier.denied_at, clock.now())):
            raise OutcomeUnknown(reason)
        self._speaking += 1
        try:
            with _traced(self.lease):
                result = await self._perform(perform(kept))
            await self._settle(target, Phase.DONE, result=result)
        except OutcomeUnknown:
            raise  # the row stays at `sending`: a person settles it
        except AttemptError as fault:
            await self._settle(target, Phase.FAILED, error=str(fault))
            raise
        finally:
            self._speaking -= 1
        return result

    async def _perform(self, speaking: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        performing = asyncio.ensure_future(speaking)
        self._performing.add(performing)
        try:
            return await performing
        except asyncio.CancelledError:
            if performing in self._performing:  # the whole attempt was cancelled
                raise
            raise OutcomeUnknown(LEASE_RAN_OUT) from None
        finally:
            self._performing.discard(performing)

    def break_off(self) -> None:
        """The lease has run out, and somebody may be asked what went out: say nothing more to the world."""
        while self._performing:
            self._performing.pop().cancel()

    async def _earlier(self, target: str) -> Effect | None:
        """What is known of this target; by the ledger, as it waits until a database in trouble answers."""
        return await self._ledger.write(lambda _: Effect.get_or_none(job_id=self.job_id, target=target))

    async def _begin(self, target: str, identity: dict[str, Any]) -> dict[str, Any]:
        async def store(writer: BaseDBAsyncClient) -> dict[str, Any] | None:
            """When its turn comes, which may be after an outage: only from then on the lease has to last."""
            now, self.renewed_at = clock.now(), monotonic()
            expires = now + timedelta(seconds=self.settings.lease_seconds)
            return await begin_effect(writer, self.lease, target, identity, now, lease_expires_at=expires)

        begin = self._ledger.write(store)
        try:
            kept = await _uninterrupted(begin)
        except asyncio.CancelledError:
            await self._settle(target, Phase.FAILED, error="The attempt was stopped before it sent anything")
            raise
        if kept is not None:
            return kept
        if await Effect.exists(job_id=self.job_id, target=target, phase=Phase.SENDING):
            raise OutcomeUnknown(f"An earlier attempt may have reached {target} already")
        raise LeaseLost("the job went on without this attempt")

    async def _settle(
        self, target: str, phase: Phase, *, result: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        now = clock.now()

        async def settle(writer: BaseDBAsyncClient) -> None:
            settled = await settle_effect(writer, self.lease, target, phase, now, result=result, error=error)
            if settled or not await Effect.exists(job_id=self.job_id, target=target, phase=Phase.SENDING):
                return
            told = f"{target}: {error}" if error else f"{target} has it: {json.dumps(result, default=str)}"
            await close_lost(self.lease, told[:MAX_LOG_TEXT])

        await _uninterrupted(self._ledger.write(settle))


def _nothing() -> None:
    return None


def _traced(lease: Lease) -> AbstractContextManager[Span]:
    """A span around an effect; what it says and whom it reaches is not told."""
    work = current_work()
    name = f"effect of {work.type}" if work else "effect"
    return span(name, Role.CLIENT, type=work.type if work else "", job=lease.job_id, attempt=lease.attempt)


async def _in_time(work: Coroutine[Any, Any, T], seconds: float) -> T | None:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return None


async def _uninterrupted(writing: Coroutine[Any, Any, T]) -> T:
    """A cancellation waits until this is written: what is known about the world must not be lost halfway."""
    task = asyncio.ensure_future(writing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def no_longer_recognised(identity: dict[str, Any], denied_at: datetime | None, now: datetime) -> str | None:
    """Why a person must decide once more before this effect is repeated, or None.

    Somebody said that it had not happened, and the repetition was safe as long as the server would recognise the
    identity. Since then it has expired: if that person was wrong, the world would get it twice.
    """
    if denied_at is None or "expires_at" not in identity:
        return None
    expires_at = datetime.fromisoformat(identity["expires_at"]).astimezone(UTC)
    if not denied_at < expires_at < now:
        return None
    return (
        f"The server recognised a repetition until {expires_at:%Y-%m-%d %H:%M} UTC and does so no more. "
        "Look there once more: if it went out after all, it would go out twice"
    )
