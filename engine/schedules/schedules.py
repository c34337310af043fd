"""What people do with schedules: make, change, remove, pause, resume, run now."""

from dataclasses import replace
from datetime import UTC
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F

from engine import clock
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import Bus, SchedulesChanged
from engine.schedules.starter import Starters
from engine.schedules.terms import Wish, created_by
from engine.shielded import shielded
from models.database import transaction
from models.schedule import RunOutcome, Schedule, ScheduleRun, note_runs

MOST = 20_000


class Schedules:
    """Each call is one statement, or one transaction; the scheduler hears of it."""

    def __init__(self, starters: Starters, bus: Bus) -> None:
        self._starters = starters
        self._bus = bus

    async def create(self, wish: Wish, author: str, agent: str | None = None) -> int:
        """Start this from now on; returns the schedule's id. `agent` is the program that asks, if one does.

        Raises:
            InvalidInput: with every field at fault; those of what it starts are named `target.…`.
        """
        wish = await self._checked(wish, agent)
        if await Schedule.all().count() >= MOST:
            raise InvalidInput([FieldError("name", f"there are {MOST:,} schedules already: remove one first")])
        now = clock.now()
        try:
            row = await Schedule.create(
                **_columns(wish),
                agent=agent,
                author=author,
                created_by=author,
                created_at=now,
                next_at=wish.next_at(now),
            )
        except IntegrityError:
            raise _taken(wish.name) from None
        self._bus.publish(SchedulesChanged())
        return int(row.id)

    async def change(self, schedule_id: int, wish: Wish, author: str, agent: str | None = None) -> None:
        """Start this instead, from now on; a paused one stays so.

        Raises:
            NotFound: there is no such schedule.
            InvalidInput: as for `create`.
        """
        row = await self._row(schedule_id)
        wish = await self._checked(wish, agent, row)
        next_at = wish.next_at(clock.now(), row.at, row.next_at)
        is_same = wish.target == row.target  # whoever changes the time alone is not behind what it does
        by = {"author": row.author, "agent": row.agent} if is_same else {"author": author, "agent": agent}
        next_at = next_at.astimezone(UTC) if next_at else None
        changes = {**_columns(wish), **by, "next_at": next_at, "fault": None}
        try:
            await Schedule.filter(id=schedule_id).update(version=F("version") + 1, **changes)
        except IntegrityError:
            raise _taken(wish.name) from None
        self._bus.publish(SchedulesChanged())

    @shielded
    async def remove(self, schedule_id: int) -> None:
        """Start nothing more; what it started goes on, and stays.

        Raises:
            NotFound: there is no such schedule.
        """
        async with transaction():
            if not await Schedule.filter(id=schedule_id).delete():
                raise NotFound("schedule", schedule_id)
            await ScheduleRun.filter(schedule_id=schedule_id, job_id=None, run_id=None).delete()
        self._bus.publish(SchedulesChanged())

    async def pause(self, schedule_id: int) -> None:
        """Start nothing until it is resumed.

        Raises:
            NotFound: there is no such schedule.
        """
        if not await Schedule.filter(id=schedule_id).update(paused=True):
            raise NotFound("schedule", schedule_id)
        self._bus.publish(SchedulesChanged())

    async def resume(self, schedule_id: int) -> None:
        """Start again at the next time; what passed while it was paused is not made up for, but a moment that was to
        come once is.

        Raises:
            NotFound: there is no such schedule.
            InvalidInput: its time zone is not known here.
        """
        row = await self._row(schedule_id)
        wish = Wish(row.name, row.target, row.cron, row.time_zone, row.at)
        changes: dict[str, Any] = {
            "paused": False,
            "fault": None,
            "next_at": wish.next_at(clock.now(), row.at, row.next_at),
        }
        await Schedule.filter(id=schedule_id, paused=True).update(version=F("version") + 1, **changes)
        self._bus.publish(SchedulesChanged())

    async def run_now(self, schedule_id: int, author: str, agent: str | None = None) -> tuple[str, int]:
        """Start it once more, at once, whatever goes on; returns the kind and the id of what was started.

        Raises:
            NotFound: there is no such schedule.
            JobRunnerError: it cannot be started, and why.
        """
        row = await self._row(schedule_id)
        return await self._run(row, author, row.agent or agent)

    @shielded
    async def _run(self, row: Schedule, author: str, agent: str | None) -> tuple[str, int]:
        kind, starter = self._starters.of(row.target)
        by = created_by(row.name)
        store = await self._starters.prepare(row.target, created_by=by, agent=agent, author=row.author)
        told: dict[str, Any] = {"schedule_id": row.id, "author": author, "outcome": RunOutcome.STARTED}
        async with transaction() as writer:
            started = await store(writer) or 0
            run = ScheduleRun(**told, started_at=clock.now(), **{starter.column: started})
            await note_runs(writer, [run])
        starter.announce(started)
        self._bus.publish(SchedulesChanged())
        return kind, started

    async def _checked(self, wish: Wish, agent: str | None, before: Schedule | None = None) -> Wish:
        """The wish as it is kept."""
        wish = replace(wish, name=" ".join(wish.name.split()), cron=wish.cron and " ".join(wish.cron.split()))
        faults, target = wish.faults(before.at if before else None), dict[str, Any]()
        try:
            target = await self._starters.checked(wish.target, created_by=created_by(wish.name), agent=agent)
        except InvalidInput as error:
            faults += [each for each in error.errors if not each.field.endswith(".created_by")]
        if faults:
            raise InvalidInput(faults)
        at = wish.at.astimezone(UTC) if wish.at else None  # as it is compared, and an update does not see to that
        return replace(wish, target=target, at=at)

    async def _row(self, schedule_id: int) -> Schedule:
        if row := await Schedule.get_or_none(id=schedule_id):
            return row
        raise NotFound("schedule", schedule_id)


def _columns(wish: Wish) -> dict[str, Any]:
    return {name: getattr(wish, name) for name in ("name", "target", "cron", "time_zone", "at", "missed", "overlap")}


def _taken(name: str) -> InvalidInput:
    return InvalidInput([FieldError("name", f"name must be new, and there is a schedule {name!r} already")])
