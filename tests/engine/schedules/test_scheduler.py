"""What is due starts, each time once; what was missed, what overlaps and what cannot start is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import Actor, Kind
from engine.approvals.rules import NewRule
from engine.engine import Atlas
from engine.errors import OwnWork
from engine.events import Event, SchedulesChanged
from engine.jobs.base import Context
from engine.schedules import scheduler
from engine.schedules.cron import Cron
from engine.schedules.terms import Wish
from engine.settings import Settings
from models.approval import RuleKind
from models.audit import AuditEntry
from models.job import Job
from models.rights import Right
from models.schedule import Schedule, ScheduleRun, authors_of
from models.states import Approval, Status
from tests.support.engine import changed, opened, running, scripted, until, until_status

START = datetime(2026, 3, 27, 7, tzinfo=UTC)
NOTHING = {"job": {"type": "SCRIPTED", "payload": {}}}


@dataclass
class Wound:
    """An engine whose clock a test winds; its jobs end when told."""

    atlas: Atlas
    now: datetime = START
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def schedule(self, name: str = "Report", target: dict[str, Any] | None = None, **more: Any) -> int:
        """A new schedule's id."""
        if "at" not in more:
            more = {"cron": "0 9 * * *", **more}
        return await self.atlas.schedules.create(Wish(name, target or NOTHING, **more), "ada")

    async def at(self, moment: str) -> list[str]:
        """Look at this moment of the 27th or so; which times have started something by then."""
        self.now = datetime.fromisoformat(f"2026-03-{moment}+00:00")
        while await self.atlas._scheduler.look():
            pass
        runs = await ScheduleRun.filter(outcome="started").order_by("id")
        return [f"{run.due_at:%d %H:%M}" for run in runs if run.due_at]

    async def latest(self, schedule_id: int) -> str | None:
        """Why the latest time started nothing."""
        return (await self.atlas.schedule_queries.runs(schedule_id))[0].reason


@pytest.fixture
async def wound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wound]:
    """Nothing looks by itself: an hour lies between two looks, and the ledger writes."""
    made: list[Wound] = []

    async def work(_: Context) -> dict[str, Any]:
        await made[0].go_on.wait()
        return {}

    atlas = Atlas(changed(settings, poll_seconds=3600))
    atlas.registry._types["SCRIPTED"] = scripted(work)
    made.append(Wound(atlas))
    monkeypatch.setattr(clock, "now", lambda: made[0].now)
    async with opened(settings):
        atlas._ledger.open()
        await atlas._policy.load()
        yield made[0]
        await atlas._ledger.close()


async def test_a_time_that_comes_starts_a_job_once_and_the_next_one_is_due(wound: Wound) -> None:
    made = await wound.schedule(time_zone="Europe/Berlin")
    assert await wound.at("27T07:59:59") == []
    assert await wound.at("27T08:00:01") == ["27 08:00"]
    assert await wound.at("27T08:00:02") == ["27 08:00"]
    view = await wound.atlas.schedule_queries.schedule(made)
    assert view.next_at == datetime(2026, 3, 28, 8, tzinfo=UTC)
    assert view.last_run is not None
    job = await Job.get(id=view.last_run.job_id)
    assert (job.type, job.created_by, job.status) == ("SCRIPTED", "Report (schedule)", Status.QUEUED)
    assert await wound.atlas.schedule_queries.made(job.id) is not None


async def test_over_the_change_of_the_clocks_it_starts_at_the_same_time_of_day(wound: Wound) -> None:
    await wound.schedule(time_zone="Europe/Berlin", overlap="queue")
    for day in (27, 28, 29, 30):
        await wound.at(f"{day}T07:00:30")
        last = await wound.at(f"{day}T08:00:30")
    assert last == ["27 08:00", "28 08:00", "29 07:00", "30 07:00"]


@pytest.mark.parametrize(
    ("missed", "started"),
    [("skip", []), ("once", ["29 09:00"]), ("all", ["27 09:00", "28 09:00", "29 09:00"])],
)
async def test_what_was_missed_is_left_out_or_made_up_for_as_the_schedule_says(
    wound: Wound, missed: str, started: list[str]
) -> None:
    made = await wound.schedule(missed=missed, overlap="queue")
    assert await wound.at("29T12:00:00") == started
    assert (await Schedule.get(id=made)).next_at == datetime(2026, 3, 30, 9, tzinfo=UTC)
    assert await wound.latest(made) == ("Missed: nothing ran when it was due" if missed == "skip" else None)


async def test_of_what_was_missed_at_most_a_hundred_are_made_up_for_the_latest(wound: Wound) -> None:
    made = await wound.schedule(cron="* * * * *", missed="all", overlap="queue")
    started = await wound.at("27T12:00:00")
    assert (len(started), started[0], started[-1]) == (100, "27 10:21", "27 12:00")
    (left_out,) = await ScheduleRun.filter(outcome="skipped", schedule_id=made)
    assert f"{left_out.due_at:%H:%M}" == "10:20"


async def test_a_year_of_missed_minutes_is_gone_over_in_no_time(wound: Wound) -> None:
    await wound.schedule(cron="* * * * *")
    wound.now = START + timedelta(days=365)
    async with asyncio.timeout(2):
        await wound.atlas._scheduler.look()
    (run,) = await ScheduleRun.all()
    assert run.due_at == wound.now


async def test_a_late_look_is_no_miss(wound: Wound) -> None:
    await wound.schedule(missed="skip")
    assert await wound.at("27T09:00:50") == ["27 09:00"]


async def test_while_the_run_before_is_not_over_a_time_is_skipped_and_told(wound: Wound) -> None:
    made = await wound.schedule(cron="0 * * * *")
    assert await wound.at("27T08:00:00") == ["27 08:00"]
    assert await wound.at("27T09:00:00") == ["27 08:00"]
    (job,) = await Job.all()
    assert await wound.latest(made) == f"Skipped: job {job.id}, which was started before, is not over"
    await Job.filter(id=job.id).update(status=Status.FAILED)
    assert await wound.at("27T10:00:00") == ["27 08:00", "27 10:00"]


async def test_a_schedule_that_does_not_mind_starts_beside_the_run_before(wound: Wound) -> None:
    await wound.schedule(cron="0 * * * *", overlap="queue")
    await wound.at("27T08:00:00")
    assert await wound.at("27T09:00:00") == ["27 08:00", "27 09:00"]


async def test_a_moment_comes_once(wound: Wound) -> None:
    made = await wound.schedule(at=START + timedelta(hours=1))
    assert await wound.at("27T08:00:00") == ["27 08:00"]
    assert (await Schedule.get(id=made)).next_at is None
    assert await wound.at("28T08:00:00") == ["27 08:00"]


async def test_a_moment_may_be_told_in_any_zone(wound: Wound) -> None:
    made = await wound.schedule(at=datetime.fromisoformat("2026-03-27T13:45:00+05:45"))
    assert (await wound.atlas.schedule_queries.schedule(made)).words == "Once, 27 March 2026 at 08:00, UTC"
    assert await wound.at("27T07:59:59") == []
    assert await wound.at("27T08:00:00") == ["27 08:00"]


async def test_what_passes_while_one_is_paused_is_not_made_up_for_but_a_moment_is(wound: Wound) -> None:
    again, once = await wound.schedule(), await wound.schedule("Once", at=START + timedelta(hours=1))
    for made in (again, once):
        await wound.atlas.schedules.pause(made)
    assert await wound.at("27T12:00:00") == []
    for made in (again, once, again):
        await wound.atlas.schedules.resume(made)
    assert await wound.at("27T12:00:01") == ["27 08:00"]
    assert await wound.at("28T09:00:01") == ["27 08:00", "28 09:00"]


async def test_one_that_was_changed_starts_what_it_is_now(wound: Wound) -> None:
    made = await wound.schedule()
    other = {"job": {"type": "SCRIPTED", "payload": {}, "name": "Another"}}
    await wound.atlas.schedules.change(made, Wish("Report", other, "0 10 * * *"), "bob")
    assert await wound.at("27T09:00:00") == []
    assert await wound.at("27T10:00:00") == ["27 10:00"]
    assert (await Job.all())[0].name == "Another"
    assert (await authors_of((await Job.all())[0].id, None)) == ["bob", "bob"]


async def test_a_moment_that_was_changed_in_another_zone_comes_when_it_is_there(wound: Wound) -> None:
    made = await wound.schedule(at=START + timedelta(days=5))
    at = datetime.fromisoformat("2026-03-27T11:00:00+01:00")
    await wound.atlas.schedules.change(made, Wish("Report", NOTHING, at=at), "ada")
    assert await wound.at("27T09:59:59") == []
    assert await wound.at("27T10:00:01") == ["27 10:00"]


async def test_what_is_due_and_cannot_be_taken_tells_no_change(wound: Wound, monkeypatch: pytest.MonkeyPatch) -> None:
    await wound.schedule()
    heard: list[Event] = []
    wound.atlas.bus.subscribe(heard.append)
    monkeypatch.setattr(scheduler, "move_on", _somebody_was_first)
    wound.now = START + timedelta(days=2)
    assert await wound.atlas._scheduler.look() == 1
    assert SchedulesChanged() not in heard


async def _somebody_was_first(*_: object) -> bool:
    return False


async def test_a_rule_by_name_holds_for_the_schedules_of_that_person_too(wound: Wound) -> None:
    await wound.atlas.rules.add(NewRule(RuleKind.REQUIRE, "Ada's", names=("ada",)), "boss")
    await wound.schedule()
    await wound.at("27T09:00:01")
    assert [job.approval for job in await Job.all()] == ["pending"]


async def test_whoever_changes_the_time_alone_is_not_behind_what_it_does(wound: Wound) -> None:
    made = await wound.schedule()
    stored = (await Schedule.get(id=made)).target
    await wound.atlas.schedules.change(made, Wish("Report", stored, "0 10 * * *"), "bob")
    await wound.atlas.schedules.run_now(made, "carl")
    assert set(await authors_of((await Job.all())[0].id, None)) == {"ada", "carl"}


async def test_a_moment_that_has_come_does_not_come_again_by_a_change_of_the_name(wound: Wound) -> None:
    at = START + timedelta(hours=1)
    made = await wound.schedule(at=at)
    await wound.at("27T08:00:00")
    await wound.atlas.schedules.change(made, Wish("Other", NOTHING, at=at), "ada")
    assert await wound.at("27T09:00:00") == ["27 08:00"]


async def test_who_made_a_schedule_made_its_jobs_where_nobody_approves_their_own(wound: Wound) -> None:
    rule = NewRule(RuleKind.REQUIRE, "Four eyes", types=("SCRIPTED",), own=False)
    await wound.atlas.rules.add(rule, "root")
    await wound.atlas._policy.load()
    await wound.schedule()
    await wound.at("27T09:00:00")
    (job,) = await Job.all()
    rights = frozenset(Right)
    with pytest.raises(OwnWork):
        await wound.atlas.reviews.approve(Actor("ada", Kind.PERSON, rights), job.id)
    await wound.atlas.reviews.approve(Actor("bob", Kind.PERSON, rights), job.id)


async def test_of_times_that_started_nothing_only_the_newest_are_kept(
    wound: Wound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.schedule.RUNS_KEPT", 3)
    made = await wound.schedule(cron="* * * * *")
    for minute in range(1, 8):
        await wound.at(f"27T07:{minute:02}:00")
    *skipped, first = await wound.atlas.schedule_queries.runs(made)
    assert [f"{run.due_at:%H:%M}" for run in skipped] == ["07:07", "07:06", "07:05"]
    assert (first.outcome, f"{first.due_at:%H:%M}") == ("started", "07:01"), "its job has it for its author"
    assert await Job.all().count() == 1


async def test_what_cannot_start_is_told_on_the_schedule_and_goes_on_with_its_next_time(wound: Wound) -> None:
    made = await wound.schedule()
    gone = wound.atlas.registry._types.pop("SCRIPTED")
    assert await wound.at("27T09:00:00") == []
    view = await wound.atlas.schedule_queries.schedule(made)
    assert view.fault is not None
    assert view.fault.startswith("type must be one of ")
    assert view.last_run is not None
    assert view.last_run.outcome == "failed"
    assert await AuditEntry.filter(action="schedule.fail", target="schedule Report").count() == 1
    wound.atlas.registry._types["SCRIPTED"] = gone
    assert await wound.at("28T09:00:00") == ["28 09:00"]
    assert (await Schedule.get(id=made)).fault is None


async def test_one_that_breaks_keeps_no_other_from_its_time(wound: Wound, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await wound.schedule("A"), await wound.schedule("B")
    prepare = wound.atlas._scheduler._starters.prepare

    async def broken(target: Any, **more: Any) -> Any:
        if more["created_by"].startswith("A"):
            raise ZeroDivisionError("by us")
        return await prepare(target, **more)

    monkeypatch.setattr(wound.atlas._scheduler._starters, "prepare", broken)
    await wound.at("27T09:00:00")
    outcomes = {run.schedule_id: run.outcome for run in await ScheduleRun.all()}
    assert outcomes == {first: "failed", second: "started"}
    assert await wound.latest(first) == "It could not be prepared: by us"


async def test_a_job_of_a_schedule_needs_the_same_approval_as_any_other(wound: Wound) -> None:
    job = {**NOTHING["job"], "requires_approval": True}
    await wound.schedule(target={"job": job})
    await wound.at("27T09:00:00")
    assert (await Job.all())[0].approval == Approval.PENDING


@pytest.mark.parametrize("meanwhile", ["paused", "changed", "removed", "another engine"])
async def test_what_was_prepared_is_not_started_if_something_came_first(wound: Wound, meanwhile: str) -> None:
    made = await wound.schedule()
    row = await Schedule.get(id=made)
    wound.now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    scheduler = wound.atlas._scheduler
    plan = await scheduler._planned(row, wound.now, None)
    match meanwhile:
        case "paused":
            await wound.atlas.schedules.pause(made)
        case "changed":
            await wound.atlas.schedules.change(made, Wish("Other", NOTHING, "0 9 * * *"), "ada")
        case "removed":
            await wound.atlas.schedules.remove(made)
        case _:
            await scheduler.look()
    before = await Job.all().count()
    assert await wound.atlas._ledger.write(lambda writer: scheduler._begin(plan, writer)) is None
    assert await Job.all().count() == before


async def test_of_two_that_take_themselves_for_the_leader_one_starts_each_time(wound: Wound) -> None:
    """As for a moment when the lead passes on."""
    for number in range(30):
        await wound.schedule(f"Number {number}")
    other = Atlas(wound.atlas.settings, wound.atlas.registry)
    other._ledger.open()
    wound.now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    await asyncio.gather(wound.atlas._scheduler.look(), other._scheduler.look())
    await other._ledger.close()
    names = sorted(job.created_by for job in await Job.all())
    assert names == sorted(f"Number {number} (schedule)" for number in range(30))
    assert await ScheduleRun.filter(outcome="started").count() == 30


async def test_the_engine_wakes_for_the_next_time_and_for_a_change(settings: Settings) -> None:
    """Its looks are an hour apart."""

    async def work(_: Context) -> dict[str, Any]:
        return {}

    async with running(changed(settings, poll_seconds=3600), scripted(work)) as atlas:
        soon = clock.now() + timedelta(seconds=2)
        await atlas.schedules.create(Wish("Soon", NOTHING, at=soon), "ada")

        async def started() -> bool:
            return await Job.all().count() == 1

        await until(atlas, started)
        (job,) = await Job.all()
        assert job.created_at >= soon


async def test_two_years_by_a_wound_clock_start_what_the_expression_asks_for(wound: Wound) -> None:
    zones = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
    expressions = ("30 2 * * SUN", "15 2 1 * *", "*/30 1 5 4,10 *", "45 1 * 4,10 SUN", "0 0 29 2 *")
    made = {}
    for zone, cron in zip(zones, expressions, strict=True):
        made[zone] = await wound.schedule(zone.replace("/", "."), cron=cron, time_zone=zone, overlap="queue")
    end = START + timedelta(days=731)
    while (next_at := (await Schedule.all().order_by("next_at"))[0].next_at) and next_at <= end:
        wound.now = next_at + timedelta(seconds=2)
        await wound.atlas._scheduler.look()
    for zone, cron in zip(zones, expressions, strict=True):
        expected = list(Cron(cron, zone).between(START, end))
        runs = await ScheduleRun.filter(schedule_id=made[zone], outcome="started").order_by("id")
        assert [run.due_at for run in runs] == expected
        assert expected or zone == zones[-1]


async def test_a_job_that_a_schedule_started_is_done(settings: Settings) -> None:
    async def work(_: Context) -> dict[str, Any]:
        return {"said": "done"}

    async with running(settings, scripted(work)) as atlas:
        made = await atlas.schedules.create(Wish("Now", NOTHING, "0 0 1 1 *"), "ada")
        _, job_id = await atlas.schedules.run_now(made, "bob")
        await until_status(atlas, job_id, Status.COMPLETED)
        (run,) = await atlas.schedule_queries.runs(made)
        assert (run.due_at, run.job_id, run.status) == (None, job_id, Status.COMPLETED)
