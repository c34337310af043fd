"""What tokens may start in a minute."""

import pytest

from engine.actors import Actor, Kind
from engine.errors import TooMany
from engine.settings import Settings
from models.job import Job
from models.rights import Right
from models.workflow import WorkflowRun
from tests.support.engine import changed, running

pytestmark = pytest.mark.either

TWO = """
name: two
steps:
  each: {type: APPROVAL, for_each: [1, 2], payload: {question: q}}
"""


async def test_each_job_of_a_run_counts_as_a_submission_and_a_run_that_is_too_many_stores_nothing(
    settings: Settings,
) -> None:
    async with running(changed(settings, max_submissions_a_minute=3)) as atlas:
        await atlas.workflows.save(TWO, "ada")
        desk = atlas.office.desk_of(Actor("bot", Kind.TOKEN, frozenset(Right), key=1))
        await desk.run_workflow("two", {})
        with pytest.raises(TooMany, match="at most 3 a minute"):
            await desk.run_workflow("two", {})
        assert (await WorkflowRun.all().count(), await Job.all().count()) == (1, 2)
