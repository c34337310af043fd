"""What the home screen tells first: how many jobs need a person, and which have waited longest."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from engine import clock
from engine.causes import CauseView, causes
from engine.finding import Criteria, Finder
from engine.views import EngineState, EngineView, JobView
from models.approval import count_inbox
from models.finding import find_ids
from models.job import Job
from models.states import ProcessRole, Status
from models.wanted import Sort, Wanted

OLDEST = 5

Views = Callable[[Sequence[Job]], Awaitable[list[JobView]]]

FAILED_LATELY = Criteria(statuses=(Status.FAILED,), ended="day")
"""Failures of the last 24 hours that nobody has retried or dismissed."""


@dataclass(frozen=True)
class Needs:
    """How many jobs need a person, and what for; a job that failed lately may be told under another name too."""

    approvals: int
    unknown: int
    set_aside: int
    failed_lately: int

    @classmethod
    def of(cls, inbox: tuple[int, int, int], failed_lately: int) -> "Needs":
        """From what `count_inbox` tells."""
        unknown, set_aside, approvals = inbox
        return cls(approvals, unknown, set_aside, failed_lately)

    @property
    def nothing(self) -> bool:
        """Whether nobody has to do anything."""
        return self == Needs(0, 0, 0, 0)


@dataclass(frozen=True)
class Board:
    """Everything that the home screen tells, but for the throughput; `statuses` counts the jobs by status."""

    needs: Needs
    statuses: Counter[str]
    causes: Sequence[CauseView]
    oldest: Sequence[JobView]
    engine: EngineState
    engines: Sequence[EngineView]

    @property
    def online_since(self) -> datetime | None:
        """When the first of the engines that are online was started."""
        starts = [view.started_at for view in self.engines if view.online and view.role is ProcessRole.ENGINE]
        return min(starts, default=None)


class Overview:
    """Reads; `views` makes of rows what pages show."""

    def __init__(self, finder: Finder, views: Views) -> None:
        self._finder = finder
        self._views = views

    async def needs(self) -> Needs:
        """What needs a person, counted as the lists behind it count."""
        return Needs.of(await count_inbox(), await self.failed_lately())

    async def failed_lately(self) -> int:
        """How many jobs failed in the last 24 hours."""
        return await self._finder.count(FAILED_LATELY)

    async def causes(self) -> list[CauseView]:
        """See `causes`."""
        return await causes()

    async def oldest(self) -> list[JobView]:
        """The queued jobs that have waited longest; one whose time has not come does not wait yet."""
        first = await find_ids(Wanted(statuses=(Status.QUEUED,)), Sort.OLDEST, limit=1)
        if not first:
            return []
        # What stands before the first queued job may be a long history, which PostgreSQL would look through.
        waiting = Job.filter(Q(due_at=None) | Q(due_at__lte=clock.now()), status=Status.QUEUED, id__gte=first[0])
        return await self._views(await waiting.order_by("id").limit(OLDEST))
