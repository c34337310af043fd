"""Wishes of outside agents: register, claim and report."""

from typing import Any

from engine.agents import Handed
from engine.desk.base import BaseDesk
from engine.reports import Heard, Report
from engine.views import AgentView
from models.rights import Right


class WorkDesk(BaseDesk):
    """Register, claim and report."""

    async def register_agent(self, name: str, types: list[str], concurrency: int) -> AgentView:
        """See `Agents.register`."""
        actor = await self._allowed(Right.WORK)
        view = await self._services.agents.register(actor, name, types, concurrency)
        after = {"types": types, "concurrency": concurrency}
        await self._record(actor, "agent.register", f"agent {name}", None, after)
        return view

    async def remove_agent(self, agent_id: int) -> None:
        """See `Agents.remove`."""
        actor = await self._who()
        actor.require(Right.ADMINISTER if actor.may(Right.ADMINISTER) else Right.WORK)
        await self._services.agents.remove(actor, agent_id)
        await self._record(actor, "agent.remove", f"agent {agent_id}")

    async def claim(self, agent_id: int, **more: Any) -> list[Handed]:
        """See `Agents.claim`."""
        return await self._services.agents.claim(await self._allowed(Right.WORK), agent_id, **more)

    async def report(self, agent_id: int, reports: list[Report], **more: Any) -> list[Heard]:
        """See `Reports.hear`."""
        return await self._services.reports.hear(await self._allowed(Right.WORK), agent_id, reports, **more)

    async def keep_artifact(self, agent_id: int, job_id: int, token: str, name: str, body: bytes) -> None:
        """See `Reports.keep_artifact`."""
        actor = await self._allowed(Right.WORK)
        await self._services.reports.keep_artifact(actor, agent_id, job_id, token, name, body)
