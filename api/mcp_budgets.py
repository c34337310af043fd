"""The tools by which agents see what was used, and what is left of today's budgets."""

from datetime import date
from typing import Any

from pydantic import Field

from api.mcp_tool import Arguments, Tool, made_tool
from api.schemas import budgets as schemas
from engine.budgets.reading import By
from engine.desk import Desk
from engine.engine import Atlas
from models.rights import Right


class GetUsage(Arguments):
    """What jobs used: attempts, seconds, bytes, tokens and money, summed up by type, agent or day."""

    since: date | None = Field(None, description="first day, in UTC; today if left out")
    until: date | None = Field(None, description="last day; today if left out")
    by: By = By.TYPE


class ListBudgets(Arguments):
    """What may be used a day, and what was used today; jobs over a spent budget wait for tomorrow (UTC)."""


def budget_tools(atlas: Atlas) -> list[Tool]:
    """All of them; they only look."""
    return [
        made_tool(atlas, GetUsage, Right.LOOK, get_usage),
        made_tool(atlas, ListBudgets, Right.LOOK, list_budgets),
    ]


async def get_usage(desk: Desk, asked: GetUsage, _: object) -> dict[str, Any]:
    """See `GetUsage`."""
    used = await desk.usage(asked.since, asked.until, asked.by)
    return {"usage": [schemas.Usage.of(view).model_dump(mode="json") for view in used]}


async def list_budgets(desk: Desk, _: ListBudgets, __: object) -> dict[str, Any]:
    """See `ListBudgets`."""
    budgets = [schemas.Budget.of(view).model_dump(mode="json") for view in await desk.budgets()]
    limits = [schemas.RateLimit.of(view).model_dump(mode="json") for view in await desk.rate_limits()]
    return {"budgets": budgets, "rate_limits": limits}
