"""A spent budget keeps new jobs waiting until tomorrow, or until it is raised; what runs is never stopped."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound
from engine.jobs import AnyJobType
from engine.jobs.base import Context
from engine.settings import Settings
from models.audit import AuditEntry
from models.budget import Budget
from models.database import connection
from models.states import Status
from models.usage import Sum, add_usage, day_of
from models.webhook import Delivery
from tests.engine.test_reports import KEY, in_hand
from tests.support.engine import held, running, scripted, submitted, until, until_set, until_status


def spending(key: str = "SCRIPTED", **attributes: Any) -> AnyJobType:
    """A job of 60 tokens."""

    async def spends(context: Context) -> dict[str, Any]:
        await context.spend(tokens=60)
        return {}

    return scripted(spends, key=key, label=key.capitalize(), **attributes)


async def put(atlas: Atlas, limit: float, scope: str = "type", key: str = "SCRIPTED", measure: str = "tokens") -> int:
    return (await atlas.budgets.put(scope, key, measure, limit, "ada")).id


async def held_back(atlas: Atlas, job_id: int) -> str:
    """Why it waits, once two looks have passed it over."""
    other = await submitted(atlas, "OTHER")
    await until_status(atlas, other, Status.COMPLETED)
    job = await atlas.queries.job(job_id)
    assert job.status is Status.QUEUED
    return job.waiting_for or ""


async def test_a_spent_budget_keeps_its_type_waiting_and_says_why_until_it_is_raised(settings: Settings) -> None:
    async with running(settings, spending(), spending("OTHER")) as atlas:
        await put(atlas, 100)
        for _ in range(2):
            await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        third = await submitted(atlas)
        told = "Waits for tomorrow: today's budget of 100 tokens for Scripted is spent (120)"
        assert await held_back(atlas, third) == told
        await put(atlas, 1000)
        await until_status(atlas, third, Status.COMPLETED)


async def test_it_goes_on_by_itself_on_the_next_day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(settings, spending(), spending("OTHER")) as atlas:
        await put(atlas, 50)
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        second = await submitted(atlas)
        await held_back(atlas, second)
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=1))
        await until_status(atlas, second, Status.COMPLETED)


async def test_an_agent_s_budget_counts_and_holds_all_of_its_types_and_no_others(settings: Settings) -> None:
    own, other = spending("SECOND", agent="Researcher"), spending("OTHER", agent="Somebody else")
    async with running(settings, spending(agent="Researcher"), own, other) as atlas:
        await put(atlas, 60, "agent", "researcher")
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        told = await held_back(atlas, await submitted(atlas, "SECOND"))
    assert told.endswith("today's budget of 60 tokens for Researcher is spent (60)")


async def test_a_budget_for_everything_holds_everything(settings: Settings) -> None:
    async with running(settings, spending()) as atlas:
        await put(atlas, 60, "all", "")
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        job = await atlas.queries.job(await submitted(atlas))
        await atlas.budgets.remove(1)
        await until_status(atlas, job.id, Status.COMPLETED)
    assert job.waiting_for == "Waits for tomorrow: today's budget of 60 tokens for everything is spent (60)"


async def test_what_runs_when_a_budget_is_spent_runs_to_its_end(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(context: Context) -> dict[str, Any]:
        return await context.effect("world", {}, held(begun, go_on))

    async with running(settings, scripted(slow, key="SLOW"), spending()) as atlas:
        await put(atlas, 60, "all", "")
        running_job = await submitted(atlas, "SLOW")
        await until_set(begun)
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        go_on.set()
        await until_status(atlas, running_job, Status.COMPLETED)


async def test_of_so_many_jobs_a_day_no_more_begin_though_there_is_room_for_all_at_once(settings: Settings) -> None:
    async with running(settings, spending(), spending("OTHER")) as atlas:
        await put(atlas, 3, measure="attempts")
        jobs = [await submitted(atlas) for _ in range(8)]
        await until(atlas, lambda: _completed(atlas, jobs, 3))
        assert await held_back(atlas, jobs[-1]) == (
            "Waits for tomorrow: today's budget of 3 jobs for Scripted is spent (3 jobs)"
        )
        assert await _completed(atlas, jobs, 3)


async def _completed(atlas: Atlas, jobs: list[int], number: int) -> bool:
    done = [job for job in await atlas.queries.jobs(jobs) if job.status is Status.COMPLETED]
    return len(done) == number


async def test_an_outside_agent_whose_budget_is_spent_gets_nothing_and_another_does(settings: Settings) -> None:
    async with in_hand(settings) as hand:
        atlas, (actor, agent) = hand.atlas, hand._agent
        other = (await atlas.agents.register(actor, "linguist", [KEY], 5)).id
        await atlas.budgets.put("agent", f"agent-{agent}", "tokens", 10, "ada")
        await hand.report(tokens=10, status="completed")
        await submitted(atlas, KEY)
        assert await atlas.agents.claim(actor, agent, limit=1, wait_seconds=0) == []
        assert len(await atlas.agents.claim(actor, other, limit=1, wait_seconds=0)) == 1


async def test_people_are_told_once_of_four_fifths_and_once_of_a_spent_budget(settings: Settings) -> None:
    async with running(settings, spending()) as atlas:
        await atlas.webhooks.add("ops", "https://ops.invalid/hook", ["budget.low", "budget.spent"], "ada")
        budget = await put(atlas, 70)
        for _ in range(3):  # 60, then 120 tokens; the third waits
            await submitted(atlas)
            await atlas._accountant.look()
        await until(atlas, lambda: Delivery.filter(kind="budget.spent").exists())
        await atlas._accountant.look()
        told = await Delivery.filter(kind__startswith="budget").order_by("id")
        entries = await AuditEntry.filter(target=f"budget {budget}").order_by("id")
    kinds = [each.kind for each in told]
    assert kinds.count("budget.spent") == 1
    assert kinds.count("budget.low") <= 1
    assert [entry.action for entry in entries] == kinds, "the audit log has the same"
    last = told[-1].body["data"]
    assert (last["limit"], last["measure"]) == (70, "tokens")
    assert last["message"].startswith("Today's budget of 70 tokens for Scripted is spent (")


async def test_a_warning_comes_at_four_fifths(settings: Settings) -> None:
    async with running(settings, spending()) as atlas:
        await put(atlas, 75)
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        await until(atlas, lambda: Budget.exists(warned_on=day_of(clock.now()), spent_on=None))
        entry = await AuditEntry.get(action="budget.low")
    assert entry.after is not None
    assert "Today's budget of 75 tokens for Scripted is nearly used up (60)" in entry.after


@pytest.mark.either
@pytest.mark.parametrize(
    ("measure", "limit", "used", "told"),
    [
        ("seconds", 4800, {"millis": 5_000_000}, "of 1 h 20 min for everything is spent (1 h 23 min)"),
        ("bytes", 3_400_000, {"bytes": 4_000_000}, "of 3.4 MB for everything is spent (4 MB)"),
        ("money", 4.2, {"micros": 4_310_000}, "of 4.20 for everything is spent (4.31)"),
        ("attempts", 1, {"attempts": 2}, "of 1 job for everything is spent (2 jobs)"),
    ],
)
async def test_every_measure_is_told_in_units_that_people_read(
    measure: str, limit: float, used: dict[str, int], told: str, settings: Settings
) -> None:
    async with running(settings, spending()) as atlas:
        await put(atlas, limit, "all", "", measure)
        await add_usage(connection(), [Sum(day_of(clock.now()), "SCRIPTED", "", **used)])
        (view,) = await atlas.queries.budgets.views()
    assert view.words == f"today's budget {told}"
    assert measure != "money" or view.measure.number(view.most) == limit


@pytest.mark.either
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("team", "", "tokens", 1), "scope must be all, type or agent, not 'team'"),
        (("type", "NOPE", "tokens", 1), "key must be SCRIPTED, not 'NOPE'"),
        (("agent", "nope", "tokens", 1), "key must be operator, not 'nope'"),
        (("all", "x", "tokens", 1), "key must be empty for everything, not 'x'"),
        (("all", "", "hours", 1), "measure must be attempts, seconds, bytes, tokens or money, not 'hours'"),
        (("all", "", "tokens", 0), "limit must be more than 0, not 0"),
    ],
)
async def test_what_makes_no_sense_is_refused(given: Any, told: str, settings: Settings) -> None:
    async with running(settings, spending()) as atlas:
        with pytest.raises(InvalidInput) as refused:
            await atlas.budgets.put(*(*given, "ada"))
        with pytest.raises(NotFound):
            await atlas.budgets.remove(1)
    assert str(refused.value) == told
