"""Where runs and their steps stand, in words."""

import pytest

from engine.views import JobView
from engine.workflows.views import RunStatus, RunView, status_of
from models.states import Approval, Status
from tests.ui.views import NOW, a_job
from ui.components.run_words import need, run_badge, run_counts, step_badge

DONE, ASKS = a_job(Status.COMPLETED), a_job(approval=Approval.PENDING)


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([DONE, ASKS], "1 needs approval"),
        ([ASKS, ASKS], "2 need approval"),
        ([ASKS, a_job(Status.RUNNING)], "1 needs approval"),
        ([ASKS, a_job(Status.FAILED)], "1 of 2 failed"),
        ([DONE, a_job()], "1 of 2 done"),
        ([DONE, DONE], "All 2 completed"),
    ],
)
def test_a_list_tells_first_what_waits_for_a_person(jobs: list[JobView], said: str) -> None:
    assert step_badge(jobs).word == said


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        (Approval.REJECTED, "was rejected: revise it, or cancel the run"),
        (Approval.LAPSED, "was not approved in time: revise it, or cancel the run"),
        (None, "was cancelled, and others wait for it: cancel the run"),
    ],
)
def test_a_step_that_is_cancelled_needs_a_person_only_while_others_wait_for_it(
    approval: Approval | None, said: str
) -> None:
    job = a_job(Status.CANCELLED, approval=approval)
    assert need(job, is_waited_for=True) == said
    assert need(job, is_waited_for=False) == ""


def test_a_run_of_which_no_job_is_left_is_not_told_as_completed() -> None:
    assert status_of([], is_cancelled=False) is RunStatus.FORGOTTEN
    run = RunView(1, "ask", 1, "Ask", {}, "ada", NOW, None, RunStatus.FORGOTTEN, {})
    assert run.is_over
    assert run_badge(run.status).word == "Jobs removed"
    assert run_counts(run) == "Its jobs are removed"
