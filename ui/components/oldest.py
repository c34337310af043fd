"""The queued jobs that have waited longest, with why."""

from collections.abc import Sequence

from engine import clock
from engine.views import JobView
from ui.components.keyed import KeyedRows
from ui.components.marks import time_node
from ui.components.node import Node


class OldestPanel:
    """A handful at most."""

    def __init__(self) -> None:
        with Node("section", "", "panel", aria_label="Waiting longest"):
            with Node("div", "", "panel-head"):
                Node("h2", "Waiting longest")
                self._all = Node(
                    "a", "All queued", "more-link", href="/app/jobs?status=queued&sort=oldest", hidden=True
                )
            self._nothing = Node("p", "No job is waiting.", "muted")
            self._rows: KeyedRows[JobView] = KeyedRows("plain-rows", lambda job: job.id, _Row)

    def show(self, jobs: Sequence[JobView]) -> None:
        """Make the rows these."""
        self._rows.show(jobs)
        self._nothing.change(hidden=True if jobs else None)
        self._all.change(hidden=None if jobs else True)


class _Row:
    def __init__(self, job: JobView) -> None:
        with Node("div", "", "plain-row", role="listitem", data_job_id=str(job.id)) as self.root:
            with Node("div", "", "plain-row-head"):
                href = f"/app/jobs/{job.id}"
                self._name = Node("a", job.name, "card-title-link", href=href)
                time_node(job.created_at, clock.now())
            self._summary = Node("span", "", "muted one-line")
            self._why = Node("span", "", "waits")

    def show(self, item: JobView) -> None:
        """Why it waits may change with time alone."""
        self._name.change(text=item.name)
        self._summary.change(text=item.summary, title=item.summary, hidden=None if item.summary else True)
        self._why.change(text=item.waiting_for or "")
