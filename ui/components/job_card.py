"""One job as a card, and a finished one as a row: shown once, then patched where it differs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.views import JobView
from models.states import Status
from ui.components.node import Node, icon_button
from ui.present import (
    Action,
    Badge,
    actions,
    ago,
    duration,
    facet_badge,
    meta,
    note,
    progress_words,
    status_badge,
)

OnAction = Callable[[JobView, Action], object]


class JobCard:
    """A card of the active list. `on_action` is called for every press, also of a button that is not allowed."""

    def __init__(self, job: JobView, icon: str, now: datetime, on_action: OnAction) -> None:
        self.job = job
        self._on_action = on_action
        self._buttons: dict[str, Node] = {}
        with Node("article", "", "job-card", aria_label=job.name, data_job_id=str(job.id)) as self.root:
            Node("span", "", "type-icon", data_icon=icon)
            with Node("div", "", "card-body"):
                with Node("div", "", "card-title"):
                    Node("a", job.name, "card-name", href=f"/app/jobs/{job.id}", title=job.name)
                    self._status = badge_node()
                    self._facet = badge_node()
                    self._facet_time = Node("time", "", "badge-time")
                Node("div", job.summary, "card-summary", title=job.summary)
                with Node("div", "", "card-meta"):
                    Node("span", job.priority.capitalize(), f"priority-{job.priority}")
                    time_node(job.created_at, now)
                    self._meta = Node("span")
                self._note = Node("div", "", "card-note")
                self._progress = Node(
                    "div",
                    "",
                    "progress",
                    role="progressbar",
                    aria_valuemin=0,
                    aria_valuemax=100,
                    aria_label="Progress",
                )
            self._actions = Node("div", "", "card-actions")
        self.show(job, now)

    def show(self, job: JobView, now: datetime) -> None:
        """Bring the card up to date."""
        self.job = job
        facet = facet_badge(job, now)
        kind = facet.kind if facet else ""
        self.root.change(classes=f"job-card {job.status} {kind}".strip())
        show_badge(self._status, status_badge(job))
        show_badge(self._facet, facet)
        show_time(self._facet_time, facet.at if facet else None)
        self._meta.change(text=" · ".join(meta(job)))
        said = note(job, now)
        self._note.change(text=said, title=said or None)
        self.progress(job.progress, now)
        self._show_actions(actions(job))

    def progress(self, percent: float, now: datetime) -> None:
        """Glide to the new value: one element, one patch."""
        if self.job.status is not Status.RUNNING:
            self._progress.change(hidden=True)
            return
        self.job = replace(self.job, progress=percent)
        show_progress(self._progress, self.job, now)

    def _show_actions(self, wanted: list[Action]) -> None:
        for move in self._buttons.keys() - {action.move for action in wanted}:
            self._buttons.pop(move).delete()
        for position, action in enumerate(wanted):
            if action.move not in self._buttons:
                with self._actions:
                    self._buttons[action.move] = self._button(action)
                self._buttons[action.move].move(target_index=position)
            disabled = "true" if action.reason else None
            self._buttons[action.move].change(aria_disabled=disabled, title=action.reason or action.label)

    def _button(self, action: Action) -> Node:
        move = action.move

        def pressed() -> object:
            current = next((a for a in actions(self.job) if a.move == move), action)
            return self._on_action(self.job, current)

        return icon_button(action.label, action.icon).on("click", pressed, args=[])


class JobRow:
    """A row of the completed list: nothing in it changes any more."""

    def __init__(self, job: JobView, icon: str, now: datetime, result: tuple[str, str | None]) -> None:
        self.job = job
        text, url = result
        with Node("article", "", "job-row", aria_label=job.name, data_job_id=str(job.id)) as self.root:
            Node("span", "", "type-icon", data_icon=icon)
            with Node("div", "", "row-what"):
                Node("a", job.name, "card-name", href=f"/app/jobs/{job.id}", title=job.name)
                Node("div", job.summary, "card-summary", title=job.summary)
            show_badge(badge_node(), status_badge(job))
            with Node("div", "", "row-result"):
                if url:
                    Node("a", text, title=text, href=url, target="_blank", rel="noopener")
                else:
                    Node("span", text, title=text)
            Node("span", _took(job), "row-duration")
            time_node(job.finished_at or job.created_at, now)

    def show(self, job: JobView, now: datetime) -> None:
        """Nothing to do: a completed job stays as it is."""

    def progress(self, percent: float, now: datetime) -> None:
        """Nothing to do."""


def show_progress(node: Node, job: JobView, now: datetime) -> None:
    """Write a running job's progress into its bar."""
    percent = job.progress
    node.change(
        hidden=None,
        aria_valuenow=round(percent),
        aria_valuetext=progress_words(percent, job.time_left(now)),
        style=f"--done: {percent:.1f}%",
    )


def badge_node() -> Node:
    """An empty badge, for `show_badge`."""
    return Node("span", "", "badge", hidden=True)


def show_badge(node: Node, badge: Badge | None) -> None:
    """Write a badge, or hide it."""
    if badge is None:
        node.change(hidden=True)
    else:
        node.change(badge.word, f"badge tone-{badge.kind}", data_icon=badge.icon, hidden=None)


def time_node(moment: datetime, now: datetime, *, show: str = "ago") -> Node:
    """A moment: relative (or a clock time), exact on hover; the browser keeps it fresh in the reader's zone."""
    node = Node("time")
    show_time(node, moment, now, show=show)
    return node


def show_time(node: Node, moment: datetime | None, now: datetime | None = None, *, show: str = "clock") -> None:
    """Write a moment, or hide it."""
    if moment is None:
        node.change(text="", hidden=True)
        return
    text = ago(moment, now) if now and show == "ago" else f"{moment:%H:%M:%S}"
    if node.props.get("datetime") == moment.isoformat():
        return  # the browser keeps the words
    node.change(
        text,
        hidden=None,
        datetime=moment.isoformat(),
        title=f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        data_show=show,
    )


def _took(job: JobView) -> str:
    return duration(job.finished_at - job.started_at) if job.finished_at and job.started_at else ""
