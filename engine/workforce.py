"""The agents that come with Job Runner: who does the jobs of which types."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.jobs import AnyJobType, Registry
from models.agent import PREFIX


@dataclass(frozen=True)
class BuiltIn:
    """An agent that Atlas lends its hands to; `types` are the keys of the job types that it takes."""

    key: str
    name: str
    types: tuple[str, ...]


def built_in_agents(registry: Registry) -> list[BuiltIn]:
    """Every built-in agent, in the order of the types."""
    types: dict[str, list[str]] = {}
    for job_type in _inside(registry):
        types.setdefault(job_type.agent, []).append(job_type.key)
    return [BuiltIn(key_of(name), name, tuple(keys)) for name, keys in types.items()]


def agent_name(registry: Registry, type_key: str) -> str | None:
    """The built-in agent that takes jobs of this type; None if outside agents do, or the type is gone."""
    job_type = registry.find(type_key)
    return job_type.agent if job_type and not job_type.is_outside else None


def key_of(name: str) -> str:
    """What addresses call a built-in agent; an outside agent is called `agent-<id>` there."""
    key = "-".join(name.lower().split())
    return f"built-in-{key}" if key.startswith(PREFIX) else key


def _inside(registry: Registry) -> Iterable[AnyJobType]:
    return (job_type for job_type in registry if not job_type.is_outside)
