"""Where a workflow is written, anew or as the next version of what it is."""

import asyncio
from functools import partial
from typing import Any

from nicegui import PageArguments, ui

from engine.errors import InvalidInput, JobRunnerError, NotFound
from engine.workflows.written import read_yaml
from ui.components.apology import missing
from ui.components.graph import WorkflowGraph
from ui.components.node import Node, button
from ui.components.redrawn import Redrawn
from ui.components.workflow_parts import StepForm, add_input, with_part
from ui.layout import Shell, StillView
from ui.pages.workflow import drawn
from ui.pages.workflows import PATH
from ui.reader import Reader
from ui.tab import Draw

NEW = "new"
CHECK_SECONDS = 0.4
MOST_FAULTS = 20
EXAMPLE = """\
name: my-workflow
title: My workflow
description: A card for each headline, then a post with the first of them.

inputs:
  headlines:
    type: array
    title: Headlines
    description: One a line
    items: {type: string}
    minItems: 1

steps:
  cards:
    type: IMAGE_RENDER
    for_each: "{{ inputs.headlines }}"
    payload:
      headline: "{{ item }}"
  post:
    type: SOCIAL_POST
    requires_approval: true
    payload:
      text: "{{ inputs.headlines[0] }}"
      channels: [feed]
      images:
        - artifact: "{{ jobs.cards.ids[0] }}/card.png"
          alt: "A card that says: {{ inputs.headlines[0] }}"
"""


class EditWorkflowPage(StillView):
    """A workflow as it is written; what is wrong with it, or its graph, is told while somebody writes."""

    def __init__(self, shell: Shell, arguments: PageArguments) -> None:
        self._shell = shell
        name = arguments.path_parameters["name"]
        self._name = None if name == NEW else name
        back = PATH if self._name is None else f"{PATH}/{name}"
        Node("a", "Back without saving", "button plain back", href=back, data_icon="arrow_back")
        self._missing = Redrawn()
        with Node("div", "", "stack") as self._body:
            with Node("section", "", "panel", aria_label="Workflow"):
                with Node("div", "", "panel-head wraps"):
                    Node("h2", "New workflow" if self._name is None else "Next version")
                    button("Add an input", "small", "add").on_press(self._add_input)
                    button("Add a step", "small", "add").on_press(self._add_step)
                self._text = ui.textarea(label="The workflow in YAML").props("outlined autogrow spellcheck=false")
                self._text.classes("code-field workflow-source").on_value_change(self._on_text)
                self._faults = Node("ul", "", "faults", role="alert", aria_label="What is wrong with it")
                with Node("div", "", "dialog-actions"):
                    self._state = Node("span", "", "muted grow", role="status")
                    button("Save", "primary").on_press(self._save)
            with Node("section", "", "panel", aria_label="Steps"):
                Node("h2", "Steps")
                self._graph = WorkflowGraph("Steps of the workflow")
        self._is_filled = False
        self._version: int | None = None  # the one that is begun with
        self._asked = 0
        shell.show("Workflows", PATH, self)

    async def read(self, reader: Reader) -> Draw:
        """Begin with what it is now; what somebody has written since stays."""
        if self._is_filled:
            return lambda: None
        if self._name is None:
            return partial(self._fill, EXAMPLE)
        try:
            workflow = await self._shell.atlas.workflows.workflow(self._name)
        except NotFound:
            return self._show_missing
        return partial(self._fill, workflow.source, workflow.version)

    def _show_missing(self) -> None:
        self._body.client.status_code = 404
        self._body.change(hidden=True)
        self._missing.show("missing", partial(missing, "workflow"))

    def _fill(self, source: str, version: int | None = None) -> None:
        if not self._is_filled:
            self._is_filled, self._version = True, version
            self._text.set_value(source)

    async def _on_text(self) -> None:
        self._asked += 1
        asked = self._asked
        await asyncio.sleep(CHECK_SECONDS)
        if asked == self._asked and not self._text.is_deleted:
            await self._check()

    async def _check(self) -> None:
        asked = self._asked
        try:
            definition = await self._shell.atlas.workflows.check(self._text.value or "")
        except InvalidInput as error:
            if asked == self._asked:
                self._show_faults(error)
            return
        if asked == self._asked:
            self._faults.clear()
            self._state.change(text=f"{definition.title}: {len(definition.written.steps)} steps, nothing wrong")
            self._graph.show(*drawn(self._shell, definition))

    def _add_input(self) -> None:
        add_input(_named(self._text.value or "", "inputs"), self._on_part)

    async def _add_step(self) -> None:
        await StepForm(self._shell, _named(self._text.value or "", "steps"), self._on_part).open()

    def _on_part(self, block: str, name: str, part: dict[str, Any]) -> None:
        self._text.set_value(with_part(self._text.value or "", block, name, part))

    def _show_faults(self, error: InvalidInput) -> None:
        self._faults.clear()
        with self._faults:
            for fault in error.errors[:MOST_FAULTS]:
                at = "" if fault.message.startswith(fault.field) else f"{fault.field}: "
                Node("li", f"{at}{fault.message}")
        left = len(error.errors) - MOST_FAULTS
        self._state.change(text=f"and {left} more faults" if left > 0 else "Not saved: mend this first")

    async def _save(self) -> None:
        self._asked += 1  # no check that was asked for before is told over what comes of this
        save = self._shell.desk.save_workflow
        try:
            saved = await save(self._text.value or "", name=self._name, version=self._version)
        except InvalidInput as error:
            self._show_faults(error)
            return
        except JobRunnerError as error:
            self._state.change(text=f"Not saved: {error}")
            return
        ui.navigate.to(f"{PATH}/{saved.name}")


def _named(source: str, block: str) -> list[str]:
    """The parts that a block has; of a text that cannot be read just now, none."""
    try:
        written = read_yaml(source)
    except InvalidInput:
        return []
    parts = written.get(block) if isinstance(written, dict) else None
    return list(parts) if isinstance(parts, dict) else []
