"""Workflows and their runs, as pages and programs see them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.views import JobView
from models.states import Status
from models.workflow import Standing


class RunStatus(StrEnum):
    """Where a run stands.

    `stuck` has failed steps, and nothing can go on before somebody does something about them. Of one that is
    `forgotten`, no job is left to tell how it went.
    """

    RUNNING = "running"
    WAITING = "waiting"
    STUCK = "stuck"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class WorkflowView:
    """The current version of a workflow; `fault` is why it cannot be run here."""

    name: str
    version: int
    title: str
    description: str
    source: str
    inputs: dict[str, Any]
    """Their JSON Schema."""
    steps: int
    created_by: str
    created_at: datetime
    fault: str | None = None


@dataclass(frozen=True)
class VersionView:
    """A version of a workflow, as it was written; of one that was removed, none is current."""

    name: str
    version: int
    current: bool
    title: str
    description: str
    source: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class RunView:
    """A run; `jobs` is how many jobs stand where, by the words of `Status`."""

    id: int
    workflow: str
    version: int
    title: str
    inputs: dict[str, Any]
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    status: RunStatus
    jobs: dict[str, int]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will happen any more by itself."""
        return self.status in (RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.FAILED, RunStatus.FORGOTTEN)


@dataclass(frozen=True)
class StepView:
    """A step of a run: its job, or the jobs of its list."""

    name: str
    title: str
    type: str
    jobs: tuple[JobView, ...]


@dataclass(frozen=True)
class Graph:
    """The steps, each after those that come before it, and which comes before which, by their names."""

    steps: tuple[StepView, ...]
    edges: tuple[tuple[str, str], ...]


def status_of(standings: Sequence[Standing], *, is_cancelled: bool) -> RunStatus:
    """What the jobs of a run make of it."""
    if not standings:
        return RunStatus.FORGOTTEN
    count: Counter[Status] = Counter()
    can_go_on = asks = 0
    for each in standings:
        count[each.status] += each.jobs
        if each.status is Status.QUEUED and not each.waits:
            asks, can_go_on = (asks + each.jobs, can_go_on) if each.asks else (asks, can_go_on + each.jobs)
    if count[Status.RUNNING] or can_go_on:
        return RunStatus.RUNNING
    if count[Status.QUEUED] or count[Status.PAUSED]:
        if asks or count[Status.PAUSED]:
            return RunStatus.WAITING
        # Those that are queued wait for others: for failed or cancelled ones, unless these were over just now.
        return RunStatus.STUCK if count[Status.FAILED] or count[Status.CANCELLED] else RunStatus.RUNNING
    if is_cancelled:
        return RunStatus.CANCELLED
    if count[Status.FAILED]:
        return RunStatus.FAILED
    return RunStatus.CANCELLED if count[Status.CANCELLED] else RunStatus.COMPLETED
