"""Where runs and their steps stand, in words that people read."""

from collections import Counter
from collections.abc import Sequence

from engine.views import JobView
from engine.workflows.views import RunStatus, RunView
from models.states import UNKNOWN, Approval, Status
from ui.present import Badge, status_badge
from ui.theme import FACETS, STATUSES

_RUNS: dict[RunStatus, tuple[str, str, str]] = {
    RunStatus.RUNNING: ("running", "autorenew", "Running"),
    RunStatus.WAITING: ("approval", "front_hand", "Needs a person"),
    RunStatus.STUCK: ("failed", "error", "Stuck"),
    RunStatus.COMPLETED: ("completed", "check_circle", "Completed"),
    RunStatus.FAILED: ("failed", "error", "Failed"),
    RunStatus.CANCELLED: ("cancelled", "block", "Cancelled"),
    RunStatus.FORGOTTEN: ("cancelled", "delete_sweep", "Jobs removed"),
}
_REFUSED: dict[str, str] = {
    Approval.REJECTED: "was rejected: revise it, or cancel the run",
    Approval.LAPSED: "was not approved in time: revise it, or cancel the run",
}
_ORDER = (Status.FAILED, Status.RUNNING, Status.PAUSED, Status.QUEUED, Status.CANCELLED, Status.COMPLETED)


def run_badge(status: RunStatus) -> Badge:
    """Where a run stands."""
    return Badge(*_RUNS[status])


def run_counts(run: RunView) -> str:
    """How far it is, as in "3 of 5 steps done"."""
    total = sum(run.jobs.values())
    if not total:
        return "Its jobs are removed"
    return f"{run.jobs.get(Status.COMPLETED, 0):,} of {total:,} done"


def is_skipped(job: JobView) -> bool:
    """Whether its condition did not hold."""
    return job.status is Status.COMPLETED and bool((job.result or {}).get("skipped"))


def step_badge(jobs: Sequence[JobView]) -> Badge:
    """Where a step stands; of a list, what a person should know of first."""
    if len(jobs) == 1:
        return _badge(jobs[0])
    count = Counter(job.status for job in jobs)
    if unknown := sum(job.outcome == UNKNOWN for job in jobs):
        return _facet("unknown", f"{unknown} unknown")
    asks = sum(_asks(job) for job in jobs)
    if asks and not count[Status.FAILED]:
        return _facet("approval", f"{asks} {'needs' if asks == 1 else 'need'} approval")
    status = next(each for each in _ORDER if count[each])
    if status is Status.COMPLETED:
        return Badge(status, STATUSES[status].icon, f"All {len(jobs)} completed")
    style = STATUSES[status]
    if status is Status.FAILED:
        return Badge(status, style.icon, f"{count[status]} of {len(jobs)} failed")
    return Badge(status, style.icon, f"{count[Status.COMPLETED]} of {len(jobs)} done")


def need(job: JobView, *, is_waited_for: bool) -> str:
    """What a person can do about a step, if anything; `is_waited_for` by others, which wait for it still."""
    if job.outcome == UNKNOWN:
        return "nobody knows whether it went out"
    if job.status is Status.FAILED:
        return f"failed: {job.error or 'nobody said why'}"
    if _asks(job):
        return "waits for approval"
    if job.status is Status.PAUSED:
        return "is paused"
    if job.status is not Status.CANCELLED or not is_waited_for:
        return ""
    said = "was cancelled, and others wait for it: cancel the run"
    return _REFUSED.get(job.approval or "", said)


def _asks(job: JobView) -> bool:
    return job.status is Status.QUEUED and job.approval == Approval.PENDING


def _badge(job: JobView) -> Badge:
    if job.outcome == UNKNOWN:
        return _facet("unknown", "Did it go out?")
    if _asks(job):
        return _facet("approval", "Needs approval")
    if is_skipped(job):
        return Badge("cancelled", "redo", "Skipped")
    if job.status is Status.QUEUED and job.blocked:
        return Badge("cancelled", "schedule", "Comes later")
    return status_badge(job)


def _facet(key: str, word: str) -> Badge:
    facet = FACETS[key]
    return Badge(facet.kind, facet.icon, word)
