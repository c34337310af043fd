"""Forms that write parts of a workflow: an input, or a step; what stands there already stays as it is written."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from nicegui import ui

from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.workflows.definition import STEP_NAME, STEP_NAME_RULE
from ui.components.dialogs import dialog_frame
from ui.components.fields import labelled
from ui.components.form_dialog import FormDialog, Values
from ui.components.keyboard import give_keyboard
from ui.components.node import Node, button
from ui.components.payload_form import PayloadForm
from ui.layout import Shell

KINDS = {
    "text": "A line of text",
    "multiline": "A longer text",
    "integer": "A whole number",
    "number": "A number",
    "boolean": "Yes or no",
    "list": "A list of texts",
    "channels": "Channels",
}
_KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "multiline": {"type": "string", "format": "multiline"},
    "list": {"type": "array", "items": {"type": "string"}},
    "channels": {"type": "array", "items": {"type": "string"}, "format": "channels"},
}
OnPart = Callable[[str, str, dict[str, Any]], None]
"""Called with the block that a part belongs to, its name, and what it says."""


def with_part(source: str, block: str, name: str, part: dict[str, Any]) -> str:
    """The text with one more part at the end of its block `inputs` or `steps`, which is made if there is none."""
    written = yaml.safe_dump({name: part}, sort_keys=False, allow_unicode=True, width=110)
    lines = [f"  {line}" for line in written.splitlines()]
    above = source.rstrip("\n").splitlines()
    begins = next((at for at, line in enumerate(above) if re.match(rf"{block}\s*:", line)), None)
    if begins is None:
        place = next((at for at, line in enumerate(above) if line.startswith("steps")), len(above))
        place = place if block == "inputs" else len(above)
        return "\n".join([*above[:place], f"{block}:", *lines, *above[place:]]) + "\n"
    above[begins] = f"{block}:" if above[begins].split(":", 1)[1].strip() in ("", "{}") else above[begins]
    ends = next((at for at in range(begins + 1, len(above)) if re.match(r"[^\s#]", above[at])), len(above))
    while ends > begins + 1 and (not above[ends - 1].strip() or above[ends - 1].startswith("#")):
        ends -= 1
    return "\n".join([*above[:ends], *lines, *above[ends:]]) + "\n"


def add_input(taken: Sequence[str], on_part: OnPart) -> None:
    """Ask for an input, and tell what it says."""

    async def made(entered: Values) -> None:
        name = _checked_name(str(entered["name"]), taken)
        part: dict[str, Any] = {**_KINDS.get(entered["kind"], {"type": entered["kind"]})}
        part |= {"title": entered["title"]} if entered["title"] else {}
        if entered["default"].strip():
            part["default"] = _default(entered["kind"], entered["default"].strip())
        on_part("inputs", name, part)

    form = FormDialog("Add an input", "Add input", made)
    form.text("name", "Name", help_text="What templates call it, as in {{ inputs.topic }}")
    form.text("title", "Title", help_text="What stands beside its field; made of the name if empty")
    form.choice("kind", "Kind", KINDS, "text")
    form.text("default", "Default", help_text="Without one, it has to be given. Of a list: separated by commas")
    form.open()


class StepForm:
    """Asks for a step: its job type with the fields of such a job, and what comes before it."""

    def __init__(self, shell: Shell, steps: Sequence[str], on_part: OnPart) -> None:
        self._shell, self._steps, self._on_part = shell, steps, on_part
        self._types = {t.key: t for t in shell.atlas.queries.job_types()}
        self._payload: PayloadForm | None = None
        with ui.context.client.content, dialog_frame("Add a step") as (self._dialog, body):
            with body:
                with labelled("Name", help_text="What other steps call it, as in {{ jobs.film.id }}") as self._label:
                    self._name = ui.input().props(f"outlined dense for={self._label.target} autocomplete=off")
                with labelled("Job type") as label:
                    options = {t.key: f"{t.key} — {t.description}" for t in self._types.values()}
                    self._type = ui.select(options, value=next(iter(options)), on_change=self._show_fields)
                    self._type.props(f"outlined dense for={label.target} popup-content-class=type-menu")
                self._place = Node("div")
                with labelled("After", optional=True, help_text="Steps that have to be over before it") as label:
                    self._after = ui.select(list(steps), multiple=True, value=[])
                    self._after.props(f"outlined dense use-chips for={label.target}")
                with labelled("Only when", optional=True, help_text="As {{ inputs.ask_first }}: else skipped") as label:
                    self._when = ui.input().props(f"outlined dense for={label.target} autocomplete=off")
                with labelled("For each of", optional=True, help_text="As {{ inputs.topics }}: a job each") as label:
                    self._each = ui.input().props(f"outlined dense for={label.target} autocomplete=off")
                self._fault = Node("p", "", "fault-text", role="alert")
            with Node("div", "", "dialog-actions"):
                button("Close").on_press(self._dialog.close)
                button("Add step", "primary").on_press(self._add)
        self._dialog.on("hide", self._dialog.delete)

    async def open(self) -> None:
        """Show it."""
        await self._show_fields()
        self._dialog.open()

    async def _show_fields(self) -> None:
        self._place.clear()
        with self._place:
            self._payload = PayloadForm(self._shell, self._types[self._type.value])
        await self._payload.reload()

    def _add(self) -> None:
        try:
            name = _checked_name(self._name.value or "", self._steps)
        except InvalidInput as error:
            self._fault.change(text=str(error))
            give_keyboard(self._name)
            return
        part: dict[str, Any] = {"type": self._type.value}
        if self._after.value:
            part["after"] = list(self._after.value)
        for key, field in (("when", self._when), ("for_each", self._each)):
            if said := (field.value or "").strip():
                part[key] = said
        part["payload"] = self._payload.payload() if self._payload else {}
        self._on_part("steps", name, part)
        self._dialog.close()


def _checked_name(name: str, taken: Sequence[str]) -> str:
    name = name.strip()
    if not STEP_NAME.fullmatch(name):
        raise InvalidInput([FieldError("name", f"name must be {STEP_NAME_RULE}, not {shown(name)}")])
    if name in taken:
        raise InvalidInput([FieldError("name", f"name must be new, and there is a {name} already")])
    return name


def _default(kind: str, said: str) -> Any:
    if kind in ("list", "channels"):
        return [each.strip() for each in said.split(",") if each.strip()]
    if kind == "boolean":
        return said.lower() in ("yes", "true", "1", "on")
    try:
        return {"integer": int, "number": float}.get(kind, str)(said)
    except ValueError:
        raise InvalidInput([FieldError("default", f"default must be a number, not {shown(said)}")]) from None
