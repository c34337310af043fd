"""What a running job holds in its hand: its lease, its progress, its log and its effects."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import clock
from engine.errors import AttemptError, LeaseLost, OutcomeUnknown, PauseAsked
from engine.events import Bus, JobLogged, JobProgressed
from engine.settings import Settings
from models.attempt import LogLine
from models.effect import Effect, begin_effect
from models.job import Job
from models.states import Phase, Status

log = logging.getLogger(__name__)

PROGRESS_WRITE_SECONDS = 2.0
MAX_LOG_TEXT = 4000


@dataclass(frozen=True)
class Lease:
    """Names one attempt; every write of the attempt is conditional on it (a fence)."""

    job_id: int
    attempt: int
    token: str

    def held(self) -> Any:
        """The job's row, as long as this attempt still owns it."""
        return Job.filter(id=self.job_id, status=Status.RUNNING, attempt=self.attempt, lease_token=self.token)

    async def give_up(self, changes: dict[str, Any]) -> bool:
        """End the attempt with these changes to the job; a job that would be queued is paused if somebody asked.

        False when the attempt does not own the job any more: then nothing was changed.
        """
        if changes.get("status") is Status.QUEUED:
            paused = {**changes, "status": Status.PAUSED}
            for _ in range(2):  # the request may come between the two updates
                if await self.held().filter(pause_requested=True).update(**paused):
                    return True
                if await self.held().filter(pause_requested=False).update(**changes):
                    return True
            return False
        return bool(await self.held().update(**changes))


class AttemptContext:
    """The `Context` of one attempt."""

    def __init__(self, lease: Lease, settings: Settings, bus: Bus) -> None:
        self.job_id = lease.job_id
        self.settings = settings
        self.pause_asked = False
        self.stopped = False
        self.speaking = False
        self.lease = lease
        self._bus = bus
        self._percent = 0.0
        self._writing: asyncio.Task[None] | None = None

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
            self.stopped = self.stopped or not await self.lease.held().update(progress=self._percent)
        except Exception:
            log.exception("the progress of job %s could not be stored", self.job_id)

    async def log(self, text: str) -> None:
        """Store the line and tell pages; logging is no safe point and raises nothing."""
        text = text[:MAX_LOG_TEXT]
        await LogLine.create(job_id=self.job_id, attempt=self.lease.attempt, at=clock.now(), text=text)
        self._bus.publish(JobLogged(self.job_id, self.lease.attempt, text))

    async def checkpoint(self) -> None:
        """Raise when the attempt is to stop; gives other tasks a turn."""
        await asyncio.sleep(0)
        if self.stopped:
            raise LeaseLost("the job was cancelled")
        if self.pause_asked:
            raise PauseAsked("somebody paused the job")

    def artifact(self, name: str) -> Path:
        """A path in the job's own folder.

        Raises:
            ValueError: the name is a path.
        """
        if not name or name != Path(name).name or name.startswith("."):
            raise ValueError(f"an artifact's name must be a plain file name, not {name!r}")
        folder = self.settings.artifacts_dir / str(self.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    async def already_done(self, target: str) -> dict[str, Any] | None:
        """What an earlier attempt's effect on this target gave, or None."""
        done = await Effect.get_or_none(job_id=self.job_id, target=target, phase=Phase.DONE)
        return (done.result or {}) if done else None

    async def effect(
        self,
        target: str,
        identity: dict[str, Any],
        perform: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Commit `sending`, speak to the world, commit what came of it."""
        if (earlier := await self.already_done(target)) is not None:
            return earlier
        await self.checkpoint()
        kept = await self._begin(target, identity)
        self.speaking = True
        try:
            result = await perform(kept)
            await self._settle(target, Phase.DONE, result=result)
        except OutcomeUnknown:
            raise  # the row stays at `sending`: a person settles it
        except AttemptError as fault:
            await self._settle(target, Phase.FAILED, error=str(fault))
            raise
        finally:
            self.speaking = False
        return result

    async def _begin(self, target: str, identity: dict[str, Any]) -> dict[str, Any]:
        kept = await begin_effect(
            job_id=self.job_id,
            attempt=self.lease.attempt,
            lease_token=self.lease.token,
            target=target,
            identity=identity,
            now=clock.now(),
        )
        if kept is not None:
            return kept
        if await Effect.exists(job_id=self.job_id, target=target, phase=Phase.SENDING):
            raise OutcomeUnknown(f"An earlier attempt may have reached {target} already")
        raise LeaseLost("the job went on without this attempt")

    async def _settle(
        self, target: str, phase: Phase, *, result: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        unsettled = Effect.filter(job_id=self.job_id, target=target, attempt=self.lease.attempt, phase=Phase.SENDING)
        await unsettled.update(phase=phase, result=result, error=error, finished_at=clock.now())
