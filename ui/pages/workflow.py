"""One workflow: its graph, its runs, and how it is written."""

from collections.abc import Sequence
from functools import partial

from nicegui import PageArguments, ui

from engine import clock
from engine.errors import InvalidInput, NotFound
from engine.views import JobView
from engine.workflows.definition import Definition
from engine.workflows.views import RunView, WorkflowView
from models.rights import Right
from ui.components.apology import missing
from ui.components.dialogs import confirm
from ui.components.graph import GraphStep, WorkflowGraph
from ui.components.marks import time_node
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.run_rows import RunRows
from ui.components.run_workflow import RunDialog
from ui.components.toasts import tell
from ui.layout import Shell, StillView
from ui.pages.workflows import PATH
from ui.reader import Reader
from ui.tab import Draw

MOST_RUNS = 20


class WorkflowPage(StillView):
    """One tab's view of one workflow."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        self._name = arguments.path_parameters["name"]
        self._is_asked = arguments.query_parameters.get("run") == "yes" and Right.OPERATE in shell.rights
        Node("a", "All workflows", "button plain back", href=PATH, data_icon="arrow_back")
        self._missing = Redrawn()
        with Node("div", "", "stack") as self._body:
            self._head = Redrawn()
            with Node("section", "", "panel", aria_label="Steps"):
                Node("h2", "Steps")
                self._graph = WorkflowGraph("Steps of the workflow")
            with Node("section", "", "panel", aria_label="Runs"):
                Node("h2", "Runs")
                self._runs = RunRows("It has not been run yet.")
            self._source = Redrawn()
        shell.show("Workflows", PATH, self)

    async def read(self, reader: Reader) -> Draw:
        """Read it again."""
        atlas = self._shell.atlas
        try:
            workflow = await atlas.workflows.workflow(self._name)
        except NotFound:
            return self._show_missing
        try:
            _, definition = await atlas.workflows.found(self._name)
        except InvalidInput:
            return partial(self._show, workflow, None, await atlas.runs.latest(self._name, limit=MOST_RUNS))
        return partial(self._show, workflow, definition, await atlas.runs.latest(self._name, limit=MOST_RUNS))

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """How far a run is may be another now."""
        if any(job.run_id for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def _show_missing(self) -> None:
        self._body.client.status_code = 404
        self._body.change(hidden=True)
        self._missing.show("missing", partial(missing, "workflow"))

    def _show(self, workflow: WorkflowView, definition: Definition | None, runs: list[RunView]) -> None:
        self._head.show(workflow, partial(self._draw_head, workflow))
        if definition:
            self._graph.show(*drawn(self._shell, definition))
        self._runs.show(runs)
        self._source.show(workflow.source, partial(_draw_source, workflow))
        if self._is_asked and not workflow.fault:
            self._is_asked = False
            ui.timer(0, partial(self._run, workflow), once=True)

    def _draw_head(self, workflow: WorkflowView) -> None:
        with Node("section", "", "panel workflow-head", aria_label=workflow.title):
            with Node("div", "", "workflow-title"):
                Node("h2", workflow.title)
                Node("p", workflow.description, "muted")
                with Node("p", "", "muted"):
                    Node("span", f"{workflow.name} · version {workflow.version} · by {workflow.created_by} · ")
                    time_node(workflow.created_at, clock.now())
                if workflow.fault:
                    Node("p", f"It cannot be run: {workflow.fault}", "fault-text")
            with Node("div", "", "buttons"):
                if Right.ADMINISTER in self._shell.rights:
                    button("Remove", "plain", "delete").on_press(partial(self._ask_remove, workflow))
                    Node("a", "Edit", "button", href=f"{PATH}/{workflow.name}/edit", data_icon="edit")
                if Right.OPERATE in self._shell.rights and not workflow.fault:
                    button("Run", "primary", "play_arrow").on_press(partial(self._run, workflow))

    async def _run(self, workflow: WorkflowView) -> None:
        await RunDialog(self._shell, workflow).open()

    def _ask_remove(self, workflow: WorkflowView) -> None:
        async def remove() -> None:
            if await tell(self._shell.desk.remove_workflow(workflow.name), f"{workflow.title} is removed"):
                ui.navigate.to(PATH)

        sentences = [f"Nobody can run {workflow.title} any more. Its runs go on, and stay to be looked at."]
        confirm("Remove workflow?", sentences, "Remove workflow", "Keep workflow", remove)


def drawn(shell: Shell, definition: Definition) -> tuple[list[GraphStep], list[tuple[str, str]]]:
    """A workflow's steps and lines, as its graph shows them."""
    steps = []
    for name in definition.order:
        step = definition.written.steps[name]
        job_type = shell.atlas.queries.job_type(step.type)
        title = name.replace("_", " ").capitalize()
        note = (job_type.label if job_type else step.type) + (", for each" if step.for_each is not None else "")
        steps.append(GraphStep(name, title, job_type.icon if job_type else "help", note=note))
    edges = [(before, name) for name in definition.order for before in definition.parents[name]]
    return steps, edges


def _draw_source(workflow: WorkflowView) -> None:
    with Node("details", "", "panel"):
        Node("summary", "As it is written")
        Node("pre", workflow.source, "code", tabindex="0")
