"""Wishes about budgets and rate limits, and what was used."""

from datetime import date
from typing import Any

from engine.budgets.book import BudgetView
from engine.budgets.limiting import RateLimitView
from engine.budgets.reading import By, Usage
from engine.desk.base import BaseDesk
from engine.errors import NotFound
from models.rights import Right


class BudgetDesk(BaseDesk):
    """Whoever may look sees them; administrators set them."""

    async def usage(self, since: date | None = None, until: date | None = None, by: By = By.TYPE) -> list[Usage]:
        """See `UsageQueries.used`."""
        await self._allowed(Right.LOOK)
        return await self._services.queries.usage.used(since, until, by)

    async def budgets(self) -> list[BudgetView]:
        """Every budget, with today's use."""
        await self._allowed(Right.LOOK)
        return await self._services.queries.budgets.views()

    async def put_budget(self, scope: str, key: str, measure: str, limit: float) -> BudgetView:
        """See `BudgetKeeping.put`."""
        actor = await self._allowed(Right.ADMINISTER)
        put = self._services.budgets.put
        return await self._administer(
            "budget.set",
            f"budget for {key or scope}",
            lambda: put(scope, key, measure, limit, actor.name),
            told=_budget,
        )

    async def remove_budget(self, budget_id: int) -> None:
        """See `BudgetKeeping.remove`."""

        async def budget() -> dict[str, Any] | None:
            try:
                return _budget(await self._services.budgets.view(budget_id))
            except NotFound:
                return None

        remove = self._services.budgets.remove
        await self._administer("budget.remove", f"budget {budget_id}", lambda: remove(budget_id), budget)

    async def rate_limits(self) -> list[RateLimitView]:
        """Every rate limit."""
        await self._allowed(Right.LOOK)
        return await self._services.limiting.all()

    async def put_rate_limit(self, key: str, count: int, per_seconds: int, burst: int | None = None) -> RateLimitView:
        """See `RateLimiting.put`."""
        actor = await self._allowed(Right.ADMINISTER)
        put = self._services.limiting.put
        return await self._administer(
            "rate_limit.set",
            f"rate limit {key}",
            lambda: put(key, count, per_seconds, actor.name, burst),
            told=lambda view: {"count": view.count, "per_seconds": view.per_seconds, "burst": view.burst},
        )

    async def remove_rate_limit(self, key: str) -> None:
        """See `RateLimiting.remove`."""
        remove = self._services.limiting.remove
        await self._administer("rate_limit.remove", f"rate limit {key}", lambda: remove(key))


def _budget(view: BudgetView) -> dict[str, Any]:
    told = {"scope": view.scope, "key": view.key, "measure": view.measure}
    return {**told, "limit": view.measure.number(view.most)}
