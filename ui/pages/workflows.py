"""Workflows: what can be run, and what was run lately."""

from collections.abc import Sequence
from functools import partial

from nicegui import PageArguments

from engine.views import JobView
from engine.workflows.views import RunView, WorkflowView
from models.rights import Right
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.run_rows import RunRows
from ui.components.run_workflow import RunDialog
from ui.layout import Shell, StillView
from ui.reader import Reader
from ui.tab import Draw

PATH = "/app/workflows"
LATEST = 10


class WorkflowsPage(StillView):
    """One tab's list of workflows."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        shell.show("Workflows", PATH, self)
        with Node("div", "", "toolbar"):
            Node("p", "Jobs that come after each other, started together.", "muted grow")
            if Right.ADMINISTER in shell.rights:
                Node("a", "New workflow", "button primary", href=f"{PATH}/new/edit", data_icon="add")
        with Node("section", "", "workflows", aria_label="Workflows"):
            self._list = Redrawn("workflow-cards")
        with Node("section", "", "panel", aria_label="Latest runs"):
            Node("h2", "Latest runs")
            self._runs = RunRows("Nothing has been run yet. Run one of the workflows above, and watch it here.")

    async def read(self, reader: Reader) -> Draw:
        """Read both again."""
        atlas = self._shell.atlas
        return partial(self._show, await atlas.workflows.all(), await atlas.runs.latest(limit=LATEST))

    def on_jobs(self, jobs: Sequence[JobView]) -> None:
        """How far a run is may be another now."""
        if any(job.run_id for job in jobs):
            self._shell.live.ask_refresh(self._shell)

    def _show(self, workflows: list[WorkflowView], runs: list[RunView]) -> None:
        self._list.show(workflows, partial(self._draw, workflows))
        self._runs.show(runs)

    def _draw(self, workflows: list[WorkflowView]) -> None:
        if not workflows:
            with Node("div", "", "empty"):
                Node("strong", "There are no workflows")
                Node("span", "A workflow is a few lines that say which jobs come after which; then it runs by a press.")
        for workflow in workflows:
            with Node("article", "", "panel workflow-card", aria_label=workflow.title, data_icon="account_tree"):
                Node("a", workflow.title, "card-name", href=f"{PATH}/{workflow.name}")
                Node("p", workflow.description or workflow.name, "muted")
                if workflow.fault:
                    Node("p", f"It cannot be run: {workflow.fault}", "fault-text")
                with Node("div", "", "workflow-foot"):
                    steps = f"{workflow.steps} step{'' if workflow.steps == 1 else 's'}"
                    Node("span", f"{steps} · version {workflow.version}", "muted")
                    if Right.OPERATE in self._shell.rights and not workflow.fault:
                        run = button("Run", "small", "play_arrow", aria_label=f"Run {workflow.title}")
                        run.on_press(partial(self._run, workflow))

    async def _run(self, workflow: WorkflowView) -> None:
        await RunDialog(self._shell, workflow).open()
