"""Random graphs of jobs, some of which fail: each ends as a model says, and nothing begins before what it waits for.

CHAOS_SEED repeats a run's graphs.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from engine.engine import Atlas
from engine.errors import PermanentError
from engine.jobs.base import Context
from engine.settings import Settings
from engine.submission import After, Submission
from models.job import Job
from models.states import Status
from tests.chaos.scale import rounds
from tests.support.engine import changed, running, scripted, until

pytestmark = pytest.mark.each

GRAPHS = rounds(12, 200)
MOST_JOBS = 12
FAILS = 0.2
ANY_OUTCOME = 0.4


@dataclass(frozen=True)
class Step:
    """A job of a graph: those that it waits for, by index and whether any outcome will do, and whether it fails."""

    parents: dict[int, bool]
    fails: bool

    def submission(self, index: int) -> Submission:
        """As it is submitted; what its parents are is filled in, so a template stands in every other one."""
        note = " ".join(f"{{{{ jobs.s{parent}.status }}}}" for parent in self.parents) if index % 2 else ""
        after = tuple(After(ref=f"s{parent}", any_outcome=loose) for parent, loose in self.parents.items())
        return Submission(
            "SCRIPTED", {"note": note}, ref=f"s{index}", after=after, name="fails" if self.fails else "works"
        )


def random_graph(chance: random.Random) -> list[Step]:
    """Edges lead from a job to earlier ones, of a shuffled order."""
    size = chance.randint(1, MOST_JOBS)
    order = chance.sample(range(size), size)
    steps = {
        index: Step(
            {parent: chance.random() < ANY_OUTCOME for parent in order[:place] if chance.random() < 2 / size},
            chance.random() < FAILS,
        )
        for place, index in enumerate(order)
    }
    return [steps[index] for index in range(size)]


def model(graph: list[Step]) -> list[Status]:
    """How each job ends: queued where it waits for what never comes."""
    ends: dict[int, Status] = {}

    def end(index: int) -> Status:
        if index not in ends:
            step = graph[index]
            parents = {parent: end(parent) for parent in step.parents}
            goes = all(
                status is Status.COMPLETED or (step.parents[parent] and status is Status.FAILED)
                for parent, status in parents.items()
            )
            ends[index] = (Status.FAILED if step.fails else Status.COMPLETED) if goes else Status.QUEUED
        return ends[index]

    return [end(index) for index in range(len(graph))]


async def test_every_graph_ends_as_the_model_says_and_nothing_begins_before_what_it_waits_for(
    settings: Settings,
) -> None:
    seed = os.environ.get("CHAOS_SEED") or str(random.randrange(10**6))
    print(f"CHAOS_SEED={seed}")  # shown when it fails
    chance, begun = random.Random(seed), Counter[int]()

    async def work(context: Context) -> dict[str, Any]:
        begun[context.job_id] += 1
        if (await Job.get(id=context.job_id)).name == "fails":
            raise PermanentError("As the graph says")
        return {}

    async with running(changed(settings, concurrency=4), scripted(work)) as atlas:
        for _ in range(GRAPHS):
            await _ends_as_the_model_says(atlas, random_graph(chance))
    assert set(begun.values()) <= {1}, "nothing that cannot be taken back is done twice"


async def _ends_as_the_model_says(atlas: Atlas, graph: list[Step]) -> None:
    batch = [(step.submission(index), None) for index, step in enumerate(graph)]
    ids = [job_id for job_id, _ in await atlas.commands.submit_batch(batch)]
    expected = model(graph)

    async def over() -> bool:
        return [job.status for job in await Job.filter(id__in=ids).order_by("id")] == expected

    await until(atlas, over, f"{expected} of {graph}")
    jobs = await Job.filter(id__in=ids).order_by("id")
    for index, job in enumerate(jobs):
        if job.status is Status.QUEUED:
            assert job.blocked
            continue
        for parent in graph[index].parents:
            before, after = jobs[parent].finished_at, job.started_at
            assert before is not None
            assert after is not None
            assert before <= after, f"{index} of {graph} began before {parent} was over"
        if index % 2 and graph[index].parents:
            assert job.payload["note"].split() == [jobs[parent].status.value for parent in graph[index].parents]
