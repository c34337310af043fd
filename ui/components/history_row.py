"""One job of the history as a row: where it stands, what came of it, who made it and when it ended."""

from collections.abc import Callable
from datetime import datetime

from engine.jobs.base import ResultLine
from engine.views import JobView
from models.states import Status
from ui.components.marks import badge_node, show_badge, show_time
from ui.components.node import Node
from ui.components.selection import pick_box
from ui.present import facet_badge, note, status_badge


class HistoryRow:
    """Patched where it differs; `result_of` says what came of a completed one, in a line."""

    def __init__(
        self,
        job: JobView,
        icon: str,
        now: datetime,
        result_of: Callable[[JobView], ResultLine],
        *,
        pickable: bool = False,
    ) -> None:
        self._shown: JobView | None = None
        self._result_of = result_of
        name = job.name
        with Node(
            "article", "", "job-row history", aria_label=name, data_job_id=str(job.id), data_icon=icon
        ) as self.root:
            self._box = pick_box(job) if pickable else None
            with Node("div", "", "row-what"):
                Node("a", name, "card-name", href=f"/app/jobs/{job.id}", title=name)
                Node("div", job.summary, "card-summary", title=job.summary)
            self._status = badge_node()
            with Node("div", "", "row-result"):
                self._facet, self._note = badge_node(), Node("span")
            Node("span", f"by {job.created_by}", "row-creator", title=f"Created by {job.created_by}")
            self._ended = Node("time")
        self.show(job, now)

    def show(self, job: JobView, now: datetime) -> None:
        """Bring the row up to date."""
        if job == self._shown:
            return
        self._shown = job
        show_badge(self._status, status_badge(job))
        facet = facet_badge(job, now)
        if facet is None or facet.at is None:  # a moment would not fit: the page of the job tells it
            show_badge(self._facet, facet)
        said = self._result_of(job).text if job.status is Status.COMPLETED else note(job, now)
        self._note.change(said, title=said or None)
        show_time(self._ended, job.finished_at or job.created_at, now, show="ago")
        self._ended.change(classes="" if job.finished_at else "not-ended")

    def show_pick(self, *, picked: bool) -> None:
        """Whether it is selected."""
        if self._box:
            self._box.change(checked=True if picked else None)

    def progress(self, percent: float, now: datetime) -> None:
        """Nothing to do: how far it has come is told on its card and its page."""
