"""What keys are called: of agents and types."""

from collections.abc import Iterable

from engine.jobs import Registry
from engine.views import JobView
from engine.workforce import agent_name, built_in_agents
from models.agent import PREFIX
from ui.components.asked import Asked
from ui.reader import Reader


async def names_in(registry: Registry, reader: Reader, asked: Asked) -> dict[str, str]:
    """The names of the keys that are asked for; outside agents are read only if one is."""
    names = {}
    for word in asked.criteria.types:
        if job_type := registry.find(word):
            names[word] = job_type.label
    agent = asked.criteria.agent
    if agent.startswith(PREFIX):
        names |= {f"{PREFIX}{each.id}": each.name for each in await reader.agents()}
    elif agent:
        names |= {each.key: each.name for each in built_in_agents(registry)}
    return names


async def agents_in(registry: Registry, reader: Reader, jobs: Iterable[JobView]) -> dict[str, str]:
    """Who does these jobs, by their type; outside agents are read only if one of the types is theirs."""
    keys = {job.type for job in jobs}
    names = {key: name for key in keys if (name := agent_name(registry, key))}
    if outside := [key for key in keys if (job_type := registry.find(key)) and job_type.is_outside]:
        agents = await reader.agents()
        names |= {key: _either([each.name for each in agents if key in each.types]) for key in outside}
    return names


def _either(names: list[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"one of {len(names)} agents"
