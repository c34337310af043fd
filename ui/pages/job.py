"""One job: what it is, where it stands, what it did, and every attempt with its log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import PageArguments

from engine import clock
from engine.errors import NotFound
from engine.views import AttemptView, EffectView, JobView
from models.states import UNKNOWN, Move, Status
from ui.components.apology import missing
from ui.components.attempts import Attempts
from ui.components.files import Files
from ui.components.job_card import FacetBadge, badge_node, progress_node, show_badge, show_progress, time_node
from ui.components.media import SHOWN_AS_MEDIA, has_media, show_media
from ui.components.moves import ask_reject, move, press, resolve
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.components.redrawn import Redrawn
from ui.layout import Shell, StillView
from ui.live import Draw
from ui.present import Action, actions, duration, facet_badge, may, note, status_badge
from ui.reader import Reader


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
            with Node("div", "", "split"):
                with Node("div", "", "stack"):
                    self._state, self._result = Redrawn(), Redrawn()
                    with _panel("Attempts"):
                        self._attempts, self._untried = Attempts(), Node("span", "", "muted")
                    self._payload = Redrawn()
                with Node("div", "", "stack"):
                    self._facts, self._files = Redrawn(), Files(shell)
        shell.show("Job Runner", "/app/jobs", self)

    async def read(self, reader: Reader) -> Draw:
        """Read the job again."""
        try:
            job = await reader.queries.job(self._id)
        except NotFound:
            return self._show_missing
        attempts = await reader.queries.attempts(self._id)
        effects = await reader.queries.effects(self._id)
        await self._files.read(job)
        return partial(self._show, job, attempts, effects)

    def _show(self, job: JobView, attempts: list[AttemptView], effects: list[EffectView]) -> None:
        still = replace(job, progress=0)  # the bar is patched, not drawn
        if self._job is None or replace(self._job, progress=0) != still:
            self._job = job
        self._head.show(still, partial(self._draw_head, job))
        self._question.show((still, effects), partial(self._draw_question, job, effects))
        self._state.show(still, partial(self._draw_state, job))
        self._result.show(job.result, partial(_draw_result, job))
        self._attempts.show(attempts, effects)
        is_told_above = bool(note(job, clock.now()))
        why = "Not tried yet." if is_told_above else job.waiting_for or "It was never tried."
        self._untried.change(text="" if attempts else why)
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
                button("Approve job").on_press(partial(move, self._shell, job, Move.APPROVE))
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
        elif said and job.outcome != UNKNOWN:
            with _panel("Why it failed" if job.status is Status.FAILED else "Where it stands"):
                Node("p", said, "text-block")

    def _draw_question(self, job: JobView, effects: list[EffectView]) -> None:
        if Move.RESOLVE not in job.allowed:
            return
        with Node("section", "", "question", aria_label="Did it go out?"):
            Node("h2", "Did it go out?")
            Node(
                "p",
                f"{(job.error or '').rstrip('.')}. Only the receiving side knows, so it is not repeated by itself.",
                "text-block",
            )
            sending = [effect for effect in effects if effect.phase == "sending"]
            in_question = sending or [effect for effect in effects if effect.phase == "failed"]
            for effect in in_question:
                begun = f"{effect.started_at:%Y-%m-%d %H:%M:%S} UTC"
                show_payload({"to": effect.target, "begun": begun, **effect.identity})
                if len(sending) > 1:
                    self._draw_answers(job, effect.target)
            if len(sending) < 2:
                self._draw_answers(job)

    def _draw_answers(self, job: JobView, target: str | None = None) -> None:
        if not may(self._shell.rights, Move.RESOLVE):
            return
        where = f" to {target}" if target else ""
        with Node("div", "", "buttons"):
            for label, went_out in (("It went out", True), ("It did not: try again", False)):
                answer = button(label, aria_label=f"{label}{where}")
                answer.on_press(partial(resolve, self._shell, job, went_out=went_out, target=target))

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
