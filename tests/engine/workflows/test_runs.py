"""Runs: every job in its turn, skipped, corrected, cancelled, and told where it stands."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.actors import Actor, Kind
from engine.engine import Atlas
from engine.errors import IdempotencyConflict, InvalidInput, NotFound, PermanentError, Superseded
from engine.jobs.approval import Approval
from engine.jobs.base import Context
from engine.settings import Settings
from engine.views import JobView
from engine.workflows.views import RunStatus
from models.job import Job
from models.rights import Right
from models.workflow import WorkflowRun
from tests.support.engine import running, scripted, until

pytestmark = pytest.mark.each

ADA = Actor("ada", Kind.PERSON, frozenset(Right))

CHAIN = """
name: chain
inputs:
  notes: {type: array, items: {type: string}, default: [one, two]}
  ask: {type: boolean, default: false}
  more: {type: string, default: ""}
steps:
  first: {type: SCRIPTED, payload: {note: "first {{ inputs.more }}"}}
  each:
    type: SCRIPTED
    for_each: "{{ inputs.notes }}"
    payload: {note: "{{ item }} after {{ jobs.first.result.said }}"}
  ask:
    type: APPROVAL
    when: "{{ inputs.ask }}"
    after: [each]
    payload: {question: "Go on with {{ jobs.each.count }}?"}
  last:
    type: SCRIPTED
    after: [ask]
    payload: {note: "{{ jobs.each.results[1].said }}, {{ jobs.first.status }}"}
"""


@dataclass
class World:
    """An engine whose steps say what they were told, wait at "hold", and fail at "fail"."""

    atlas: Atlas
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    done: list[str] = field(default_factory=list)

    async def start(self, **inputs: Any) -> int:
        """Start the chain."""
        return (await self.atlas.runs.start("chain", inputs, created_by="ada")).id

    async def until(self, run_id: int, *statuses: RunStatus) -> None:
        """Wait until the run stands so."""

        async def stands() -> bool:
            return (await self.atlas.runs.run(run_id)).status in statuses

        await until(self.atlas, stands, f"run {run_id} {statuses}")

    async def steps(self, run_id: int) -> dict[str, JobView]:
        """The run's jobs by their steps."""
        graph = await self.atlas.runs.graph(run_id)
        return {job.step or "": job for step in graph.steps for job in step.jobs}


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    made: list[World] = []

    async def work(context: Context) -> dict[str, Any]:
        note = str((await Job.get(id=context.job_id)).payload.get("note"))
        if "hold" in note:
            await made[0].go_on.wait()
        if "fail" in note:
            raise PermanentError("It was asked to fail")
        made[0].done.append(note)
        return {"said": note}

    async with running(settings, scripted(work), Approval()) as atlas:
        made.append(World(atlas))
        await atlas.workflows.save(CHAIN, "ada")
        yield made[0]
        made[0].go_on.set()


async def test_every_step_runs_in_its_turn_with_what_those_before_it_made(world: World) -> None:
    run_id = await world.start(more="x")
    await world.until(run_id, RunStatus.COMPLETED)
    assert world.done[0] == "first x"
    assert sorted(world.done[1:3]) == ["one after first x", "two after first x"]
    assert world.done[3] == "two after first x, completed"
    run = await world.atlas.runs.run(run_id)
    assert (run.jobs, run.created_by, run.version) == ({"completed": 5}, "ada", 1)
    assert run.finished_at is not None
    assert {(first, then) for first, then in (await world.atlas.runs.graph(run_id)).edges} >= {
        ("first", "each"),
        ("each", "ask"),
        ("ask", "last"),
    }


async def test_a_step_whose_condition_does_not_hold_is_skipped_and_the_rest_goes_on(world: World) -> None:
    run_id = await world.start()
    await world.until(run_id, RunStatus.COMPLETED)
    ask = (await world.steps(run_id))["ask"]
    assert ask.result == {"message": "Skipped: {{ inputs.ask }} does not hold", "skipped": True}
    assert ask.attempt == 0


async def test_an_approval_step_waits_for_a_person_who_sees_what_came_of_the_steps_before(world: World) -> None:
    run_id = await world.start(ask=True)
    await world.until(run_id, RunStatus.WAITING)
    ask = (await world.steps(run_id))["ask"]
    assert (ask.approval, ask.payload) == ("pending", {"question": "Go on with 2?"})
    await world.atlas.reviews.approve(ADA, ask.id)
    await world.until(run_id, RunStatus.COMPLETED)
    assert (await world.steps(run_id))["ask"].result == {"message": "Approved by ada", "approved_by": ["ada"]}


async def test_a_failed_step_is_corrected_and_the_rest_goes_on_with_what_was_done_kept(world: World) -> None:
    run_id = await world.start(notes=["one", "fail"])
    await world.until(run_id, RunStatus.STUCK)
    failed = (await world.steps(run_id))["each.1"]
    assert failed.error == "It was asked to fail"
    await world.atlas.corrections.correct(ADA, failed.id, {"note": "mended"}, comment="a slip")
    await world.until(run_id, RunStatus.COMPLETED)
    assert world.done.count("one after first ") == 1, "what was done is not done again"
    assert world.done[-1] == "mended, completed"


async def test_cancel_reaches_every_step_that_is_not_over(world: World) -> None:
    run_id = await world.start(more="hold")
    await world.until(run_id, RunStatus.RUNNING)
    await world.atlas.runs.cancel(run_id)
    await world.until(run_id, RunStatus.CANCELLED)
    assert {job.status for job in (await world.steps(run_id)).values()} == {"cancelled"}
    with pytest.raises(Superseded, match="is cancelled and cannot be cancelled"):
        await world.atlas.runs.cancel(run_id)


async def test_the_same_key_gives_the_same_run_and_another_question_is_refused(world: World) -> None:
    start = world.atlas.runs.start
    one, two = await asyncio.gather(*(start("chain", {}, idempotency_key="k") for _ in range(2)))
    assert one.id == two.id
    assert {one.is_new, two.is_new} == {True, False}
    with pytest.raises(IdempotencyConflict):
        await start("chain", {"more": "y"}, idempotency_key="k")
    assert await WorkflowRun.all().count() == 1


async def test_what_does_not_fit_is_told_by_its_step_and_nothing_is_started(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.start(notes=[["no text"]])
    assert {fault.field for fault in refused.value.errors} == {"inputs.notes.0"}
    await world.atlas.workflows.save(CHAIN.replace('{note: "first', '{colour: red, note: "first'), "ada")
    with pytest.raises(InvalidInput) as refused:
        await world.start()
    assert {fault.field for fault in refused.value.errors} == {"steps.first.payload.colour"}
    assert await Job.all().count() == 0
    assert await WorkflowRun.all().count() == 0
    with pytest.raises(NotFound, match="there is no workflow nothing"):
        await world.atlas.runs.start("nothing", {})


async def test_what_an_input_says_never_becomes_a_template(world: World) -> None:
    run_id = await world.start(notes=["{{ jobs.first.id }}", "two"], more="{{ inputs.notes }}")
    await world.until(run_id, RunStatus.COMPLETED)
    assert world.done[0] == "first {{ inputs.notes }}"
    assert "{{ jobs.first.id }} after first {{ inputs.notes }}" in world.done


async def test_nobody_is_asked_before_what_they_are_asked_about_is_there(world: World) -> None:
    source = CHAIN.replace(
        "  last:\n    type: SCRIPTED\n", "  last:\n    type: SCRIPTED\n    requires_approval: true\n"
    )
    await world.atlas.workflows.save(source, "ada")
    run_id = await world.start(more="hold")
    await world.until(run_id, RunStatus.RUNNING)
    assert {job.approval for job in (await world.steps(run_id)).values()} == {None}
    world.go_on.set()
    await world.until(run_id, RunStatus.WAITING)
    steps = await world.steps(run_id)
    assert {name for name, job in steps.items() if job.approval == "pending"} == {"last"}
    assert steps["last"].payload == {"note": "two after first hold, completed"}


async def test_a_paused_step_is_cancelled_with_its_run(world: World) -> None:
    run_id = await world.start(more="hold")
    await world.until(run_id, RunStatus.RUNNING)
    last = (await world.steps(run_id))["last"]
    await world.atlas.commands.pause(last.id)
    await world.atlas.runs.cancel(run_id)
    await world.until(run_id, RunStatus.CANCELLED)


async def test_inputs_that_cannot_be_stored_are_refused(world: World) -> None:
    for odd in (10**5000, float("nan")):
        with pytest.raises(InvalidInput):
            await world.start(more=odd)


async def test_what_a_run_would_store_is_bounded(world: World) -> None:
    source = CHAIN.replace("{{ item }} after {{ jobs.first.result.said }}", "{{ inputs.more }}")
    await world.atlas.workflows.save(source, "ada")
    with pytest.raises(InvalidInput, match="payloads of at most 20,000,000 characters"):
        await world.start(notes=["n"] * 50, more="x" * 500_000)
