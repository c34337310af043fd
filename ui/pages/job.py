"""One job: where it stands, its life as it goes on, what was asked for, what came of it, and what may be done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.approvals.inbox import Item
from engine.errors import NotFound
from engine.life import Life
from engine.schedules.views import MadeBy
from engine.views import EffectView, JobView
from models.rights import Right
from ui.components.asked_for import AskedFor
from ui.components.changes import Change
from ui.components.facts import draw_facts
from ui.components.files import Files
from ui.components.job_decision import draw_decision
from ui.components.job_gone import draw_gone
from ui.components.job_head import draw_head
from ui.components.job_result import JobResult
from ui.components.job_state import draw_state
from ui.components.log_view import Earlier
from ui.components.marks import show_progress
from ui.components.new_job import NewJobDialog
from ui.components.node import Node
from ui.components.question import draw_question, draw_set_aside
from ui.components.redrawn import Redrawn
from ui.components.run_again import run_again, type_of
from ui.components.thread import Thread, version_changes
from ui.components.timeline import Timeline
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw


class JobPage(StillView):
    """One tab's view of one job; each part is drawn anew only when it changed."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._atlas = shell.atlas
        text = arguments.path_parameters["id"]
        self._text, self._id = text, int(text) if text.isdecimal() and len(text) < 19 else 0
        self._bar: Node | None = None
        self._job: JobView | None = None
        self._percent = (0, 0.0)  # of which attempt
        self._effects: list[EffectView] = []
        self._new_job = NewJobDialog(shell)
        Node("a", "All jobs", "button plain back", href="/app/jobs", data_icon="arrow_back", data_back="yes")
        self._missing = Redrawn()
        with Node("div", "", "stack", role="status", aria_label="The job is loading") as self._skeleton:
            for _ in range(3):
                Node("div", "", "skeleton")
        with Node("div", "", "stack", hidden=True) as self._body:
            self._head, self._question = Redrawn(), Redrawn()
            self._decision, self._state = Redrawn(), Redrawn()
            with Node("div", "", "split"):
                with Node("div", "", "stack"):
                    self._draw_life()
                with Node("div", "", "stack"):
                    self._facts, self._files = Redrawn(), Files(shell)
            self._result, self._asked = JobResult(), AskedFor(shell)
        shell.show("Job Runner", "/app/jobs", self)

    def _draw_life(self) -> None:
        with Node("section", "", "panel", aria_label="Timeline of attempts and moves"):
            Node("h2", "Timeline")
            self._timeline = Timeline(self._earlier)
        with Node("section", "", "panel", aria_label="Review") as self._said:
            self._said_title = Node("h2", "Review")
            self._thread = Thread(self._shell)

    # -- what is read ----------------------------------------------------------------------------------------

    async def read(self, reader: Reader) -> Draw:
        """Read the job again; of its log, what is not shown yet."""
        try:
            item = await reader.queries.inbox.item(self._id)
        except NotFound:
            return self._show_missing
        steps, after = item.review.steps, self._timeline.last_line
        life = await reader.queries.lives.read(item.job, steps, after_line=after)
        changes = await version_changes(item.review)
        await self._files.read(item.job)
        await self._asked.read(item.job)
        made_by = await self._atlas.schedule_queries.made(self._id, item.job.run_id)
        return partial(self._show, item, changes, life, made_by)

    def _show(
        self, item: Item, changes: dict[int, tuple[Change, ...]], life: Life, made_by: MadeBy | None = None
    ) -> None:
        job = item.job
        still = replace(job, progress=0)  # the bar is patched, not drawn
        if self._job is None or replace(self._job, progress=0) != still:
            self._job = job
        self._effects = [effect for each in life.tries for effect in each.effects]
        self._skeleton.change(hidden=True)
        self._body.change(hidden=None)
        self._head.show(still, partial(draw_head, self._shell, job, self._run_again, self._edit))
        self._question.show((still, self._effects), partial(self._draw_question, job))
        self._decision.show((still, item.rule, item.review), partial(draw_decision, self._shell, item))
        self._state.show(still, partial(self._draw_state, job))
        self._show_percent(job, job.progress)
        self._timeline.show(job, life)
        self._show_review(item, changes)
        spans = [(each.view.started_at, each.view.finished_at, each.agent) for each in life.tries]
        facts = partial(draw_facts, job, item.rule, life, self._atlas.registry, made_by)
        self._facts.show((still, item.rule, spans, life.parents, life.children, made_by), facts)
        self._files.show()
        self._result.show(job)
        self._asked.show(job)

    def _show_review(self, item: Item, changes: dict[int, tuple[Change, ...]]) -> None:
        """Versions, and room for a comment; the steps themselves stand in the timeline."""
        is_reviewed = item.job.approval is not None or bool(changes)
        is_told = is_reviewed or Right.OPERATE in self._shell.rights
        title = "Review" if is_reviewed else "Comments"
        self._said_title.change(text=title)
        self._said.change(hidden=None if is_told else True, aria_label=title)
        self._thread.show(item.job, replace(item.review, steps=()), changes)

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """A change of this job arrives with the refresh that it causes."""
        if any(job.id == self._id for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def on_progress(self, percents: Mapping[int, float]) -> None:
        """Move the bar."""
        if self._job and self._id in percents:
            self._show_percent(self._job, percents[self._id])

    def on_log(self, job_ids: set[int]) -> bool:
        """New lines are shown as they come."""
        return self._id in job_ids

    def _earlier(self, attempt: int) -> Earlier:
        return partial(self._atlas.queries.lives.earlier_lines, self._id, attempt)

    # -- parts -----------------------------------------------------------------------------------------------

    def _show_missing(self) -> None:
        self._body.client.status_code = 404
        for part in (self._body, self._skeleton):
            part.change(hidden=True)
        self._missing.show("missing", partial(draw_gone, self._text, self._atlas.settings.retention_days))

    def _draw_question(self, job: JobView) -> None:
        draw_question(self._shell, job, self._effects)
        draw_set_aside(self._shell, job)

    def _draw_state(self, job: JobView) -> None:
        self._bar = draw_state(job, self._shell.rights)

    def _show_percent(self, job: JobView, percent: float) -> None:
        """The database is a little behind what is told live, so within an attempt the bar never goes back."""
        attempt, shown = self._percent
        self._percent = (job.attempt, max(percent, shown) if attempt == job.attempt else percent)
        if self._bar:
            show_progress(self._bar, replace(job, progress=self._percent[1]), clock.now())

    # -- what people do --------------------------------------------------------------------------------------

    async def _run_again(self) -> None:
        if self._job:
            await run_again(self._shell, self._job, self._effects)

    async def _edit(self) -> None:
        if self._job and type_of(self._shell, self._job):
            await self._new_job.open(self._job.type, self._id)
