"""What every wish needs: who asks, whether they may, and a record of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol, TypeVar

from engine.access import Access
from engine.actors import Actor
from engine.administration import Administration
from engine.agents import Agents
from engine.approvals.corrections import Corrections
from engine.approvals.links import Links
from engine.approvals.reviews import Reviews
from engine.approvals.revisions import Revisions
from engine.approvals.rules import Rules
from engine.audit import Audit
from engine.budgets.keeping import BudgetKeeping
from engine.budgets.limiting import RateLimiting
from engine.commands import Commands
from engine.defined_types import DefinedTypes
from engine.operations.begin import Operations
from engine.pace import Pace
from engine.queries import Queries
from engine.reports import Reports
from engine.saved_views import SavedViews
from engine.schedules.reading import ScheduleQueries
from engine.schedules.schedules import Schedules
from engine.settings import Settings
from engine.stored_secrets import StoredSecrets
from engine.tokens import Tokens
from engine.webhooks import Webhooks
from engine.workflows.catalog import Workflows
from engine.workflows.runs import Runs
from models.rights import Right

T = TypeVar("T")
Who = Callable[[], Awaitable[Actor]]


class Services(Protocol):
    """What the engine is made of, as far as a desk needs it."""

    settings: Settings
    commands: Commands
    reviews: Reviews
    revisions: Revisions
    corrections: Corrections
    links: Links
    rules: Rules
    queries: Queries
    administration: Administration
    defined_types: DefinedTypes
    agents: Agents
    reports: Reports
    webhooks: Webhooks
    secrets: StoredSecrets
    access: Access
    tokens: Tokens
    audit: Audit
    operations: Operations
    saved_views: SavedViews
    workflows: Workflows
    runs: Runs
    schedules: Schedules
    schedule_queries: ScheduleQueries
    budgets: BudgetKeeping
    limiting: RateLimiting


class BaseDesk:
    """Somebody's desk. `submissions` limits how many jobs a token submits a minute."""

    def __init__(self, services: Services, submissions: Pace, who: Who) -> None:
        self._services = services
        self._submissions = submissions
        self._who = who

    async def actor(self) -> Actor:
        """Who asks, looked up just now."""
        return await self._who()

    async def _allowed(self, right: Right) -> Actor:
        actor = await self._who()
        actor.require(right)
        return actor

    async def _administer(
        self,
        action: str,
        target: str,
        command: Callable[[], Awaitable[T]],
        state: Callable[[], Awaitable[dict[str, Any] | None]] | None = None,
        told: Callable[[T], dict[str, Any]] | None = None,
    ) -> T:
        """`state` is what holds before and after; `told` makes what holds after of what the command returned."""
        actor = await self._allowed(Right.ADMINISTER)

        async def administered() -> T:
            before = await state() if state else None
            result = await command()
            after = told(result) if told else await state() if state else None
            await self._record(actor, action, target, before, after)
            return result

        return await whole(administered())

    async def _record(
        self,
        actor: Actor,
        action: str,
        target: str,
        before: Any = None,
        after: Any = None,
        at: datetime | None = None,
    ) -> None:
        await self._services.audit.record(actor, action, target, before, after, at)


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """All of it, whoever hangs up meanwhile."""
    return await asyncio.shield(asyncio.ensure_future(work))
