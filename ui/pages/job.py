"""One job: what it is, where it stands, what it did, and every attempt with its log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import PageArguments

from engine import clock
from engine.approvals.inbox import Item
from engine.errors import NotFound
from engine.views import AttemptView, EffectView, JobView
from models.states import UNKNOWN, Approval, Move, Status
from ui.components.apology import missing
from ui.components.attempts import Attempts
from ui.components.changes import Change
from ui.components.files import Files
from ui.components.inbox_list import PATH as INBOX
from ui.components.job_card import FacetBadge, badge_node, progress_node, show_badge, show_progress, time_node
from ui.components.media import SHOWN_AS_MEDIA, has_media, show_media
from ui.components.moves import ask_reject, move, press
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.components.question import draw_question
from ui.components.redrawn import Redrawn
from ui.components.revise import open_revise
from ui.components.shown_item import decided
from ui.components.thread import Thread, version_changes
from ui.layout import Shell, StillView
from ui.live import Draw
from ui.present import Action, actions, duration, facet_badge, may, note, status_badge
from ui.reader import Reader
from ui.theme import MOVES

_TOLD_ABOVE = (Approval.REJECTED, Approval.LAPSED)


class JobPage(StillView):
    """One tab's view of one job; each part is drawn anew only when it changed."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        text = arguments.path_parameters["id"]
        self._id = int(text) if text.isdecimal() and len(text) < 19 else 0
        self._bar: Node | None = None
        self._job: JobView | None = None
        Node("a", "All jobs", "button plain back", href="/app/jobs", data_icon="arrow_back")
        self._missing = Redrawn()
        with Node("div", "", "stack") as self._body:
            self._head, self._question = Redrawn("stack"), Redrawn()
            self._decision = Redrawn()
            with Node("div", "", "split"):
                with Node("div", "", "stack"):
                    self._state, self._result = Redrawn(), Redrawn()
                    with _panel("Attempts"):
                        self._attempts, self._untried = Attempts(), Node("span", "", "muted")
                    self._payload = Redrawn()
                    with _panel("Review") as self._said:
                        self._thread = Thread(shell)
                with Node("div", "", "stack"):
                    self._facts, self._files = Redrawn(), Files(shell)
        shell.show("Job Runner", "/app/jobs", self)

    async def read(self, reader: Reader) -> Draw:
        """Read the job again."""
        try:
            item = await reader.queries.inbox.item(self._id)
        except NotFound:
            return self._show_missing
        attempts = await reader.queries.attempts(self._id)
        effects = await reader.queries.effects(self._id)
        changes = await version_changes(item.review)
        await self._files.read(item.job)
        return partial(self._show, item, changes, attempts, effects)

    def _show(
        self,
        item: Item,
        changes: dict[int, tuple[Change, ...]],
        attempts: list[AttemptView],
        effects: list[EffectView],
    ) -> None:
        job = item.job
        still = replace(job, progress=0)  # the bar is patched, not drawn
        if self._job is None or replace(self._job, progress=0) != still:
            self._job = job
        self._head.show(still, partial(self._draw_head, job))
        self._question.show((still, effects), partial(draw_question, self._shell, job, effects))
        self._decision.show((still, item.rule, item.review), partial(self._draw_decision, item))
        self._state.show(still, partial(self._draw_state, job))
        self._result.show(job.result, partial(_draw_result, job))
        self._attempts.show(attempts, effects)
        is_told_above = bool(note(job, clock.now()))
        why = "Not tried yet." if is_told_above else job.waiting_for or "It was never tried."
        self._untried.change(text="" if attempts else why)
        is_reviewed = job.approval is not None or bool(item.review.steps)
        self._said.change(hidden=None if is_reviewed else True)
        self._thread.show(job, item.review, changes)
        self._payload.show(job.payload, partial(_draw_values, "What was asked for", job.payload))
        self._facts.show(still, partial(self._draw_facts, job))
        self._files.show()

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """A change of this job arrives with the refresh that it causes."""
        if any(job.id == self._id for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bar."""
        if self._bar and self._job and self._id in percents:
            show_progress(self._bar, replace(self._job, progress=percents[self._id]), clock.now())

    def on_log(self, job_ids: set[int]) -> bool:
        """New lines are shown as they come."""
        return self._id in job_ids

    # -- parts -----------------------------------------------------------------------------------------------

    def _show_missing(self) -> None:
        self._body.client.status_code = 404
        self._body.change(hidden=True)
        self._missing.show("missing", partial(missing, "job"))

    def _draw_head(self, job: JobView) -> None:
        with Node("div", "", "job-head"):
            Node("h2", job.name)
            show_badge(badge_node(), status_badge(job))
            FacetBadge().show(facet_badge(job, clock.now()))
            Node("span", "", "spacer")
            for action in actions(job, self._shell.rights):
                pressed = button(action.label, "", action.icon)
                pressed.change(aria_disabled="true" if action.reason else None, title=action.reason or None)
                pressed.on_press(partial(self._press, job, action))
            if Move.APPROVE in job.allowed and may(self._shell.rights, Move.APPROVE):
                button("Approve job").on_press(partial(move, self._shell, job, Move.APPROVE), single=True)
                button("Reject job").on_press(partial(ask_reject, self._shell, job))
        if job.summary:
            Node("p", job.summary, "muted")

    def _press(self, job: JobView, action: Action) -> object:
        return press(self._shell, job, action)

    def _draw_state(self, job: JobView) -> None:
        self._bar = None
        said = note(job, clock.now())
        if job.status is Status.RUNNING:
            with _panel("Progress"):
                self._bar = progress_node("Progress")
                show_progress(self._bar, job, clock.now())
        elif said and job.outcome != UNKNOWN and not (job.approval in _TOLD_ABOVE and job.status is Status.CANCELLED):
            with _panel("Why it failed" if job.status is Status.FAILED else "Where it stands"):
                Node("p", said, "text-block")

    def _draw_decision(self, item: Item) -> None:
        """What the review came to, and the way on: look at it, take it back, or do it otherwise."""
        job = item.job
        if job.approval is None:
            return
        with Node("section", "", f"panel decision {job.approval}", aria_label="Approval"):
            if job.approval == Approval.PENDING:
                Node("p", f"Needs approval: {job.approval_reason or 'it was asked for'}", "why", data_icon="front_hand")
            else:
                told, tone = decided(item)
                Node("p", told, f"decided tone-{tone}", data_icon="info")
            for words in item.review.missing:
                Node("p", f"It takes {words}", "muted")
            with Node("div", "", "buttons"):
                if Move.APPROVE in job.allowed:
                    Node("a", "Look at it in Approvals", "button small", href=f"{INBOX}?job={job.id}")
                if Move.REVISE in job.allowed and may(self._shell.rights, Move.REVISE):
                    label = "Revise" if job.status is Status.CANCELLED else "Edit"
                    button(label, "small", "edit").on_press(partial(open_revise, self._shell, job))
                if Move.UNDO_APPROVAL in job.allowed and not job.undo_until and may(self._shell.rights, Move.APPROVE):
                    undo = MOVES[Move.UNDO_APPROVAL]
                    take_back = button(undo.label, "small", undo.icon)
                    take_back.on_press(partial(move, self._shell, job, Move.UNDO_APPROVAL), single=True)

    def _draw_facts(self, job: JobView) -> None:
        with _panel("Facts"), Node("dl", "", "facts"):
            for name, value in (
                ("Id", str(job.id)),
                ("Type", job.type),
                ("Priority", job.priority.capitalize()),
                ("Created by", job.created_by),
                ("Attempt", f"{job.attempt} of {job.max_attempts}"),
            ):
                Node("dt", name)
                Node("dd", value)
            for name, moment in (
                ("Created", job.created_at),
                ("Asked to run", job.run_at),
                ("Started", job.started_at),
                ("Finished", job.finished_at),
            ):
                if moment:
                    Node("dt", name)
                    with Node("dd"):
                        time_node(moment, clock.now())
            if job.started_at and job.finished_at:
                Node("dt", "Took")
                Node("dd", duration(job.finished_at - job.started_at))


def _draw_result(job: JobView) -> None:
    """What was made, then what is told of it; the names of files are told by the list of them."""
    if not job.result:
        return
    with _panel("Result"):
        if job.status is Status.COMPLETED and has_media(job):
            with Node("div", "", "media"):
                show_media(job)
        shown = {name: value for name, value in job.result.items() if not (has_media(job) and name in SHOWN_AS_MEDIA)}
        show_payload(shown)


def _draw_values(title: str, values: dict[str, Any] | None) -> None:
    if values:
        with _panel(title):
            show_payload(values)


def _panel(title: str) -> Node:
    panel = Node("section", "", "panel", aria_label=title)
    with panel:
        Node("h2", title)
    return panel
