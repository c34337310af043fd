"""The dialog that runs a workflow: a form made of its inputs."""

from typing import Any

from nicegui import ui

from engine.workflows.runs import Started
from engine.workflows.views import WorkflowView
from ui.components.dialogs import dialog_frame
from ui.components.form_faults import wished
from ui.components.inputs_form import InputsForm
from ui.components.node import Node, button
from ui.components.toasts import say
from ui.layout import Shell


class RunDialog:
    """Stays open, with what was entered, until the run has started."""

    def __init__(self, shell: Shell, workflow: WorkflowView, inputs: dict[str, Any] | None = None) -> None:
        self._shell = shell
        self._workflow = workflow
        self._is_running = False
        with ui.context.client.content, dialog_frame(f"Run {workflow.title}") as (self._dialog, body):
            with body:
                if workflow.description:
                    Node("p", workflow.description, "muted")
                self._form = InputsForm(shell, workflow.inputs)
                self._fault = Node("p", "", "fault-text", role="alert")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(self._dialog.close)
                button("Run", "primary", "play_arrow").on_press(self._run)
        if inputs:
            self._form.fill(inputs)
        self._dialog.on("hide", self._dialog.delete)

    async def open(self) -> None:
        """Show it."""
        await self._form.reload()
        self._dialog.open()

    async def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            not_done, again = "It was not started", "run it again"
            if started := await wished(self._start, self._form, self._fault, not_done=not_done, again=again):
                self._dialog.close()
                say(f"{self._workflow.title}: run {started.id} has started")
                ui.navigate.to(f"/app/runs/{started.id}")
        finally:
            self._is_running = False

    async def _start(self) -> Started:
        return await self._shell.desk.run_workflow(self._workflow.name, self._form.payload())
