"""What the keys in a filter are called: of agents and types."""

from engine.jobs import Registry
from engine.workforce import built_in_agents
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
