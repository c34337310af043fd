"""The dialog in which a schedule is made or changed."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from engine.errors import InvalidInput, JobRunnerError
from engine.schedules.cron import time_zones
from engine.schedules.terms import Wish
from engine.schedules.views import ScheduleView
from engine.workflows.views import WorkflowView
from ui.components.dialogs import dialog_frame
from ui.components.fields import PriorityField, labelled
from ui.components.inputs_form import InputsForm
from ui.components.keyboard import give_keyboard
from ui.components.node import Node, button
from ui.components.payload_form import PayloadForm
from ui.components.schedule_when import BROWSERS_ZONE, When, show_fault
from ui.components.toasts import say
from ui.layout import Shell

MISSED = {
    "once": "Start once for all of them",
    "skip": "Skip them",
    "all": "Start all of them, at most 100",
}
OVERLAP = {"skip": "Skip that time", "queue": "Start anyway"}
PAYLOAD, INPUTS = "target.job.", "target.workflow."
FLOW = "workflow:"
ANSWER_SECONDS = 3.0


async def open_schedule_form(shell: Shell, begun: ScheduleView | None = None) -> None:
    """Ask for a new schedule, or what one is to be from now on; in the browser's zone unless it has one."""
    zone = begun.time_zone if begun else await _browsers_zone()
    form = ScheduleForm(shell, begun, zone, await shell.atlas.workflows.all())
    await form.open()


async def _browsers_zone() -> str:
    try:
        asked = await ui.run_javascript(BROWSERS_ZONE, timeout=ANSWER_SECONDS)
    except TimeoutError:
        return "UTC"
    return asked if asked in time_zones() else "UTC"


class ScheduleForm:
    """Stays open, with what was entered, until the schedule is as it was wished; then it goes away."""

    def __init__(self, shell: Shell, begun: ScheduleView | None, zone: str, workflows: Sequence[WorkflowView]) -> None:
        self._shell = shell
        self._begun = begun
        self._job: dict[str, Any] = dict(begun.target.get("job", {})) if begun else {}
        self._run: dict[str, Any] = dict(begun.target.get("workflow", {})) if begun else {}
        self._types = {t.key: t for t in shell.atlas.queries.job_types() if t.by_hand or t.key == self._job.get("type")}
        self._workflows = {f"{FLOW}{w.name}": w for w in workflows if not w.fault}
        self._payload: PayloadForm | None = None
        title, verb = ("Change schedule", "Save schedule") if begun else ("New schedule", "Create schedule")
        with ui.context.client.content, dialog_frame(title) as (self._dialog, body):
            with body:
                self._build(zone)
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(self._dialog.close)
                button(verb, "primary").on_press(self._submit)
        self._dialog.on("hide", self._dialog.delete)

    async def open(self) -> None:
        """Show it."""
        await self._show_fields()
        if self._payload and (self._job or self._run):
            self._payload.fill(self._run.get("inputs", {}) if self._run else self._job["payload"])
        self._dialog.open()

    def _build(self, zone: str) -> None:
        with labelled("Name", help_text="As it is called here, and on the jobs that it starts") as self._name_label:
            self._name = ui.input(value=self._begun.name if self._begun else "")
            self._name.props(f"outlined dense for={self._name_label.target} autocomplete=off")
        with labelled("Job type or workflow") as self._type_label:
            options = {key: f"Workflow {flow.title} — {flow.description}" for key, flow in self._workflows.items()}
            options = {t.key: f"{t.key} — {t.description}" for t in self._types.values()} | options
            begun = f"{FLOW}{self._run['name']}" if self._run else self._job.get("type")
            first = begun if begun in options else next(iter(options))
            self._type = ui.select(options, value=first, on_change=self._show_fields)
            self._type.props(f"outlined dense for={self._type_label.target} popup-content-class=type-menu")
        self._place = Node("div")
        self._priority = PriorityField()
        self._priority.choose(self._job.get("priority", self._priority.value))
        self._when = When(self._shell, self._begun, zone)
        missed, overlap = (self._begun.missed, self._begun.overlap) if self._begun else ("once", "skip")
        self._missed_label, self._missed = _choice("Times that passed while nothing ran", MISSED, missed)
        self._overlap_label, self._overlap = _choice("While the run before is not over", OVERLAP, overlap)
        self._fault = Node("p", "", "fault-text", role="alert")

    async def _show_fields(self) -> None:
        self._place.clear()
        with self._place:
            self._payload = self._chosen()
        await self._payload.reload()
        self._priority.root.change(hidden=True if self._type.value in self._workflows else None)

    def _chosen(self) -> PayloadForm:
        if workflow := self._workflows.get(self._type.value):
            return InputsForm(self._shell, workflow.inputs)
        return PayloadForm(self._shell, self._types[self._type.value])

    def _wish(self) -> Wish:
        """What was entered; what the form has no field for stays as it was."""
        policies = {"missed": self._missed.value, "overlap": self._overlap.value}
        return Wish((self._name.value or "").strip(), self._target(), **self._when.entered(), **policies)

    def _target(self) -> dict[str, Any]:
        key, entered = self._type.value, self._payload.payload() if self._payload else {}
        if workflow := self._workflows.get(key):
            return {"workflow": {"name": workflow.name, "inputs": entered}}
        job = {**(self._job if key == self._job.get("type") else {}), "type": key, "priority": self._priority.value}
        return {"job": {**job, "payload": entered}}

    async def _submit(self) -> None:
        try:
            wish = self._wish()
            if self._begun:
                view = await self._shell.desk.change_schedule(self._begun.id, wish)
            else:
                view = await self._shell.desk.create_schedule(wish)
        except InvalidInput as error:
            self._show_faults({each.field: each.message for each in error.errors})
            return
        except JobRunnerError as error:
            self._show_faults({"": str(error)})
            return
        say(f"{view.name}: {view.words}")
        self._dialog.close()

    def _show_faults(self, faults: dict[str, str]) -> None:
        left = self._when.show_faults(faults)
        own = (("name", self._name_label), ("missed", self._missed_label), ("overlap", self._overlap_label))
        for name, label in own:
            show_fault(label, left.pop(name, ""))
        show_fault(self._type_label, left.pop(f"{PAYLOAD}type", "") or left.pop(f"{INPUTS}name", ""))
        of_payload = {
            key.removeprefix(PAYLOAD).removeprefix(INPUTS): left.pop(key)
            for key in list(left)
            if key.startswith((PAYLOAD, INPUTS))
        }
        rest = [self._payload.show_faults(of_payload) if self._payload else "", *left.values()]
        self._fault.change(text="; ".join(each for each in rest if each))
        if self._name_label.fault.text:
            give_keyboard(self._name)
        elif not of_payload and not self._when.focus_fault() and self._missed_label.fault.text:
            give_keyboard(self._missed)


def _choice(title: str, options: dict[str, str], value: str) -> tuple[Any, ui.select]:
    with labelled(title) as label:
        node = ui.select(dict(options), value=value).props(f"outlined dense for={label.target}")
    return label, node
