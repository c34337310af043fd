"""Budgets are set, raised and removed."""

from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.budgets.book import Budgets, BudgetView, Scope
from engine.budgets.measures import Measure
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import BudgetsChanged, Bus
from engine.faults import shown
from engine.jobs import Registry
from engine.workforce import built_in_agents
from models.agent import PREFIX, Agent
from models.budget import Budget
from models.usage import MAX_USED

MOST_BUDGETS = 200


class BudgetKeeping:
    """Whatever it changes holds in every process from its next look on."""

    def __init__(self, registry: Registry, budgets: Budgets, bus: Bus) -> None:
        self._registry = registry
        self._budgets = budgets
        self._bus = bus

    async def put(self, scope: str, key: str, measure: str, limit: float, created_by: str) -> BudgetView:
        """Set what may be used a day, in place of the budget of the same measure for the same.

        Raises:
            InvalidInput: a field breaks a rule.
        """
        faults = [*await self._whom_faults(scope, key), *_limit_faults(measure, limit)]
        which: dict[str, Any] = {"scope": scope, "key": key, "measure": measure}
        if not faults and not await Budget.exists(**which) and await Budget.all().count() >= MOST_BUDGETS:
            faults = [FieldError("scope", f"there may be {MOST_BUDGETS} budgets at most: remove one first")]
        if faults:
            raise InvalidInput(faults)
        holds: dict[str, Any] = {"most": Measure(measure).stored(limit), "warned_on": None, "spent_on": None}
        if not await Budget.filter(**which).update(**holds):
            try:
                await Budget.create(**which, **holds, created_by=created_by, created_at=clock.now())
            except IntegrityError:  # set at the same moment
                await Budget.filter(**which).update(**holds)
        await self._changed()
        row = await Budget.get_or_none(**which)
        return await self.view(row.id if row else 0)

    async def view(self, budget_id: int) -> BudgetView:
        """One budget.

        Raises:
            NotFound: there is none with this id.
        """
        for view in await self._budgets.views():
            if view.id == budget_id:
                return view
        raise NotFound("budget", budget_id)

    async def remove(self, budget_id: int) -> None:
        """What waited because of it goes on.

        Raises:
            NotFound: there is none with this id.
        """
        if not await Budget.filter(id=budget_id).delete():
            raise NotFound("budget", budget_id)
        await self._changed()

    async def _changed(self) -> None:
        await self._budgets.load()
        self._bus.publish(BudgetsChanged())

    async def _whom_faults(self, scope: str, key: str) -> list[FieldError]:
        match scope:
            case Scope.ALL:
                return [FieldError("key", f"key must be empty for everything, not {shown(key)}")] if key else []
            case Scope.TYPE:
                known = [job_type.key for job_type in self._registry]
            case Scope.AGENT:
                known = [agent.key for agent in built_in_agents(self._registry)]
                known += [f"{PREFIX}{agent.id}" for agent in await Agent.all().order_by("id")]
            case _:
                return [FieldError("scope", f"scope must be {_any_of(list(Scope))}, not {shown(scope)}")]
        return [] if key in known else [FieldError("key", f"key must be {_any_of(known)}, not {shown(key)}")]


def _limit_faults(measure: str, limit: float) -> list[FieldError]:
    if measure not in list(Measure):
        return [FieldError("measure", f"measure must be {_any_of(list(Measure))}, not {shown(measure)}")]
    if not 0 < limit <= MAX_USED / Measure(measure).scale:
        return [FieldError("limit", f"limit must be more than 0, not {limit:g}")]
    return []


def _any_of(words: list[str]) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} or {last}" if first else last
