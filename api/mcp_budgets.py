"""The tools by which agents see what was used, and what is left of today's budgets."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import budgets as schemas
from engine.budgets.reading import By
from engine.desk import Desk


class GetUsage(BaseModel):
    """What jobs used: attempts, seconds, bytes, tokens and money, summed up by type, agent or day."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = Field(None, description="first day, in UTC; today if left out")
    until: date | None = Field(None, description="last day; today if left out")
    by: By = By.TYPE


class ListBudgets(BaseModel):
    """What may be used a day, and what was used today; jobs over a spent budget wait for tomorrow (UTC)."""

    model_config = ConfigDict(extra="forbid")


async def get_usage(desk: Desk, asked: GetUsage, _: object) -> dict[str, Any]:
    """See `GetUsage`."""
    used = await desk.usage(asked.since, asked.until, asked.by)
    return {"usage": [schemas.Usage.of(view).model_dump(mode="json") for view in used]}


async def list_budgets(desk: Desk, _: ListBudgets, __: object) -> dict[str, Any]:
    """See `ListBudgets`."""
    budgets = [schemas.Budget.of(view).model_dump(mode="json") for view in await desk.budgets()]
    limits = [schemas.RateLimit.of(view).model_dump(mode="json") for view in await desk.rate_limits()]
    return {"budgets": budgets, "rate_limits": limits}


_Do = Callable[[Desk, Any, object], Awaitable[dict[str, Any]]]
BUDGET_TOOLS: tuple[tuple[type[BaseModel], _Do], ...] = ((GetUsage, get_usage), (ListBudgets, list_budgets))
"""What each is called with, and does; all of them only look."""
