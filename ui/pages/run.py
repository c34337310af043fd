"""One run of a workflow: its graph, which lights up as it goes on, and what needs a person."""

from collections.abc import Mapping, Sequence
from functools import partial

from nicegui import PageArguments

from engine import clock
from engine.errors import NotFound
from engine.views import JobView
from engine.workflows.views import Graph, RunStatus, RunView, StepView
from models.rights import Right
from models.states import Status
from ui.components.apology import missing
from ui.components.dialogs import confirm
from ui.components.graph import GraphStep, WorkflowGraph
from ui.components.marks import badge_node, show_badge, time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.run_words import need, run_badge, run_counts, step_badge
from ui.components.run_workflow import RunDialog
from ui.components.toasts import say, tell
from ui.layout import Shell, StillView
from ui.pages.workflows import PATH
from ui.present import duration
from ui.reader import Reader
from ui.tab import Draw

MOST_NEEDS = 20


class RunPage(StillView):
    """One tab's view of one run."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        text = arguments.path_parameters["id"]
        self._id = int(text) if text.isdecimal() and len(text) < 19 else 0
        self._run: RunView | None = None
        Node("a", "All workflows", "button plain back", href=PATH, data_icon="arrow_back")
        self._missing = Redrawn()
        with Node("div", "", "stack") as self._body:
            self._head = Redrawn()
            self._needs = Redrawn()
            with Node("section", "", "panel", aria_label="Steps"):
                Node("h2", "Steps")
                self._graph = WorkflowGraph("Steps of the run")
            self._inputs = Redrawn()
        shell.show("Workflows", PATH, self)

    async def read(self, reader: Reader) -> Draw:
        """Read it again."""
        runs = self._shell.atlas.runs
        try:
            return partial(self._show, await runs.run(self._id), await runs.graph(self._id))
        except NotFound:
            return self._show_missing

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """A step changed."""
        if any(job.run_id == self._id for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def _show_missing(self) -> None:
        self._body.client.status_code = 404
        self._body.change(hidden=True)
        self._missing.show("missing", partial(missing, "run"))

    def _show(self, run: RunView, graph: Graph) -> None:
        self._run = run
        self._head.show(run, partial(self._draw_head, run))
        waited_for = _waited_for(graph)
        found = [(job, need(job, is_waited_for=step.name in waited_for)) for step in graph.steps for job in step.jobs]
        needs = [(job.id, job.name, why) for job, why in found if why]
        self._needs.show(needs, partial(self._draw_needs, needs))
        self._graph.show([self._step(step) for step in graph.steps], graph.edges)
        self._inputs.show(run.inputs, partial(_draw_inputs, run.inputs))

    def _step(self, step: StepView) -> GraphStep:
        job_type = self._shell.atlas.queries.job_type(step.type)
        first = next((job for job in step.jobs if job.status is not Status.COMPLETED), step.jobs[0])
        return GraphStep(
            step.name,
            step.title,
            job_type.icon if job_type else "help",
            f"/app/jobs/{first.id}",
            step_badge(step.jobs),
            is_done=all(job.status is Status.COMPLETED for job in step.jobs),
        )

    def _draw_head(self, run: RunView) -> None:
        with Node("section", "", "panel workflow-head", aria_label=f"Run {run.id}"):
            with Node("div", "", "workflow-title"):
                with Node("div", "", "run-title"):
                    Node("h2", f"{run.title}, run {run.id}")
                    show_badge(badge_node(), run_badge(run.status))
                with Node("p", "", "muted"):
                    Node("span", f"{run_counts(run)} · by {run.created_by} · ")
                    time_node(run.created_at, clock.now())
                    if run.finished_at:
                        Node("span", f" · took {duration(run.finished_at - run.created_at)}")
                Node("a", f"{run.workflow}, version {run.version}", href=f"{PATH}/{run.workflow}")
            with Node("div", "", "buttons"):
                if Right.OPERATE in self._shell.rights:
                    if not run.is_over or run.status is RunStatus.FAILED:
                        button("Cancel run", "plain", "close").on_press(self._ask_cancel)
                    button("Run again", "", "replay").on_press(self._again)

    def _draw_needs(self, needs: Sequence[tuple[int, str, str]]) -> None:
        if not needs:
            return
        with Node("section", "", "panel needs-person", aria_label="What needs you"):
            Node("h2", "What needs you")
            with Node("ul", "", "plain-list"):
                for job_id, name, why in needs[:MOST_NEEDS]:
                    with Node("li"):
                        Node("a", name, href=f"/app/jobs/{job_id}")
                        Node("span", f": {why}", "muted")
            if len(needs) > MOST_NEEDS:
                Node("p", f"and {len(needs) - MOST_NEEDS:,} more", "muted")

    async def _again(self) -> None:
        if self._run is None:
            return
        try:
            workflow = await self._shell.atlas.workflows.workflow(self._run.workflow)
        except NotFound:
            say(f"{self._run.title} was removed, so it cannot be run again", is_good=False)
            return
        await RunDialog(self._shell, workflow, self._run.inputs).open()

    def _ask_cancel(self) -> None:
        async def cancel() -> None:
            await tell(self._shell.desk.cancel_run(self._id), f"Run {self._id} is cancelled")

        sentences = ["Every step that is not over is cancelled, for good. What is done stays done."]
        confirm("Cancel run?", sentences, "Cancel run", "Keep run", cancel)


def _waited_for(graph: Graph) -> set[str]:
    """The steps that others wait for still."""
    waiting = {
        step.name for step in graph.steps if any(job.status is Status.QUEUED and job.blocked for job in step.jobs)
    }
    return {before for before, name in graph.edges if name in waiting}


def _draw_inputs(inputs: Mapping[str, object]) -> None:
    if not inputs:
        return
    with Node("section", "", "panel", aria_label="Inputs"):
        Node("h2", "Inputs")
        with Node("dl", "", "inputs"):
            for name, value in inputs.items():
                if value not in ("", [], None):
                    Node("dt", name.replace("_", " ").capitalize())
                    Node("dd", _said(value), dir="auto", tabindex="0")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
