"""What anyone may look at of schedules. Nothing here writes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from engine import clock
from engine.errors import InvalidInput, NotFound
from engine.schedules.cron import Cron
from engine.schedules.starter import Starters
from engine.schedules.terms import Wish
from engine.schedules.views import Coming, MadeBy, RunView, SchedulePage, ScheduleView
from engine.schedules.words import in_words
from models.database import connection, storable
from models.schedule import Schedule, ScheduleRun, latest_runs

PAGE_SIZE = 50
NEXT_TIMES = 5
MOST_TIMES = 100
_COPIED = ("id", "name", "target", "cron", "time_zone", "at", "missed", "overlap", "paused", "next_at", "fault")


class ScheduleQueries:
    """Reads for pages and API."""

    def __init__(self, starters: Starters) -> None:
        self._starters = starters

    async def page(self, text: str = "", number: int = 1, size: int = PAGE_SIZE) -> SchedulePage:
        """Some of the schedules, by name; `text` is a part of the name."""
        where = Schedule.filter(Q(name__icontains=storable(text)) if text else Q())
        total = await where.count()
        pages = max(1, -(-total // size))
        number = max(1, min(number, pages))
        rows = await where.order_by("name").offset((number - 1) * size).limit(size)
        return SchedulePage(tuple(await self._views(rows)), total, number, pages)

    async def schedule(self, schedule_id: int) -> ScheduleView:
        """One schedule.

        Raises:
            NotFound: there is none with this id.
        """
        rows = await Schedule.filter(id=schedule_id)
        if not rows:
            raise NotFound("schedule", schedule_id)
        return (await self._views(rows))[0]

    async def runs(self, schedule_id: int, limit: int = 50) -> list[RunView]:
        """What came of its latest times, the newest first.

        Raises:
            NotFound: there is no such schedule.
        """
        if not await Schedule.exists(id=schedule_id):
            raise NotFound("schedule", schedule_id)
        return await self._run_views(await ScheduleRun.filter(schedule_id=schedule_id).order_by("-id").limit(limit))

    async def next_times(self, schedule_id: int, count: int = NEXT_TIMES) -> list[datetime]:
        """When it comes next, at most a hundred times; nothing for one that is paused or done.

        Raises:
            NotFound: there is no such schedule.
        """
        view = await self.schedule(schedule_id)
        if view.paused or view.next_at is None:
            return []
        if view.cron is None:
            return [view.next_at]
        return Cron(view.cron, view.time_zone).next(clock.now(), min(count, MOST_TIMES))

    def coming(self, cron: str | None, time_zone: str, at: datetime | None = None, count: int = NEXT_TIMES) -> Coming:
        """When an expression will come, for whoever is about to make a schedule of it.

        Raises:
            InvalidInput: the expression or the zone breaks a rule.
        """
        wish = Wish("Preview", {}, cron, time_zone, at)
        if faults := wish.faults():
            raise InvalidInput(faults)
        words = in_words(cron, time_zone, at)
        if cron is None:
            return Coming(words, (at,) if at else ())
        return Coming(words, tuple(Cron(cron, time_zone).next(clock.now(), min(count, MOST_TIMES))))

    async def made(self, job_id: int, run_id: int | None = None) -> MadeBy | None:
        """Which schedule started a job, or the run that it is a step of; None for one that was submitted otherwise."""
        run = await ScheduleRun.filter(Q(run_id=run_id) if run_id else Q(job_id=job_id)).first()
        if run is None:
            return None
        schedule = await Schedule.get_or_none(id=run.schedule_id)
        return MadeBy(run.schedule_id, schedule.name if schedule else None, run.due_at)

    async def _views(self, rows: Sequence[Schedule]) -> list[ScheduleView]:
        runs = await self._run_views(await latest_runs(connection(), [row.id for row in rows]))
        latest = {run.schedule_id: run for run in runs}
        return [self._view(row, latest.get(row.id)) for row in rows]

    def _view(self, row: Schedule, last_run: RunView | None) -> ScheduleView:
        more = {name: getattr(row, name) for name in (*_COPIED, "author", "created_by", "created_at")}
        words = in_words(row.cron, row.time_zone, row.at)
        return ScheduleView(starts=self._starts(row.target), words=words, last_run=last_run, **more)

    def _starts(self, target: Mapping[str, Any]) -> str:
        try:
            kind, starter = self._starters.of(target)
        except InvalidInput:
            return "something that is not known here"
        return starter.title(target[kind])

    async def _run_views(self, runs: Sequence[ScheduleRun]) -> list[RunView]:
        told: dict[tuple[str, int], dict[str, Any]] = {}
        for _, starter in self._starters.all():
            ids = [started for run in runs if (started := getattr(run, starter.column))]
            for each, stands in (await starter.told(ids)).items():
                told[starter.column, each] = {
                    "status": stands.status,
                    "job_outcome": stands.outcome,
                    "name": stands.name,
                }
        names = ("id", "schedule_id", "due_at", "started_at", "outcome", "reason", "job_id", "run_id")

        def view(run: ScheduleRun) -> RunView:
            started = ("run_id", run.run_id) if run.run_id else ("job_id", run.job_id or 0)
            return RunView(**{name: getattr(run, name) for name in names}, **told.get(started, {}))

        return [view(run) for run in runs]
