"""Budgets, rate limits, and what was used."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.rest import Asked, JobId
from api.schemas import budgets as schemas
from engine.budgets.reading import By
from engine.engine import Atlas

LimitKey = Annotated[str, Path(max_length=255, examples=["mail:example.org"])]


def budget_routes(_: Atlas) -> APIRouter:
    """Look at them with the right to look; change them as an administrator."""
    router = APIRouter(prefix="/api/v1", tags=["budgets"])

    @router.get("/usage")
    async def get_usage(
        desk: Asked,
        since: Annotated[date | None, Query(description="first day, in UTC; today if left out")] = None,
        until: Annotated[date | None, Query(description="last day; today if left out")] = None,
        by: By = By.TYPE,
    ) -> schemas.UsageList:
        """What the attempts that ended on these days used, by type, agent or day."""
        return schemas.UsageList(items=[schemas.Usage.of(view) for view in await desk.usage(since, until, by)])

    @router.get("/budgets")
    async def list_budgets(desk: Asked) -> schemas.BudgetList:
        """Every budget, with today's use."""
        return schemas.BudgetList(items=[schemas.Budget.of(view) for view in await desk.budgets()])

    @router.put("/budgets")
    async def put_budget(body: schemas.BudgetRequest, desk: Asked) -> schemas.Budget:
        """Set what may be used a day; once it is used, new jobs wait for tomorrow, and none is stopped."""
        return schemas.Budget.of(await desk.put_budget(body.scope, body.key, body.measure, body.limit))

    @router.delete("/budgets/{budget_id}", status_code=204)
    async def remove_budget(budget_id: JobId, desk: Asked) -> None:
        """Remove a budget; what waited because of it goes on."""
        await desk.remove_budget(budget_id)

    @router.get("/rate-limits")
    async def list_rate_limits(desk: Asked) -> schemas.RateLimitList:
        """Every rate limit."""
        return schemas.RateLimitList(items=[schemas.RateLimit.of(view) for view in await desk.rate_limits()])

    @router.put("/rate-limits/{key}")
    async def put_rate_limit(key: LimitKey, body: schemas.RateLimitRequest, desk: Asked) -> schemas.RateLimit:
        """Limit what goes out by a way; jobs over the limit are spread, not refused."""
        return schemas.RateLimit.of(await desk.put_rate_limit(key, body.count, body.per_seconds, body.burst))

    @router.delete("/rate-limits/{key}", status_code=204)
    async def remove_rate_limit(key: LimitKey, desk: Asked) -> None:
        """Remove a rate limit; what waited for its turn because of it goes."""
        await desk.remove_rate_limit(key)

    return router
