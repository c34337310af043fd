"""Wishes about jobs: create them, and move them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from engine import clock, llm
from engine.actors import Actor, Kind
from engine.audit import Deed, deed
from engine.commands import Submitted
from engine.desk.base import BaseDesk, whole
from engine.submission import Submission
from engine.views import JobView
from models.rights import RIGHT_OF_MOVE, Right
from models.states import Move

_TOLD = ("status", "approval", "outcome", "pause_requested", "due_at")


class JobDesk(BaseDesk):
    """Create and move jobs."""

    async def submit(self, type_key: str, payload: dict[str, Any], **more: Any) -> Submitted:
        """See `Commands.submit`; without `created_by`, the job is created by whoever asks.

        Raises:
            TooMany: this token has submitted too many in the last minute.
        """
        actor = await self._allowed(Right.OPERATE)
        if actor.kind is Kind.TOKEN:
            self._submissions.count(actor.key)

        async def submitted() -> Submitted:
            created_by = creator(actor, more.pop("created_by", None))
            after = {"type": type_key, "name": more.get("name"), "created_by": created_by}
            return await self._services.commands.submit(
                type_key,
                payload,
                created_by=created_by,
                agent=agent_of(actor),
                told=lambda ids: deed(actor, "job.submit", f"job {ids[0]}", None, after),
                **more,
            )

        return await whole(submitted())

    async def submit_batch(self, batch: Sequence[tuple[Submission, str | None]]) -> list[tuple[int, bool]]:
        """See `Commands.submit_batch`; each job is created by whoever asks, or through them.

        Raises:
            TooMany: this token has submitted too many in the last minute.
        """
        actor = await self._allowed(Right.OPERATE)
        if actor.kind is Kind.TOKEN:
            self._submissions.count(actor.key, len(batch))

        async def submitted() -> list[tuple[int, bool]]:
            named = [
                (replace(asked, created_by=creator(actor, asked.created_by), agent=agent_of(actor)), key)
                for asked, key in batch
            ]
            types = sorted({asked.type for asked, _ in batch})

            def told(ids: Sequence[int]) -> Deed:
                after = {"jobs": len(ids), "types": types}
                return deed(actor, "job.submit_batch", f"jobs {ids[0]} to {ids[-1]}", None, after)

            return await self._services.commands.submit_batch(named, told)

        return await whole(submitted())

    async def draft(self, kind: str, brief: str) -> str:
        """See `llm.draft`; nothing is submitted by it."""
        await self._allowed(Right.OPERATE)
        return await llm.draft(self._services.settings, cast(llm.DraftKind, kind), brief)

    async def move(self, job_id: int, move: Move) -> None:
        """Cancel, pause, resume, retry or run a job now."""
        commands = self._services.commands
        chosen: dict[Move, Callable[[], Awaitable[None]]] = {
            Move.CANCEL: lambda: commands.cancel(job_id),
            Move.PAUSE: lambda: commands.pause(job_id),
            Move.RESUME: lambda: commands.resume(job_id),
            Move.RETRY: lambda: commands.retry(job_id),
            Move.RUN_NOW: lambda: commands.run_now(job_id),
        }
        await self._change_job(job_id, move, chosen[move], {})

    async def resolve(self, job_id: int, *, went_out: bool, **more: Any) -> None:
        """Say whether an unknown effect happened."""

        async def resolve() -> None:
            await self._services.commands.resolve(job_id, went_out=went_out, **more)

        await self._change_job(job_id, Move.RESOLVE, resolve, {"went_out": went_out, **more})

    async def _change_job(
        self, job_id: int, move: Move, command: Callable[[], Awaitable[None]], told: dict[str, Any]
    ) -> None:
        actor = await self._allowed(RIGHT_OF_MOVE[move])

        async def changed() -> None:
            before = _state(await self._services.queries.job(job_id))
            at = clock.now()  # what follows from the move may come before its record
            await command()
            after = _state(await self._services.queries.job(job_id))
            await self._record(actor, f"job.{move}", f"job {job_id}", before, {**after, **told}, at)

        await whole(changed())


def agent_of(actor: Actor) -> str | None:
    """The program that asks, if one does; the approval policy may treat it in its own way."""
    return actor.name if actor.is_agent else None


def creator(actor: Actor, told: str | None) -> str:
    """Who is told as a job's creator: a program may name somebody, and is named with them."""
    if not told or told == actor.name:
        return actor.name
    return f"{told} via {actor.name}"[:200] if actor.kind is Kind.TOKEN else told


def _state(job: JobView) -> dict[str, Any]:
    return {name: value for name in _TOLD if (value := getattr(job, name)) not in (None, False)}
