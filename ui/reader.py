"""Reads shared by all pages that are brought up to date together: each question is asked once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.queries import Queries
from engine.views import AgentView, EngineView, JobView, Page

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

    async def counts(self) -> Counter[str]:
        """Jobs by category."""
        return await self._once("counts", self.queries.counts_by_category)

    async def statuses(self) -> Counter[str]:
        """Jobs by status."""
        return await self._once("statuses", self.queries.counts_by_status)

    async def approvals_waiting(self) -> int:
        """How many jobs need a person: to approve them, to say whether they went out, or to try them again."""
        return await self._once("approvals waiting", self.queries.inbox.count)

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

    async def _once(self, key: object, read: Callable[[], Awaitable[T]]) -> T:
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(read())
        return await self._answers[key]  # type: ignore[return-value]
