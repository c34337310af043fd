"""What the engine has told since pages were last brought up to date."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.events import (
    AccessChanged,
    BudgetsChanged,
    ChannelsChanged,
    EngineChanged,
    Event,
    JobChanged,
    JobLogged,
    JobProgressed,
    OperationChanged,
    PolicyChanged,
    SchedulesChanged,
    SecretsChanged,
    TypesChanged,
    WebhooksChanged,
    WorkflowsChanged,
)
from engine.views import JobView
from models.states import Status
from ui.since import Since

MAX_REMEMBERED = 20_000


@dataclass
class Changed:
    """The ids of what has changed, and whether something else has that every page may show."""

    jobs: set[int] = field(default_factory=set)
    logged: set[int] = field(default_factory=set)
    operations: set[int] = field(default_factory=set)
    is_stale: bool = False


class News:
    """Collects events until they are taken; one for the process."""

    def __init__(self) -> None:
        self.version = 0
        """Grows with every change."""
        self.changed = Since()
        self.moved_on = Since()
        """Only the progress of jobs."""
        self.access_changed = asyncio.Event()
        self._changed = Changed()
        self._percents: dict[int, float] = {}
        self._sections: dict[int, tuple[str, Status, str | None, str | None]] = {}

    @property
    def has_changed_jobs(self) -> bool:
        """Whether jobs have changed that were not taken yet."""
        return bool(self._changed.jobs)

    def tell(self, event: Event) -> None:
        """Keep what this event says."""
        match event:
            case JobProgressed(job_id, percent):
                self._percents[job_id] = percent
                self.moved_on.set()
                return
            case JobChanged(job_id):
                self._changed.jobs.add(job_id)
            case JobLogged(job_id):
                self._changed.logged.add(job_id)
            case OperationChanged(operation_id):
                self._changed.operations.add(operation_id)
            case AccessChanged():
                self.access_changed.set()
                self._changed.is_stale = True
            case (
                ChannelsChanged()
                | TypesChanged()
                | WebhooksChanged()
                | SecretsChanged()
                | PolicyChanged()
                | WorkflowsChanged()
                | SchedulesChanged()
                | BudgetsChanged()
                | EngineChanged()
            ):
                self._changed.is_stale = True
            case _:
                return
        self.version += 1
        self.changed.set()

    def make_stale(self) -> None:
        """Let every page read again."""
        self._changed.is_stale = True
        self.changed.set()

    def take(self) -> Changed:
        """What has changed since it was taken last."""
        taken, self._changed = self._changed, Changed()
        return taken

    def take_progress(self) -> dict[int, float]:
        """How far jobs are, in percent, of those that have moved on since it was taken last."""
        taken, self._percents = self._percents, {}
        return taken

    def have_moved(self, jobs: Sequence[JobView]) -> bool:
        """Whether any of these jobs is new, or stands elsewhere in lists than when it was last asked about."""
        moved = False
        for job in jobs:
            section = (job.category, job.status, job.approval, job.outcome)
            if self._sections.get(job.id) != section:
                self._sections[job.id] = section
                moved = True
        while len(self._sections) > MAX_REMEMBERED:
            del self._sections[next(iter(self._sections))]
        return moved
