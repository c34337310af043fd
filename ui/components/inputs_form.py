"""The form of a workflow's inputs."""

from typing import Any

from pydantic.fields import FieldInfo

from engine.jobs.defined import form_fields
from ui.components.payload_form import PayloadForm
from ui.layout import Shell

_EMPTY: dict[str, Any] = {"string": "", "array": []}


class InputsForm(PayloadForm):
    """What was emptied is told as empty where the input has a default, which would come back otherwise."""

    def __init__(self, shell: Shell, schema: dict[str, Any]) -> None:
        self._inputs: dict[str, dict[str, Any]] = schema["properties"]
        self._given: dict[str, Any] = {}
        super().__init__(shell, _Inputs(schema))

    def fill(self, stored: dict[str, Any]) -> None:
        """Begin with what it was run with, as far as there are such inputs still."""
        self._given = {name: value for name, value in stored.items() if name in self._inputs}
        super().fill(self._given)

    async def reload(self) -> None:
        """Offer what may be chosen now; choose nothing in place of what is chosen, or is to stay empty."""
        chosen = {name: self.fields[name].value() for name in self.fields if name in self._given}
        chosen |= {name: empty for name, empty in self._emptied().items() if empty == []}
        await super().reload()
        for name, value in chosen.items():
            if self.fields[name].value() != value:
                self.fields[name].fill(value)

    def payload(self) -> dict[str, Any]:
        """What was entered, and what was left empty although it has a default."""
        return {**self._emptied(), **super().payload()}

    def _emptied(self) -> dict[str, Any]:
        return {
            name: _EMPTY[part["type"]]
            for name, part in self._inputs.items()
            if "default" in part and part.get("type") in ("string", "array") and "enum" not in part
            if name in self.fields and self.fields[name].value() in (None, "", [])
        }


class _Inputs:
    """What a form needs to know of a workflow's inputs."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def fields(self) -> dict[str, FieldInfo]:
        """A field for each input."""
        return form_fields(self._schema)

    def editable(self, stored: dict[str, Any]) -> dict[str, Any]:
        """As they were given."""
        return stored
