"""The form of one job type's payload: its fields, what is entered in them, and the faults beside each."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic.fields import FieldInfo

from engine import llm
from ui.components.draft_field import Drafter
from ui.components.fields import Field
from ui.components.form import by_hand, field_for
from ui.components.node import Node
from ui.layout import Shell


class Fillable(Protocol):
    """What has fields: a job type, say."""

    def fields(self) -> dict[str, FieldInfo]:
        """The fields, by name."""
        ...

    def editable(self, stored: dict[str, Any]) -> dict[str, Any]:
        """What was stored, as somebody would enter it."""
        ...


class PayloadForm:
    """Drawn where it is made. What the form has no field for is kept as `fill` gave it."""

    def __init__(self, shell: Shell, job_type: Fillable) -> None:
        self._atlas = shell.atlas
        self._job_type = job_type
        self._kept: dict[str, Any] = {}
        with Node("div", "", "form-fields"):
            drafter = Drafter(llm.missing(shell.atlas.settings), shell.desk.draft)
            self.fields: dict[str, Field] = {
                name: field_for(name, info, drafter) for name, info in by_hand(job_type.fields())
            }

    async def reload(self) -> None:
        """Offer what may be chosen now."""
        for field in self.fields.values():
            await field.reload(self._atlas)

    def fill(self, stored: dict[str, Any]) -> None:
        """Begin with a stored payload."""
        values = self._job_type.editable(stored)
        self._kept = {name: value for name, value in values.items() if name not in self.fields}
        for name, field in self.fields.items():
            if name in values:
                field.fill(values[name])

    def payload(self) -> dict[str, Any]:
        """What was entered, without what was left empty."""
        values = {name: field.value() for name, field in self.fields.items()}
        return {**self._kept, **{name: value for name, value in values.items() if value not in (None, "", [])}}

    def show_faults(self, faults: Mapping[str, str]) -> str:
        """Write each fault beside its field and go to the first; returns those that belong to none."""
        left = dict(faults)
        for name, field in self.fields.items():
            own = [key for key in left if key.removeprefix("payload.").removeprefix("inputs.").split(".")[0] == name]
            field.show_fault("; ".join(left.pop(key) for key in own))
        if first := next((field for field in self.fields.values() if field.is_faulty), None):
            first.focus()
        return "; ".join(left.values())
