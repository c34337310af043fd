"""Which budgets there are, how much of each is used today, and what therefore waits for tomorrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.budgets.measures import Measure
from engine.events import BudgetsChanged, Bus
from engine.in_step import InStep
from engine.jobs import Registry
from engine.workforce import built_in_agents
from models.agent import PREFIX, Agent, agent_id_of
from models.budget import Budget
from models.database import connection
from models.usage import Sum, day_of, running_now, usage_between

WARN_AT = 0.8


class Scope(StrEnum):
    """Whom a budget is for."""

    ALL = "all"
    TYPE = "type"
    AGENT = "agent"


@dataclass(frozen=True)
class BudgetView:
    """A budget and today's use of it, in the measure's stored units.

    `whom` is a word for people: "everything", a type's label or an agent's name. `key` is the type's key, or the
    agent's, empty for everything.
    """

    id: int
    scope: Scope
    key: str
    whom: str
    measure: Measure
    most: int
    used: int

    @property
    def is_spent(self) -> bool:
        """Whether what it is for waits for tomorrow."""
        return self.used >= self.most

    @property
    def is_low(self) -> bool:
        """Whether four fifths are used, or all."""
        return self.used >= self.most * WARN_AT

    @property
    def words(self) -> str:
        """As "today's budget of 100,000 tokens for Researcher is spent (104,210)"."""
        most, used = self.measure.shown(self.most), self.measure.shown(self.used).removesuffix(" tokens")
        state = "spent" if self.is_spent else "nearly used up"
        return f"today's budget of {most} for {self.whom} is {state} ({used})"


@dataclass(frozen=True)
class Allowance:
    """What may be claimed: of the types that are held nothing, each with the budget that says so; of others so much."""

    held: Mapping[str, BudgetView] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None


FREE = Allowance()


class Budgets(InStep):
    """Keeps the budgets as the database says; how much is used is asked of it at each look, if there is any budget."""

    def __init__(self, registry: Registry, bus: Bus) -> None:
        super().__init__(bus, BudgetsChanged, "the budgets")
        self._registry = registry
        self._rows: list[Budget] = []
        self._names: dict[str, str] = {}  # of outside agents

    async def load(self) -> None:
        """Read the budgets anew."""
        rows = await Budget.all().order_by("scope", "key", "measure")
        outside = {key for row in rows if row.scope == Scope.AGENT and (key := agent_id_of(row.key))}
        agents = await Agent.filter(id__in=list(outside)) if outside else []
        self._rows, self._names = rows, {agent.engine_id: agent.name for agent in agents}

    @property
    def is_any(self) -> bool:
        """Whether there is a budget at all."""
        return bool(self._rows)

    async def views(self, reader: BaseDBAsyncClient | None = None, now: datetime | None = None) -> list[BudgetView]:
        """Every budget with today's use."""
        if not self._rows:
            return []
        day = day_of(now or clock.now())
        sums = await usage_between(reader or connection(), day, day)
        types = self._types_of_agents()
        return [self._view(row, sums, types) for row in self._rows]

    async def allowance(self, writer: BaseDBAsyncClient, now: datetime, agent: str = "") -> Allowance:
        """What may be claimed now by the built-in agents, or by an outside one."""
        if not self._rows:
            return FREE
        views = await self.views(writer, now)
        running = await running_now(writer) if any(view.measure is Measure.ATTEMPTS for view in views) else []
        types = self._types_of_agents()
        held: dict[str, BudgetView] = {}
        most: dict[str, int] = {}
        total: int | None = None
        for view in views:
            concerned = self._concerned(view, agent, types)
            if view.is_spent:
                held |= {key: view for key in concerned if key not in held}
            elif view.measure is Measure.ATTEMPTS and concerned:
                left = max(0, view.most - view.used - _under_way(view, running, types))
                most |= {key: min(left, most.get(key, left)) for key in concerned}
                if view.scope is Scope.ALL:
                    total = left
        return Allowance(held, most, total)

    async def holding(self) -> dict[str, BudgetView]:
        """The spent budget of each type that waits for tomorrow because of it, by the type's key."""
        spent = [view for view in await self.views() if view.is_spent]
        types = self._types_of_agents()
        held: dict[str, BudgetView] = {}
        for view in spent:
            for key in self._concerned(view, "", types):
                held.setdefault(key, view)
        return held

    def _concerned(self, view: BudgetView, agent: str, types: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """The types that whoever claims gets no more of when this budget is spent."""
        every = [job_type.key for job_type in self._registry]
        match view.scope:
            case Scope.ALL:
                return every
            case Scope.TYPE:
                return [view.key]
        if agent:
            return every if view.key == agent else []
        return types.get(view.key, [])

    def _types_of_agents(self) -> dict[str, Sequence[str]]:
        return {agent.key: agent.types for agent in built_in_agents(self._registry)}

    def _view(self, row: Budget, sums: Sequence[Sum], types: Mapping[str, Sequence[str]]) -> BudgetView:
        scope, measure = Scope(row.scope), Measure(row.measure)
        used = sum(measure.of(each) for each in sums if is_of(scope, row.key, each.type, each.agent, types))
        return BudgetView(row.id, scope, row.key, self._whom(scope, row.key), measure, row.most, used)

    def _whom(self, scope: Scope, key: str) -> str:
        if scope is Scope.ALL:
            return "everything"
        if scope is Scope.TYPE:
            job_type = self._registry.find(key)
            return job_type.label if job_type else key
        return self._names.get(key) or next((a.name for a in built_in_agents(self._registry) if a.key == key), key)


def is_of(scope: Scope, key: str, job_type: str, agent: str, types: Mapping[str, Sequence[str]]) -> bool:
    """Whether what such an agent did of such a type counts; `agent` is empty for the type's own."""
    match scope:
        case Scope.ALL:
            return True
        case Scope.TYPE:
            return job_type == key
    return agent == key if agent else job_type in types.get(key, ())


def _under_way(view: BudgetView, running: Sequence[tuple[str, str, int]], types: Mapping[str, Sequence[str]]) -> int:
    return sum(
        number
        for job_type, engine, number in running
        if is_of(view.scope, view.key, job_type, engine if engine.startswith(PREFIX) else "", types)
    )
