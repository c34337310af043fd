"""One attempt from lease to outcome."""

import asyncio
import logging
from typing import Any

from pydantic import ValidationError

from engine import clock
from engine.context import AttemptContext, Lease
from engine.errors import AttemptError, LeaseLost, OutcomeUnknown, PauseAsked, PermanentError
from engine.events import AttemptEnded, Bus, Event, JobChanged, StopAsked
from engine.jobs import AnyJobType, Registry
from engine.outcomes import Completed, Failed, Outcome, Paused, Released, Retrying, Unknown, decide
from engine.settings import Settings
from models.attempt import Attempt
from models.effect import Effect
from models.job import Job
from models.states import UNKNOWN, AttemptOutcome, Move, Phase, Status

log = logging.getLogger(__name__)

CANCEL_GRACE_SECONDS = 10.0


class RunningAttempt:
    """An attempt under way in this process, and the handle to stop it by."""

    def __init__(self, context: AttemptContext) -> None:
        self.context = context
        self.task: asyncio.Task[dict[str, Any]] | None = None
        self.releasing = False

    def pause(self) -> None:
        """Stop at the next safe point."""
        self.context.pause_asked = True

    def stop(self) -> None:
        """Stop now; while the world is being spoken to, only after a grace time."""
        self.context.stopped = True
        if self.task is None:
            return
        if self.context.speaking:
            asyncio.get_running_loop().call_later(CANCEL_GRACE_SECONDS, self.task.cancel)
        else:
            self.task.cancel()

    def release(self) -> None:
        """Give the work back because the engine is shutting down."""
        self.releasing = True
        if self.task:
            self.task.cancel()


class Executor:
    """Runs claimed jobs and writes what came of each."""

    def __init__(self, settings: Settings, registry: Registry, bus: Bus) -> None:
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self.running: dict[int, RunningAttempt] = {}
        bus.subscribe(self._on_event)

    async def execute(self, job: Job) -> None:
        """Carry one claimed job to its outcome; never raises but on a broken database."""
        lease = Lease(job.id, job.attempt, job.lease_token or "")
        running = RunningAttempt(AttemptContext(lease, self._settings, self._bus))
        self.stop(job.id)  # an earlier attempt whose lease ran out may still be at it
        self.running[job.id] = running
        try:
            self._bus.publish(JobChanged(job.id))
            outcome = await self._outcome(job, running)
            await self._record(job, running, outcome)
        finally:
            running.context.close()
            if self.running.get(job.id) is running:
                del self.running[job.id]
            self._bus.publish(JobChanged(job.id))
            self._bus.publish(AttemptEnded(job.id))

    def stop(self, job_id: int) -> None:
        """Stop the attempt whose job was cancelled, or taken over, elsewhere."""
        if running := self.running.get(job_id):
            running.stop()

    def pause(self, job_id: int) -> None:
        """Pause the attempt at its next safe point."""
        if running := self.running.get(job_id):
            running.pause()

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, StopAsked):
            return
        if event.move is Move.PAUSE:
            self.pause(event.job_id)
        else:
            self.stop(event.job_id)

    async def _outcome(self, job: Job, running: RunningAttempt) -> Outcome | None:
        job_type = self._registry.find(job.type)
        if job_type is None:
            return Failed(f"This installation has no job type {job.type}")
        limit = asyncio.timeout(job_type.time_limit_seconds)
        try:
            async with limit:
                running.task = asyncio.create_task(_run(job_type, job, running.context), name=f"job {job.id}")
                return Completed(await running.task)
        except LeaseLost:
            return None
        except asyncio.CancelledError:
            return await _interrupted(job, running)
        except Exception as error:
            unforeseen = not isinstance(error, AttemptError | PauseAsked)
            log.info("job %s, attempt %s: %s", job.id, job.attempt, error, exc_info=unforeseen)
            fault = await _fault(job, error, is_over_time=limit.expired())
            return decide(fault, attempt=job.attempt, max_attempts=job.max_attempts, policy=job_type.retry)

    async def _record(self, job: Job, running: RunningAttempt, outcome: Outcome | None) -> None:
        lease = running.context.lease
        attempt_outcome, error, changes = _writes(job, outcome)
        won = bool(changes) and await lease.give_up(changes)
        if changes and not won:
            attempt_outcome, error = AttemptOutcome.LOST, "Its lease was lost before it could finish"
        if not won and await Job.exists(id=job.id, status=Status.CANCELLED, lease_token=lease.token):
            attempt_outcome, error = AttemptOutcome.CANCELLED, await _what_had_happened(job.id)
            await Job.filter(id=job.id, status=Status.CANCELLED, lease_token=lease.token).update(error=error)
        await Attempt.filter(job_id=job.id, number=job.attempt, lease_token=lease.token, outcome=None).update(
            outcome=attempt_outcome, error=error, finished_at=clock.now()
        )


async def _run(job_type: AnyJobType, job: Job, context: AttemptContext) -> dict[str, Any]:
    try:
        payload = job_type.payload.model_validate(job.payload)
    except ValidationError as error:
        raise PermanentError(f"The stored payload no longer fits {job.type}: {error}") from error
    return await job_type.run(payload, context)


async def _fault(job: Job, error: Exception, *, is_over_time: bool) -> Exception:
    """What the error means: nobody foresaw it while the world was being spoken to, so nobody knows what happened."""
    if isinstance(error, AttemptError | PauseAsked):
        return error
    if await _unsettled(job.id):
        what = "The time limit" if is_over_time else f"An unexpected {type(error).__name__} ({error})"
        return OutcomeUnknown(f"{what} ended it while the world was being spoken to")
    return PermanentError("It ran longer than its time limit") if is_over_time else error


async def _interrupted(job: Job, running: RunningAttempt) -> Outcome | None:
    if running.context.stopped:
        return None
    if await _unsettled(job.id):
        return Unknown("The engine was stopped while the world was being spoken to")
    if running.releasing:
        return Released()
    return Failed("The job stopped on an unexpected CancelledError")


async def _unsettled(job_id: int) -> bool:
    return await Effect.exists(job_id=job_id, phase=Phase.SENDING)


def _writes(job: Job, outcome: Outcome | None) -> tuple[AttemptOutcome, str | None, dict[str, Any]]:
    """The attempt's outcome and error, and the changes to the job's row (none when the lease is gone)."""
    now = clock.now()
    ended: dict[str, Any] = {"finished_at": now, "pause_requested": False, "lease_expires_at": None}
    failed: dict[str, Any] = {"status": Status.FAILED, **ended}
    waiting: dict[str, Any] = {
        "status": Status.QUEUED,
        "started_at": None,
        "pause_requested": False,
        "lease_expires_at": None,
    }
    match outcome:
        case Completed(result):
            done = {"status": Status.COMPLETED, "result": result, "progress": 100, **ended}
            return AttemptOutcome.SUCCEEDED, None, done
        case Failed(error, result):
            return AttemptOutcome.FAILED, error, {**failed, "error": error, "result": result}
        case Unknown(error, result):
            return (
                AttemptOutcome.UNKNOWN,
                error,
                {**failed, "error": error, "result": result, "outcome": UNKNOWN},
            )
        case Retrying(error, delay, result):
            again = {**waiting, "error": error, "result": result, "due_at": now + delay}
            return AttemptOutcome.RETRYING, error, again
        case Paused():
            again = {**waiting, "status": Status.PAUSED, "max_attempts": job.max_attempts + 1}
            return AttemptOutcome.PAUSED, None, again
        case Released():
            again = {**waiting, "max_attempts": job.max_attempts + 1}
            return AttemptOutcome.LOST, "The engine was shut down; the work was put back", again
        case None:
            return AttemptOutcome.LOST, "Its lease was lost before it could finish", {}


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
