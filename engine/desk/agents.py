"""Wishes about agents as a whole: pause one, and let it go on."""

from typing import Any

from engine.desk.settings import SettingsDesk
from models.agent import agent_id_of
from models.rights import Right


class AgentDesk(SettingsDesk):
    """A built-in agent is paused by pausing each type that it takes; an outside one is given no more jobs."""

    async def pause_agent(self, key: str, paused: bool) -> None:
        """Give an agent no more jobs, or jobs again; what runs goes on.

        Raises:
            NotFound: there is no agent with this key.
        """
        await self._allowed(Right.ADMINISTER)
        watcher = self._services.queries.watcher
        name, built_in = await watcher.name_of(key), watcher.built_in(key)

        async def set_it() -> None:
            if built_in is None:
                await self._services.agents.set_paused(agent_id_of(key) or 0, paused=paused)
            for type_key in built_in.types if built_in else ():
                await self.set_policy(type_key, paused=paused)

        await self._administer("agent.pause" if paused else "agent.resume", f"agent {name}", set_it, told=_nothing)


def _nothing(_: Any) -> dict[str, Any]:
    return {}
