"""One job: what it is, where it stands, what it did, and every attempt with its log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nicegui import PageArguments, ui

from engine import clock
from engine.errors import JobRunnerError, NotFound
from engine.views import AttemptView, EffectView, JobView
from models.states import UNKNOWN, Move, Status
from ui.components.apology import missing
from ui.components.job_card import FacetBadge, badge_node, progress_node, show_badge, show_progress, time_node
from ui.components.moves import move, press
from ui.components.node import Node, button
from ui.components.payload import show_payload
from ui.layout import Shell, StillView
from ui.present import Action, actions, duration, facet_badge, note, status_badge
from ui.reader import Reader

OUTCOMES = {
    "succeeded": ("completed", "check_circle"),
    "failed": ("failed", "error"),
    "retrying": ("retrying", "replay"),
    "unknown": ("unknown", "help"),
    "paused": ("paused", "pause_circle"),
    "cancelled": ("cancelled", "block"),
    "lost": ("failed", "error"),
}


class JobPage(StillView):
    """One tab's view of one job; redrawn when the job changes, its bar patched in between."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        text = arguments.path_parameters["id"]
        self._id = int(text) if text.isdecimal() and len(text) < 19 else 0
        self._bar: Node | None = None
        self._job: JobView | None = None
        Node("a", "All jobs", "button plain back", href="/app/jobs", data_icon="arrow_back")
        self._body = Node("div", "", "stack")
        shell.show("Job Runner", "/app/jobs", self)

    async def refresh(self, reader: Reader) -> None:
        """Read the job again, and draw it."""
        try:
            job = await reader.queries.job(self._id)
        except NotFound:
            self._show_missing()
            return
        attempts = await reader.queries.attempts(self._id)
        effects = await reader.queries.effects(self._id)
        if (seen := (job, attempts, effects)) != getattr(self, "_seen", None):
            self._seen = seen
            self._job = job
            self._body.clear()
            with self._body:
                self._draw(job, attempts, effects)

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
        self._body.clear()
        with self._body:
            missing("job")

    def _draw(self, job: JobView, attempts: list[AttemptView], effects: list[EffectView]) -> None:
        self._draw_head(job)
        if job.outcome == UNKNOWN:
            self._draw_question(job, effects)
        with Node("div", "", "split"):
            with Node("div", "", "stack"):
                self._draw_progress(job)
                if job.result:
                    with _panel("Result"):
                        show_payload(job.result)
                with _panel("Attempts"):
                    for attempt in reversed(attempts):
                        _draw_attempt(attempt, [e for e in effects if e.attempt == attempt.number])
                    if not attempts:
                        Node("span", job.waiting_for or "It was never tried.", "muted")
                with _panel("What was asked for"):
                    show_payload(job.payload)
            with Node("div", "", "stack"):
                self._draw_facts(job)
                self._draw_files(job)

    def _draw_head(self, job: JobView) -> None:
        with Node("div", "", "job-head"):
            Node("h2", job.name)
            show_badge(badge_node(), status_badge(job))
            FacetBadge().show(facet_badge(job, clock.now()))
            Node("span", "", "spacer")
            for action in actions(job):
                pressed = button(action.label, "", action.icon)
                pressed.change(aria_disabled="true" if action.reason else None, title=action.reason or None)
                pressed.on("click", lambda _, a=action: self._press(job, a), args=[])
            for asked, label in ((Move.APPROVE, "Approve"), (Move.REJECT, "Reject")):
                if asked in job.allowed:
                    button(label).on("click", lambda _, m=asked: move(self._atlas, job, m), args=[])
        if job.summary:
            Node("p", job.summary, "muted")

    def _press(self, job: JobView, action: Action) -> object:
        return press(self._atlas, job, action)

    def _draw_progress(self, job: JobView) -> None:
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
        with Node("section", "", "question", aria_label="Did it go out?"):
            Node("h2", "Did it go out?")
            Node(
                "p",
                f"{job.error}. Nobody but the receiving side knows, so it is not repeated by itself.",
                "text-block",
            )
            for effect in effects:
                if effect.phase == "sending":
                    show_payload(
                        {
                            "to": effect.target,
                            "begun": f"{effect.started_at:%Y-%m-%d %H:%M:%S} UTC",
                            **effect.identity,
                        }
                    )
            with Node("div", "", "buttons"):
                button("It went out").on("click", lambda: self._resolve(job, went_out=True), args=[])
                button("It did not: try again").on("click", lambda: self._resolve(job, went_out=False), args=[])

    async def _resolve(self, job: JobView, *, went_out: bool) -> None:
        try:
            await self._atlas.commands.resolve(job.id, went_out=went_out)
        except JobRunnerError as error:
            ui.notify(f"{job.name}: {error}", type="negative", position="bottom")
            return
        ui.notify(
            "Settled: it went out" if went_out else "Settled: queued again",
            type="positive",
            position="bottom",
        )

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

    def _draw_files(self, job: JobView) -> None:
        if names := self._atlas.queries.artifact_names(job.id):
            with _panel("Files"):
                for name in names:
                    with Node("div", "", "list-row"):
                        Node("a", name, href=f"/api/v1/jobs/{job.id}/artifacts/{name}", download=name)


def _panel(title: str) -> Node:
    panel = Node("section", "", "panel", aria_label=title)
    with panel:
        Node("h2", title)
    return panel


def _draw_attempt(attempt: AttemptView, effects: list[EffectView]) -> None:
    with Node("div", "", "attempt"):
        with Node("div", "", "attempt-head"):
            Node("strong", f"Attempt {attempt.number}")
            kind, icon = OUTCOMES.get(attempt.outcome or "", ("running", "autorenew"))
            badge = Node("span", (attempt.outcome or "under way").capitalize(), f"badge tone-{kind}")
            badge.change(data_icon=icon)
            time_node(attempt.started_at, clock.now())
            if attempt.finished_at:
                Node("span", f"took {duration(attempt.finished_at - attempt.started_at)}")
        for effect in effects:
            identity = ", ".join(str(value) for value in effect.identity.values())
            Node("p", f"{effect.target}: {effect.phase} · {identity}", "muted")
        if attempt.error:
            Node("p", attempt.error, "error-line")
        if attempt.log:
            with Node("ul", "", "log"):
                for at, text in attempt.log:
                    with Node("li"):
                        time_node(at, clock.now(), show="clock")
                        Node("span", text)
