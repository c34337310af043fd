"""One job as a card, and a finished one as a row: shown once, then patched where it differs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.jobs.base import ResultLine
from engine.views import JobView
from models.states import Move, Status
from ui.components.marks import (
    FacetBadge,
    badge_node,
    progress_node,
    show_badge,
    show_progress,
    time_node,
)
from ui.components.media import artifact_url, open_media, plays
from ui.components.node import Node, button, icon_button
from ui.components.selection import pick_box
from ui.present import (
    Action,
    Badge,
    Rights,
    actions,
    duration,
    facet_badge,
    may,
    meta,
    note,
    status_badge,
    web_link,
)

OnAction = Callable[[JobView, Action], object]
OnAnswer = Callable[[JobView, bool], object]


class JobCard:
    """A card of the active list. `on_action` is called for every press, also of a button that is not allowed.

    `on_answer` is called with True for "It went out", and with False for "It did not". `agent_of` tells who does jobs
    of a type, an empty text if nobody does.
    """

    def __init__(
        self,
        job: JobView,
        icon: str,
        now: datetime,
        rights: Rights,
        on_action: OnAction,
        on_answer: OnAnswer,
        *,
        agent_of: Callable[[str], str],
        pickable: bool = False,
    ) -> None:
        self.job = job
        self._rights, self._agent_of = rights, agent_of
        self._on_answer = on_answer
        self._question: Node | None = None
        self._shown: JobView | None = None
        self._told: tuple[str, Badge | None, str] | None = None
        self._on_action = on_action
        self._buttons: list[Node] = []
        self._facet: FacetBadge | None = None
        self._note: Node | None = None
        self._progress: Node | None = None
        with Node("article", "", "job-card", aria_label=job.name, data_job_id=str(job.id), data_icon=icon) as self.root:
            self._box = pick_box(job) if pickable else None
            with Node("div", "", "card-title") as self._title:
                Node("a", job.name, "card-name", href=f"/app/jobs/{job.id}", title=job.name)
                self._status = badge_node()
            self._summary = Node("div", "", "card-summary")
            with Node("div", "", "card-meta"):
                self._priority = Node("span")
                time_node(job.created_at, now)
                self._agent = Node("span", "", "card-agent", hidden=True)
                self._meta = Node("span")
            self._actions = Node("div", "", "card-actions")
        self.show(job, now)

    def show(self, job: JobView, now: datetime) -> None:
        """Bring the card up to date; what shows it already costs nothing, but time alone changes a queued one."""
        told = self._agent_of(job.type), facet_badge(job, now), note(job, now)
        if job == self._shown and told == self._told:
            return
        agent, facet, words_of_note = self._told = told
        self._agent.change(agent, title=f"Done by {agent}", hidden=None if agent else True)
        is_same_attempt = self._shown and self._shown.attempt == job.attempt and job.status is Status.RUNNING
        percent = max(self.job.progress, job.progress) if is_same_attempt else job.progress
        self.job = self._shown = job
        kind = facet.kind if facet else ""
        self.root.change(classes=f"job-card {job.status} {kind}".strip())
        show_badge(self._status, status_badge(job))
        self._show_facet(facet)
        self._summary.change(job.summary, title=job.summary)
        self._priority.change(job.priority.capitalize(), f"priority-{job.priority}")
        words = " · ".join(meta(job))
        self._meta.change(words, title=words)
        self._show_note(words_of_note)
        self._show_question(Move.RESOLVE in job.allowed and may(self._rights, Move.RESOLVE))
        self.progress(percent, now)  # the database is a little behind what was told live
        self._show_actions(actions(job, self._rights))

    def show_pick(self, *, picked: bool) -> None:
        """Whether it is selected."""
        if self._box:
            self._box.change(checked=True if picked else None)

    def progress(self, percent: float, now: datetime) -> None:
        """Glide to the new value: one element, one patch."""
        if self.job.status is not Status.RUNNING:
            if self._progress:
                self._progress.change(hidden=True)
            return
        if self._progress is None:
            with self.root:
                self._progress = progress_node("Progress")
        self.job = replace(self.job, progress=percent)
        show_progress(self._progress, self.job, now)

    # What most cards never show is made when it is first needed: elements are what a page's speed is paid in.

    def _show_facet(self, facet: Badge | None) -> None:
        if facet and self._facet is None:
            with self._title:
                self._facet = FacetBadge()
        if self._facet:
            self._facet.show(facet)

    def _show_note(self, text: str) -> None:
        if text and self._note is None:
            with self.root:
                self._note = Node("div", "", "card-note")
        if self._note:
            self._note.change(text=text, title=text or None)

    def _show_question(self, asked: bool) -> None:
        if asked and self._question is None:
            with (
                self.root,
                Node("div", "", "card-question", role="group", aria_label="Did it go out?") as self._question,
            ):
                Node("strong", "Did it go out?")
                button("It went out", "small").on_press(lambda: self._on_answer(self.job, True), single=True)
                button("It did not", "small").on_press(lambda: self._on_answer(self.job, False), single=True)
                Node("a", "Evidence", href=f"/app/jobs/{self.job.id}")
        if self._question:
            self._question.change(hidden=None if asked else True)

    def _show_actions(self, wanted: list[Action]) -> None:
        for position, action in enumerate(wanted):
            if position == len(self._buttons):
                with self._actions:
                    self._buttons.append(self._button(position, action))
            button = self._buttons[position]
            button.relabel(action.label, action.icon)
            button.change(aria_disabled="true" if action.reason else None, title=action.reason or action.label)
        while len(self._buttons) > len(wanted):
            self._buttons.pop().delete()

    def _button(self, position: int, action: Action) -> Node:
        return icon_button(action.label, action.icon).on_press(
            lambda: self._on_action(self.job, actions(self.job, self._rights)[position]), single=True
        )


class JobRow:
    """A row of the completed list: nothing in it changes any more."""

    def __init__(self, job: JobView, icon: str, now: datetime, result: ResultLine, *, pickable: bool = False) -> None:
        self.job = job
        with Node("article", "", "job-row", aria_label=job.name, data_job_id=str(job.id), data_icon=icon) as self.root:
            self._box = pick_box(job) if pickable else None
            with Node("div", "", "row-what"):
                Node("a", job.name, "card-name", href=f"/app/jobs/{job.id}", title=job.name)
                Node("div", job.summary, "card-summary", title=job.summary)
            show_badge(badge_node(), status_badge(job))
            self._result(result)
            Node("span", _took(job), "row-duration")
            time_node(job.finished_at or job.created_at, now)

    def _result(self, result: ResultLine) -> None:
        url = web_link(result.url)
        with Node("div", "", "row-result"):
            if result.thumbnail:
                classes = "row-thumbnail plays" if plays(self.job) else "row-thumbnail"
                with Node("button", "", classes, type="button", aria_label=f"Show {self.job.name}") as thumbnail:
                    Node("img", src=artifact_url(self.job.id, result.thumbnail), alt="", loading="lazy")
                thumbnail.on_press(lambda: open_media(self.job), single=True)
            if url:
                Node("a", result.text, title=result.text, href=url, target="_blank", rel="noopener")
            else:
                Node("span", result.text, title=result.text)

    def show_pick(self, *, picked: bool) -> None:
        """Whether it is selected."""
        if self._box:
            self._box.change(checked=True if picked else None)

    def show(self, job: JobView, now: datetime) -> None:
        """Nothing to do: a completed job stays as it is."""

    def progress(self, percent: float, now: datetime) -> None:
        """Nothing to do."""


def _took(job: JobView) -> str:
    return duration(job.finished_at - job.started_at) if job.finished_at and job.started_at else ""
