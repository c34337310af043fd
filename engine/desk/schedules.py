"""Wishes about schedules: administrators make them, operators pause and run them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from engine.actors import Actor
from engine.desk.base import BaseDesk, whole
from engine.schedules.terms import Wish
from engine.schedules.views import Coming, RunView, SchedulePage, ScheduleView
from models.rights import Right

T = TypeVar("T")
_TOLD = ("name", "target", "cron", "time_zone", "at", "missed", "overlap", "paused")


class ScheduleDesk(BaseDesk):
    """Each wish takes its right, and is recorded."""

    async def schedules(self, text: str = "", number: int = 1, size: int = 50) -> SchedulePage:
        """See `ScheduleQueries.page`."""
        await self._allowed(Right.LOOK)
        return await self._services.schedule_queries.page(text, number, size)

    async def schedule(self, schedule_id: int) -> ScheduleView:
        """See `ScheduleQueries.schedule`."""
        await self._allowed(Right.LOOK)
        return await self._services.schedule_queries.schedule(schedule_id)

    async def schedule_runs(self, schedule_id: int, limit: int = 50) -> list[RunView]:
        """See `ScheduleQueries.runs`."""
        await self._allowed(Right.LOOK)
        return await self._services.schedule_queries.runs(schedule_id, limit)

    async def coming(self, cron: str | None, time_zone: str, at: datetime | None = None, count: int = 5) -> Coming:
        """See `ScheduleQueries.coming`."""
        await self._allowed(Right.LOOK)
        return self._services.schedule_queries.coming(cron, time_zone, at, count)

    async def create_schedule(self, wish: Wish) -> ScheduleView:
        """See `Schedules.create`."""
        actor = await self._allowed(Right.ADMINISTER)

        async def create() -> ScheduleView:
            made = await self._services.schedules.create(wish, actor.name, _agent(actor))
            return await self._services.schedule_queries.schedule(made)

        return await self._administer("schedule.create", f"schedule {wish.name}", create, told=_told)

    async def change_schedule(self, schedule_id: int, wish: Wish) -> ScheduleView:
        """See `Schedules.change`."""
        actor = await self._allowed(Right.ADMINISTER)

        async def change() -> None:
            await self._services.schedules.change(schedule_id, wish, actor.name, _agent(actor))

        await self._on_schedule(schedule_id, Right.ADMINISTER, "schedule.change", change)
        return await self._services.schedule_queries.schedule(schedule_id)

    async def remove_schedule(self, schedule_id: int) -> None:
        """See `Schedules.remove`."""
        remove = self._services.schedules.remove
        await self._on_schedule(schedule_id, Right.ADMINISTER, "schedule.remove", lambda: remove(schedule_id))

    async def pause_schedule(self, schedule_id: int, paused: bool) -> ScheduleView:
        """See `Schedules.pause` and `Schedules.resume`."""
        command = self._services.schedules.pause if paused else self._services.schedules.resume
        action = "schedule.pause" if paused else "schedule.resume"
        await self._on_schedule(schedule_id, Right.OPERATE, action, lambda: command(schedule_id))
        return await self._services.schedule_queries.schedule(schedule_id)

    async def run_schedule(self, schedule_id: int) -> tuple[str, int]:
        """See `Schedules.run_now`."""
        actor = await self._allowed(Right.OPERATE)

        async def ran() -> tuple[str, int]:
            view = await self._services.schedule_queries.schedule(schedule_id)
            kind, started = await self._services.schedules.run_now(schedule_id, actor.name, _agent(actor))
            await self._record(actor, "schedule.run_now", f"schedule {view.name}", None, {kind: started})
            return kind, started

        return await whole(ran())

    async def _on_schedule(
        self, schedule_id: int, right: Right, action: str, command: Callable[[], Awaitable[None]]
    ) -> None:
        """The log tells the schedule before and after, in which one that was removed is missing."""
        actor = await self._allowed(right)

        async def done() -> None:
            view = await self._services.schedule_queries.schedule(schedule_id)
            await command()
            removed = action == "schedule.remove"
            after = None if removed else _told(await self._services.schedule_queries.schedule(schedule_id))
            await self._record(actor, action, f"schedule {view.name}", _told(view), after)

        await whole(done())


def _told(view: ScheduleView) -> dict[str, Any]:
    return {name: value for name in _TOLD if (value := getattr(view, name)) is not None}


def _agent(actor: Actor) -> str | None:
    return actor.name if actor.is_agent else None
