"""The agents at work: what each takes, what it has in hand, how it fares, and that it can be paused."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.actors import local
from engine.defined_types import Definition
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import NotAllowed, NotFound
from engine.jobs.base import Context
from engine.settings import Settings
from engine.watcher import AgentAtWork, AgentState, Paused
from models.agent import Agent
from models.attempt import LogLine
from models.job import Job
from models.rights import RIGHTS_OF_ROLE, Role
from models.states import Status
from tests.support.engine import running, scripted, submitted, until_set, until_status


async def nothing(_: Any) -> dict[str, Any]:
    return {}


def desk(atlas: Atlas) -> Desk:
    return atlas.office.desk_of(local())


async def outside(name: str = "polyglot", **more: Any) -> Agent:
    now = clock.now()
    usual = {"token_id": 0, "types": ["TRANSLATE"], "concurrency": 4, "registered_at": now, "last_seen_at": now}
    return await Agent.create(name=name, **{**usual, **more})


async def agent(atlas: Atlas, key: str = "tester") -> AgentAtWork:
    return await atlas.queries.watcher.agent(key)


async def test_an_agent_is_idle_then_working_then_idle_again(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def script(context: Context) -> dict[str, Any]:
        await context.progress(40)
        await context.log("Half of it")
        begun.set()
        await go_on.wait()
        return {}

    async with running(settings, scripted(script, agent="Tester"), scripted(nothing, key="OTHER")) as atlas:
        assert (await agent(atlas)).state is AgentState.IDLE
        job_id = await submitted(atlas)
        await until_set(begun)
        at_work = await agent(atlas)
        assert (at_work.state, at_work.running, at_work.name) == (AgentState.WORKING, 1, "Tester")
        (hand,) = at_work.in_hand
        assert (hand.job.id, hand.line.text if hand.line else None) == (job_id, "Half of it")
        assert (await agent(atlas, "operator")).in_hand == ()
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)
        await atlas.queries.statistics.catch_up()
        idle = await agent(atlas)
        assert (idle.state, idle.in_hand) == (AgentState.IDLE, ())
        assert [(done.job_id, done.outcome) for done in idle.done] == [(job_id, "succeeded")]
        assert (idle.day.attempts, idle.day.succeeded, idle.week.attempts) == (1, 1, 1)


async def test_every_agent_is_listed_with_what_it_takes(settings: Settings) -> None:
    async with running(settings) as atlas:
        row = await outside()
        agents = {each.key: each for each in await atlas.queries.watcher.agents()}
        assert {"mailer", "publisher", "writer", f"agent-{row.id}"} <= set(agents)
        mailer = agents["mailer"]
        assert [(takes.key, takes.icon, takes.paused) for takes in mailer.takes] == [("EMAIL_SEND", "mail", False)]
        assert not mailer.is_outside
        other = agents[f"agent-{row.id}"]
        assert (other.name, other.is_outside, other.places) == ("polyglot", True, 4)
        assert [takes.key for takes in other.takes] == ["TRANSLATE"]


@pytest.mark.usefixtures("database")
async def test_without_an_engine_the_built_in_agents_are_offline(settings: Settings) -> None:
    await outside()
    states = {each.name: each.state for each in await Atlas(settings).queries.watcher.agents()}
    assert states.pop("polyglot") is AgentState.IDLE
    assert set(states.values()) == {AgentState.OFFLINE}


async def test_an_outside_agent_that_was_not_heard_of_is_offline(settings: Settings) -> None:
    async with running(settings) as atlas:
        row = await outside(last_seen_at=clock.now() - timedelta(minutes=5))
        assert (await agent(atlas, row.engine_id)).state is AgentState.OFFLINE


async def test_what_an_agent_has_in_hand_is_its_own_and_only_the_latest_of_it_is_told(settings: Settings) -> None:
    async with running(settings, scripted(nothing, agent="Tester")) as atlas:
        mine, other = await outside("mine"), await outside("other")
        now = clock.now()
        jobs = [
            await Job.create(
                type="TRANSLATE",
                category="task",
                name=f"Text {number}",
                payload={},
                created_by="test",
                created_at=now,
                max_attempts=5,
                status=Status.RUNNING,
                attempt=2,
                started_at=now + timedelta(seconds=number),
                engine_id=(other if number == 5 else mine).engine_id,
                lease_expires_at=now + timedelta(hours=1),
            )
            for number in range(6)
        ]
        for attempt, text in ((1, "of an earlier attempt"), (2, "first"), (2, "latest")):
            await LogLine.create(job_id=jobs[4].id, attempt=attempt, at=now, text=text)
        at_work = await agent(atlas, mine.engine_id)
        assert (at_work.running, len(at_work.in_hand)) == (5, 5)
        listed = {each.key: each for each in await atlas.queries.watcher.agents()}[mine.engine_id]
        assert listed.running == 5
        assert [hand.job.id for hand in listed.in_hand] == [jobs[4].id]
        assert [hand.line.text if hand.line else None for hand in at_work.in_hand[:2]] == ["latest", None]


async def test_a_built_in_agent_is_paused_by_its_types_and_resumed(settings: Settings) -> None:
    types = [scripted(nothing, key=key, agent="Tester") for key in ("ONE", "TWO")]
    async with running(settings, *types) as atlas:
        await desk(atlas).set_policy("ONE", paused=True)
        assert (await agent(atlas)).paused is Paused.SOME
        await desk(atlas).pause_agent("tester", paused=True)
        held = await agent(atlas)
        assert (held.state, held.paused) == (AgentState.PAUSED, Paused.EVERYTHING)
        job_id = await submitted(atlas, "TWO")
        job = await atlas.queries.job(job_id)
        assert job.waiting_for
        assert "paused" in job.waiting_for
        await desk(atlas).pause_agent("tester", paused=False)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert (await agent(atlas)).paused is Paused.NOTHING
        actions = [entry.action for entry in await desk(atlas).audit()]
        assert {"agent.pause", "agent.resume"} <= set(actions)


async def test_a_paused_outside_agent_gets_no_jobs_until_it_is_resumed(settings: Settings) -> None:
    schema = {"type": "object", "properties": {}}
    async with running(settings) as atlas:
        await desk(atlas).define_type(Definition(key="TRANSLATE", label="Translate", payload_schema=schema))
        row = await outside()
        await desk(atlas).pause_agent(row.engine_id, paused=True)
        job_id = await submitted(atlas, "TRANSLATE")

        async def claim(wait: float = 0) -> list[int]:
            handed = await atlas.agents.claim(local(), row.id, limit=5, wait_seconds=wait)
            return [each.job_id for each in handed]

        assert await claim() == []
        assert (await agent(atlas, row.engine_id)).state is AgentState.PAUSED
        waiting = (await atlas.queries.job(job_id)).waiting_for
        assert waiting == "Waits for an agent that does Translate: whoever is online is paused"
        waits = asyncio.create_task(claim(10))
        await desk(atlas).pause_agent(row.engine_id, paused=False)
        assert await waits == [job_id], "whoever waits for work hears of it"


@pytest.mark.parametrize("key", ["nobody", "agent-999", "agent-x", "agent-01", "agent-99999999999999999999"])
async def test_an_agent_that_is_not_there_is_said_to_be_not_there(settings: Settings, key: str) -> None:
    async with running(settings) as atlas:
        with pytest.raises(NotFound, match="agent"):
            await agent(atlas, key)
        with pytest.raises(NotFound, match="agent"):
            await desk(atlas).pause_agent(key, paused=True)


async def test_it_takes_an_administrator_to_pause_an_agent(settings: Settings) -> None:
    async with running(settings, scripted(nothing, agent="Tester")) as atlas:
        operator = replace(local(), rights=RIGHTS_OF_ROLE[Role.APPROVER])
        with pytest.raises(NotAllowed):
            await atlas.office.desk_of(operator).pause_agent("tester", paused=True)
        assert (await agent(atlas)).paused is Paused.NOTHING
