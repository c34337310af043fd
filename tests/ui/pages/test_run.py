"""The page of a run tells who waits for whom."""

from engine.workflows.views import Graph, StepView
from models.states import Status
from tests.ui.views import a_job
from ui.pages.run import _waited_for


def test_only_steps_that_others_wait_for_still_are_waited_for() -> None:
    cancelled, blocked, done = a_job(Status.CANCELLED), a_job(blocked=True), a_job(Status.COMPLETED)
    steps = [StepView(name, name, "T", (job,)) for name, job in (("a", cancelled), ("b", blocked), ("c", done))]
    assert _waited_for(Graph(tuple(steps), (("a", "b"), ("a", "c"), ("b", "c")))) == {"a"}
