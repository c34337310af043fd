"""What was used, summed up by day, type or agent, for whoever looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from engine import clock
from engine.errors import FieldError, InvalidInput
from engine.jobs import Registry
from engine.workforce import agent_name, key_of
from models.agent import Agent, agent_id_of
from models.database import connection
from models.usage import Sum, day_of, summed, usage_between

MOST_DAYS = 400


class By(StrEnum):
    """What usage is summed up by."""

    TYPE = "type"
    AGENT = "agent"
    DAY = "day"


@dataclass(frozen=True)
class Usage:
    """What was used by one; `key` is a type's or an agent's key, or a day, and `label` how people call it."""

    key: str
    label: str
    used: Sum


class UsageQueries:
    """Reads the sums of the days."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def used(self, since: date | None = None, until: date | None = None, by: By = By.TYPE) -> list[Usage]:
        """What was used on these days in UTC, both included; today, if none is named.

        Raises:
            InvalidInput: the days are in the wrong order, or too many.
        """
        until = until or clock.now().date()
        since = since or until
        if not 0 <= (until - since).days < MOST_DAYS:
            rule = f"since must be 0 to {MOST_DAYS - 1} days before until, {until}, not {since}"
            raise InvalidInput([FieldError("since", rule)])
        sums = await usage_between(connection(), since.isoformat(), until.isoformat())
        names = await self._names(sums) if by is By.AGENT else {}
        return [self._line(by, each, names) for each in summed(self._under(by, each) for each in sums)]

    async def today_of_agents(self) -> dict[str, Sum]:
        """What each agent has used today, by its key."""
        day = day_of(clock.now())
        sums = await usage_between(connection(), day, day)
        return {each.agent: each for each in summed(self._under(By.AGENT, each) for each in sums)}

    def _under(self, by: By, each: Sum) -> Sum:
        """The same, without what it is not summed up by."""
        numbers = (each.attempts, each.millis, each.bytes, each.tokens, each.micros)
        match by:
            case By.DAY:
                return Sum(each.day, "", "", *numbers)
            case By.TYPE:
                return Sum("", each.type, "", *numbers)
        name = agent_name(self._registry, each.type)
        return Sum("", "", each.agent or (key_of(name) if name else ""), *numbers)

    def _line(self, by: By, each: Sum, names: dict[str, str]) -> Usage:
        match by:
            case By.DAY:
                return Usage(each.day, each.day, each)
            case By.TYPE:
                job_type = self._registry.find(each.type)
                return Usage(each.type, job_type.label if job_type else each.type, each)
        return Usage(each.agent, names.get(each.agent, each.agent or "agents that are gone"), each)

    async def _names(self, sums: Sequence[Sum]) -> dict[str, str]:
        ids = {found for each in sums if (found := agent_id_of(each.agent))}
        outside = {row.engine_id: row.name for row in await Agent.filter(id__in=list(ids))} if ids else {}
        return {key_of(job_type.agent): job_type.agent for job_type in self._registry} | outside
