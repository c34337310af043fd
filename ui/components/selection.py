"""Which jobs are selected: some by hand, on any page, or everything that matches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.finding import Criteria
from engine.views import JobView
from ui.components.many import Chosen, chosen_of
from ui.components.node import Node


@dataclass(frozen=True)
class Everything:
    """All that matches in one list, whether or not it is shown."""

    region: str
    criteria: Criteria
    chosen: Chosen


class Selection:
    """`on_change` is called after every change."""

    def __init__(self, on_change: Callable[[], object]) -> None:
        self._on_change = on_change
        self._last: tuple[str, int] | None = None  # what was ticked last: a range goes from there
        self.jobs: dict[int, JobView] = {}
        self.everything: Everything | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected."""
        return not self.jobs and self.everything is None

    def has(self, region: str, job_id: int) -> bool:
        """Whether this job is selected."""
        return job_id in self.jobs or (self.everything is not None and self.everything.region == region)

    def chosen(self) -> Chosen:
        """What is selected, counted."""
        return self.everything.chosen if self.everything else chosen_of(self.jobs.values())

    def tick(self, region: str, shown: Sequence[JobView], job_id: int, *, on: bool, ranged: bool = False) -> None:
        """Select a job that is shown, or not any more; with `ranged` all those between it and the one before."""
        ids = [job.id for job in shown]
        if job_id not in ids:
            return
        self._come_down(region, shown)
        place, last = ids.index(job_id), self._last
        start = ids.index(last[1]) if ranged and last and last[0] == region and last[1] in ids else place
        self._set(shown[min(start, place) : max(start, place) + 1], on=on)
        self._last = (region, job_id)
        self._on_change()

    def tick_page(self, region: str, shown: Sequence[JobView], *, on: bool) -> None:
        """Select all that is shown in a list, or nothing of it."""
        self._come_down(region, shown)
        self._set(shown, on=on)
        self._on_change()

    def select_everything(self, region: str, criteria: Criteria, chosen: Chosen) -> None:
        """Select all that matches."""
        self.jobs.clear()
        self.everything = Everything(region, criteria, chosen)
        self._on_change()

    def recount(self, chosen: Chosen) -> None:
        """As many match by now."""
        if self.everything:
            self.everything = replace(self.everything, chosen=chosen)

    def clear(self) -> None:
        """Select nothing."""
        self.jobs.clear()
        self.everything = self._last = None
        self._on_change()

    def forget_everything(self) -> None:
        """Something else is looked for: what was selected by hand stays selected."""
        if self.everything:
            self.clear()

    def update(self, jobs: Iterable[JobView]) -> None:
        """Know how those stand by now that are selected."""
        for job in jobs:
            if job.id in self.jobs:
                self.jobs[job.id] = job

    def _come_down(self, region: str, shown: Sequence[JobView]) -> None:
        """From everything to what of it is shown, as soon as somebody chooses by hand."""
        if self.everything and self.everything.region == region:
            self.jobs = {job.id: job for job in shown}
        self.everything = None

    def _set(self, jobs: Iterable[JobView], *, on: bool) -> None:
        for job in jobs:
            if on:
                self.jobs[job.id] = job
            else:
                self.jobs.pop(job.id, None)


def pick_box(job: JobView) -> Node:
    """The box on a card or row; the list hears it."""
    return Node("input", "", "tick pick", type="checkbox", aria_label=f"Select {job.name}", title="Select")
