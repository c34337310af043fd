"""One attempt from lease to outcome."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from time import monotonic
from typing import Any

from engine import clock
from engine.artifacts import Artifacts
from engine.attempt_span import attempt_span, note_outcome
from engine.budgets.limits import RateLimits
from engine.context import AttemptContext, Submit
from engine.errors import (
    AttemptError,
    AttemptStopped,
    InvalidInput,
    LeaseLost,
    OutcomeUnknown,
    PauseAsked,
    PermanentError,
    TransientError,
    TurnLater,
)
from engine.events import AttemptEnded, Bus, Event, JobChanged, StopAsked
from engine.health import trouble
from engine.jobs import AnyJobType, Registry
from engine.ledger import Ledger
from engine.logs import of_attempt
from engine.outcomes import Completed, Failed, Outcome, Postponed, Released, Unknown, decide, ending
from engine.processes import processors
from engine.settings import Settings
from engine.tracing import UNTRACED, Span, is_tracing
from models.claim import Claimed
from models.effect import Effect
from models.ending import Ending, Lease
from models.states import AttemptOutcome, Move, Phase, Status

log = logging.getLogger(__name__)

CANCEL_GRACE_SECONDS = 10.0
FORCE_SECONDS = 2.0
RELEASE_SECONDS = 2.0


class RunningAttempt:
    """An attempt under way in this process, and the handle to stop it by."""

    def __init__(self, context: AttemptContext) -> None:
        self.context = context
        self.task: asyncio.Task[dict[str, Any]] | None = None
        self.waiting: asyncio.Task[Any] | None = None
        self.releasing = False
        self._force: asyncio.Task[None] | None = None

    def pause(self) -> None:
        """Stop at the next safe point."""
        self.context.pause_asked = True

    def stop(self) -> None:
        """Stop now, or at the end of a grace time while the world is being spoken to; then by force."""
        if self.context.stopped and self._force:
            return
        self.context.stopped = True
        if self.task:
            if not self.context.speaking:
                self.task.cancel()
            self._force = asyncio.create_task(self._use_force(self.task))

    def release(self) -> None:
        """Give the work back because the engine is shutting down."""
        self.releasing = True
        if self.task:
            self.task.cancel()

    async def end(self) -> None:
        """Cancel the work and wait until it has cleaned up, but not for ever: what ignores that is left behind."""
        if self.task is None:
            return
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=FORCE_SECONDS)
        if not self.task.done():
            self.context.kill_processes()
            log.error("job %s ignores that it was stopped; its work is left behind", self.context.job_id)

    async def _use_force(self, task: asyncio.Task[dict[str, Any]]) -> None:
        await asyncio.wait({task}, timeout=CANCEL_GRACE_SECONDS)
        if not task.done():
            await self.end()
        if not task.done() and self.waiting:
            self.waiting.cancel()


class Executor:
    """Runs claimed jobs and writes what came of each."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        bus: Bus,
        ledger: Ledger,
        submit: Submit | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        """`submit` is where jobs go that jobs submit; `limits` say when what goes out may go."""
        self._limits = limits or RateLimits(bus)
        self._submit = submit
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._ledger = ledger
        self._busy = asyncio.Semaphore(max(1, processors() - 1))
        self.running: dict[int, RunningAttempt] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self.ending = 0  # attempts whose work is over, and whose ending is being written
        self.on_ending: Callable[[], None] = _nothing
        bus.subscribe(self._on_event)

    @property
    def free_slots(self) -> int:
        """How many more attempts may begin now; one whose ending is being written leaves its slot already."""
        return self._settings.concurrency - len(self._attempts) + self.ending

    def start(self, job: Claimed, *, pause: bool = False) -> asyncio.Task[None]:
        """Execute the job in a task of its own; with `pause` it pauses at its first safe point."""
        task = asyncio.create_task(self.execute(job, pause=pause), name=f"attempt of job {job.id}")
        self._attempts.add(task)
        task.add_done_callback(self._on_attempt_done)
        return task

    async def drain(self, seconds: float) -> None:
        """Wait for what runs, as long as is allowed, then put the rest back."""
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=max(0, seconds))
        for running in list(self.running.values()):
            running.release()
        if self._attempts:  # one that ignores its cancellation is left to the rescuer
            await asyncio.wait(self._attempts, timeout=RELEASE_SECONDS)

    def _on_attempt_done(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an attempt could not be recorded", exc_info=error)
        self.on_ending()

    async def _carry(self, job: Claimed, running: RunningAttempt, lease: Lease, traced: Span) -> None:
        outcome = await self._outcome(job, running)
        if outcome is None:
            await self._ledger.close_lost(lease, "the attempt was stopped")
        else:
            await self._end(how := ending(lease, outcome, clock.now()))
            note_outcome(traced, how.attempt_outcome)

    async def execute(self, job: Claimed, *, pause: bool = False) -> None:
        """Carry one claimed job to its outcome; never raises but on a broken database."""
        with of_attempt(job.id, job.attempt, job.type):
            await self._execute(job, pause=pause)

    async def _execute(self, job: Claimed, *, pause: bool) -> None:
        lease = Lease(job.id, job.attempt, job.lease_token)
        context = AttemptContext(lease, self._settings, self._bus, self._ledger, self._busy, self._submit)
        running = RunningAttempt(context)
        running.context.pause_asked = pause
        self.stop(job.id)  # an earlier attempt whose lease ran out may still be at it
        self.running[job.id] = running
        self._bus.publish(JobChanged(job.id, has_begun=True))
        try:
            if is_tracing():
                async with attempt_span(job) as traced:
                    await self._carry(job, running, lease, traced)
            else:
                await self._carry(job, running, lease, UNTRACED)
        finally:
            running.context.close()
            if self.running.get(job.id) is running:
                del self.running[job.id]
            self._bus.publish(JobChanged(job.id))
            self._bus.publish(AttemptEnded(job.id))

    async def _end(self, how: Ending) -> None:
        self.ending += 1
        self.on_ending()
        try:
            await self._ledger.end(how)
        except (TypeError, ValueError) as error:  # what cannot be written as JSON
            told = f"The work is done, but its result cannot be stored: {error}"
            failed = replace(how, status=Status.FAILED, attempt_outcome=AttemptOutcome.FAILED, error=told, result=None)
            await self._ledger.end(failed)
        finally:
            self.ending -= 1

    def stop(self, job_id: int) -> None:
        """Stop the attempt whose job was cancelled, or taken over, elsewhere."""
        if running := self.running.get(job_id):
            running.stop()

    def pause(self, job_id: int) -> None:
        """Pause the attempt at its next safe point."""
        if running := self.running.get(job_id):
            running.pause()

    def break_off_expired(self, renewed_at: float) -> None:
        """Break off what speaks to the world under leases that ran out; `renewed_at` is monotonic.

        Others may have rescued the jobs by now. A repetition must not meet a first one that is still under way.
        """
        expired = monotonic() - self._settings.lease_seconds
        for running in self.running.values():
            if max(renewed_at, running.context.renewed_at) <= expired:
                running.context.break_off()

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, StopAsked):
            return
        if event.move is Move.PAUSE:
            self.pause(event.job_id)
        else:
            self.stop(event.job_id)

    async def _outcome(self, job: Claimed, running: RunningAttempt) -> Outcome | None:
        job_type = self._registry.find(job.type)
        if job_type is None:
            return Failed(f"This installation has no job type {job.type}")
        seconds = job.time_limit_seconds or job_type.time_limit_seconds
        limit = asyncio.timeout(seconds)

        def restart() -> None:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time() + seconds)

        running.context.restart_limit = restart
        try:
            async with limit:
                running.waiting = asyncio.current_task()
                running.task = asyncio.create_task(
                    _run(job_type, job, running.context, self._limits), name=f"job {job.id}"
                )
                return Completed(await asyncio.shield(running.task))
        except LeaseLost:
            return None
        except TurnLater as later:
            return Postponed(later.at, str(later))
        except asyncio.CancelledError:
            return await self._interrupted(job.id, running)
        except Exception as error:
            if limit.expired():
                await running.end()
            unforeseen = not isinstance(error, AttemptError | PauseAsked)
            log.info("job %s, attempt %s: %s", job.id, job.attempt, error, exc_info=unforeseen)
            fault = await self._fault(job.id, error, is_over_time=limit.expired())
            return decide(fault, attempt=job.attempt, max_attempts=job.max_attempts, policy=job_type.retry)
        finally:
            running.waiting = None

    async def _fault(self, job_id: int, error: Exception, *, is_over_time: bool) -> Exception:
        """What the error means. As long as an effect has no clear answer, nothing else is certain either."""
        if isinstance(error, OutcomeUnknown):
            return error
        if await self._unsettled(job_id):
            what = "The time limit ended it" if is_over_time else f"It ended ({type(error).__name__}: {error})"
            result = error.result if isinstance(error, AttemptError) else None
            return OutcomeUnknown(f"{what} before the world had given a clear answer", result=result)
        if is_over_time:
            return PermanentError("It ran longer than its time limit")
        if fault := trouble(error):
            return TransientError(f"The work needs the database, and {fault}")
        return error

    async def _interrupted(self, job_id: int, running: RunningAttempt) -> Outcome | None:
        if running.context.stopped:
            return None
        if await self._unsettled(job_id):
            return Unknown("The engine was stopped while the world was being spoken to")
        if running.releasing:
            return Released()
        return Failed("The job stopped on an unexpected CancelledError")

    async def _unsettled(self, job_id: int) -> bool:
        """Asked by the ledger, as it waits until a database in trouble answers."""
        return await self._ledger.write(lambda _: Effect.exists(job_id=job_id, phase=Phase.SENDING))


def _nothing() -> None:
    return None


async def _run(job_type: AnyJobType, job: Claimed, context: AttemptContext, limits: RateLimits) -> dict[str, Any]:
    try:
        payload = job_type.parse(job.payload)
    except InvalidInput as error:
        raise PermanentError(f"The stored payload no longer fits {job.type}: {error}") from error
    await limits.wait_for_turn(job.id, job_type.ways_out(payload))
    try:
        return await _kept(job_type.run(payload, context), context.artifacts)
    finally:
        await context.artifacts.clear()


async def _kept(work: Coroutine[Any, Any, dict[str, Any]], artifacts: Artifacts) -> dict[str, Any]:
    """Do the work, and store its files before it counts as done; those of a failure are of use to whoever looks."""
    try:
        result = await work
    except AttemptStopped:
        raise
    except Exception:
        await artifacts.keep_what_there_is()
        raise
    await artifacts.keep()
    return result
