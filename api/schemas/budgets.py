"""Budgets, rate limits and what was used over the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from engine.budgets.book import BudgetView, Scope
from engine.budgets.limiting import RateLimitView
from engine.budgets.measures import Measure
from engine.budgets.reading import Usage as UsageView


class Budget(BaseModel):
    """What may be used a day, in UTC, and what was used today; seconds, bytes, tokens, jobs, or money."""

    id: int
    scope: Scope
    key: str = Field(description="the type's or agent's key; empty for everything")
    measure: Measure
    limit: float
    used: float
    spent: bool = Field(description="whether what it is for waits for tomorrow")

    @classmethod
    def of(cls, view: BudgetView) -> "Budget":
        """From the view."""
        number = view.measure.number
        return cls(
            id=view.id,
            scope=view.scope,
            key=view.key,
            measure=view.measure,
            limit=number(view.most),
            used=number(view.used),
            spent=view.is_spent,
        )


class BudgetList(BaseModel):
    """Every budget."""

    items: list[Budget]


class BudgetRequest(BaseModel):
    """A limit a day, in place of the one of the same scope, key and measure."""

    model_config = ConfigDict(extra="forbid")

    scope: str = Field(description="all, type or agent", examples=["agent"])
    key: str = Field("", max_length=64, description="the type's or agent's key", examples=["assistant"])
    measure: str = Field(description="attempts, seconds, bytes, tokens or money", examples=["tokens"])
    limit: float = Field(description="a day", examples=[100_000])


class RateLimit(BaseModel):
    """At most `count` in any `per_seconds`, of which `burst` may go at once."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="mail, mail:DOMAIN, channel:NAME or host:NAME; * for each of them")
    count: int
    per_seconds: int
    burst: int
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, view: RateLimitView) -> "RateLimit":
        """From the view."""
        return cls.model_validate(view)


class RateLimitList(BaseModel):
    """Every rate limit, by key."""

    items: list[RateLimit]


class RateLimitRequest(BaseModel):
    """How much may go out in a time."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(examples=[60])
    per_seconds: int = Field(3600, description="60 to 604,800")
    burst: int | None = Field(None, description="of these, so many at once; a tenth if left out")


class Usage(BaseModel):
    """What the attempts that ended used; money is in the currency of the prices that are set."""

    key: str = Field(description="the type's or agent's key, or the day")
    label: str
    attempts: int
    seconds: float
    bytes: int
    tokens: int
    money: float

    @classmethod
    def of(cls, view: UsageView) -> "Usage":
        """From the view."""
        numbers = {str(measure): measure.number(measure.of(view.used)) for measure in Measure}
        return cls.model_validate({"key": view.key, "label": view.label, **numbers})


class UsageList(BaseModel):
    """By key."""

    items: list[Usage]
