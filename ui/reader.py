"""Reads shared by all pages that are brought up to date together: each question is asked once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from engine.budgets.book import BudgetView
from engine.causes import CauseView
from engine.finding import Criteria
from engine.overview import Needs
from engine.queries import PAGE_SIZE, Queries
from engine.system.health import Report, System
from engine.views import AgentView, ChannelView, EngineState, EngineView, JobView, Page
from engine.watcher import AgentAtWork
from models.approval import count_inbox
from models.states import Status
from models.usage import Sum
from models.wanted import Sort

T = TypeVar("T")


class Reader:
    """Reads shared by all pages of one flush: each question is asked once."""

    def __init__(self, queries: Queries) -> None:
        self.queries = queries
        self._answers: dict[object, asyncio.Future[object]] = {}

    async def active_page(self, category: str | None, number: int) -> Page:
        """One page of the active jobs."""
        return await self._once(("active", category, number), lambda: self.queries.active_page(category, number))

    async def completed_page(self, category: str | None, number: int) -> Page:
        """One page of the completed jobs."""
        return await self._once(("done", category, number), lambda: self.queries.completed_page(category, number))

    async def found(self, criteria: Criteria, sort: Sort, number: int) -> Page:
        """One page of what matches."""
        key = ("found", criteria, sort, number)
        return await self._once(key, lambda: self.queries.finder.page(criteria, sort, number, PAGE_SIZE))

    async def count(self, criteria: Criteria) -> int:
        """How many match."""
        return await self._once(("count", criteria), lambda: self.queries.finder.count(criteria))

    async def found_by_status(self, criteria: Criteria) -> Counter[Status]:
        """How many of what matches stand where."""
        return await self._once(("by status", criteria), lambda: self._by_status(criteria))

    async def counts(self) -> Counter[str]:
        """Jobs by category."""
        return await self._once("counts", self.queries.counts_by_category)

    async def statuses(self) -> Counter[str]:
        """Jobs by status."""
        return await self._once("statuses", self.queries.counts_by_status)

    async def approvals_waiting(self) -> int:
        """How many jobs need a person: to approve them, to say whether they went out, or to try them again."""
        return sum(await self._inbox())

    async def needs(self) -> Needs:
        """How many jobs need a person, and what for."""
        return Needs.of(await self._inbox(), await self._once("failed lately", self.queries.overview.failed_lately))

    async def causes(self) -> list[CauseView]:
        """Why jobs failed."""
        return await self._once("causes", self.queries.overview.causes)

    async def oldest(self) -> list[JobView]:
        """The queued jobs that have waited longest."""
        return await self._once("oldest", self.queries.overview.oldest)

    async def engine(self) -> EngineState:
        """Whether anything executes jobs."""
        return await self._once("engine", self.queries.engine)

    async def channels(self) -> list[ChannelView]:
        """Where posts go."""
        return await self._once("channels", self.queries.channels)

    async def awaiting_approval(self) -> int:
        """How many jobs need approval."""
        return await self._once("awaiting approval", self.queries.count_awaiting_approval)

    async def inbox_page(self, number: int) -> Page:
        """One page of what needs a person."""
        return await self._once(("inbox", number), lambda: self.queries.inbox.page(number))

    async def failed(self) -> list[JobView]:
        """The latest failures."""
        return await self._once("failed", self.queries.failed)

    async def running(self) -> list[JobView]:
        """What runs now."""
        return await self._once("running", self.queries.running)

    async def engines(self) -> list[EngineView]:
        """Every engine that lately beat."""
        return await self._once("engines", self.queries.engines)

    async def agents(self) -> list[AgentView]:
        """Every outside agent."""
        return await self._once("agents", self.queries.agents)

    async def budgets(self) -> list[BudgetView]:
        """Every budget, with today's use."""
        return await self._once("budgets", self.queries.budgets.views)

    async def used_today(self) -> dict[str, Sum]:
        """What each agent has used today, by its key."""
        return await self._once("used today", self.queries.usage.today_of_agents)

    async def system(self, system: System) -> Report:
        """How the installation is."""
        return await self._once("system", system.report)

    async def workforce(self) -> list[AgentAtWork]:
        """Every agent at work."""
        return await self._once("workforce", self.queries.watcher.agents)

    async def _inbox(self) -> tuple[int, int, int]:
        return await self._once("inbox", count_inbox)

    async def _by_status(self, criteria: Criteria) -> Counter[Status]:
        asked = criteria.statuses or tuple(Status)
        return Counter({one: await self.queries.finder.count(replace(criteria, statuses=(one,))) for one in asked})

    async def _once(self, key: object, read: Callable[[], Awaitable[T]]) -> T:
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(read())
        return await self._answers[key]  # type: ignore[return-value]
