"""Wishes about workflows: write them, start them, and cancel what they started."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actors import Kind
from engine.audit import Deed, deed
from engine.desk.base import BaseDesk, whole
from engine.desk.jobs import agent_of, creator
from engine.workflows.runs import Started
from engine.workflows.views import RunView, WorkflowView
from models.rights import Right


class WorkflowDesk(BaseDesk):
    """Whoever administers writes them; whoever operates starts them."""

    async def save_workflow(self, source: str, *, name: str | None = None, version: int | None = None) -> WorkflowView:
        """See `Workflows.save`."""
        actor = await self._allowed(Right.ADMINISTER)
        save = self._services.workflows.save
        return await self._administer(
            "workflow.save",
            f"workflow {name or 'new'}",
            lambda: save(source, actor.name, name=name, version=version),
            told=lambda view: {"name": view.name, "version": view.version},
        )

    async def remove_workflow(self, name: str) -> None:
        """See `Workflows.remove`."""
        remove = self._services.workflows.remove
        await self._administer("workflow.remove", f"workflow {name}", lambda: remove(name))

    async def run_workflow(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        created_by: str | None = None,
        idempotency_key: str | None = None,
    ) -> Started:
        """See `Runs.start`; the jobs are created by whoever asks.

        Raises:
            TooMany: this token has submitted too many in the last minute, each job counted; then nothing is stored.
        """
        actor = await self._allowed(Right.OPERATE)
        if actor.kind is Kind.TOKEN:
            self._submissions.count(actor.key)

        async def started() -> Started:
            def told(ids: Sequence[int]) -> Deed:
                if actor.kind is Kind.TOKEN:
                    self._submissions.count(actor.key, len(ids) - 1)  # one was counted when it was asked for
                after = {"workflow": name, "jobs": len(ids), "first": ids[0], "last": ids[-1]}
                return deed(actor, "workflow.run", f"workflow {name}", None, after)

            return await self._services.runs.start(
                name,
                inputs,
                created_by=creator(actor, created_by),
                agent=agent_of(actor),
                idempotency_key=idempotency_key,
                told=told,
            )

        return await whole(started())

    async def cancel_run(self, run_id: int) -> RunView:
        """See `Runs.cancel`."""
        actor = await self._allowed(Right.OPERATE)

        async def cancelled() -> RunView:
            before = await self._services.runs.run(run_id)
            await self._services.runs.cancel(run_id)
            after = await self._services.runs.run(run_id)
            await self._record(actor, "run.cancel", f"run {run_id}", before.jobs, after.jobs)
            return after

        return await whole(cancelled())
