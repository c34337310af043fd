"""Settings: the dialog in which an administrator defines a job type that outside agents do."""

import json
from typing import Any

from engine.defined_types import Definition
from engine.errors import FieldError, InvalidInput
from models.states import Category
from ui.components.form_dialog import FormDialog, Values
from ui.layout import Shell

EXAMPLE = {
    "type": "object",
    "properties": {"text": {"type": "string", "title": "Text", "maxLength": 5000}},
    "required": ["text"],
}
EFFECTS = {False: "May simply be done again", True: "Cannot be taken back, as a mail or a payment"}


def define_type(shell: Shell) -> None:
    """Ask for a new type."""

    async def define(values: Values) -> None:
        await shell.desk.define_type(
            Definition(
                key=(values["key"] or "").strip().upper(),
                label=(values["label"] or "").strip(),
                description=(values["description"] or "").strip(),
                category=values["category"],
                icon=(values["icon"] or "").strip(),
                irreversible=bool(values["irreversible"]),
                payload_schema=_schema(values["payload_schema"]),
            )
        )

    form = FormDialog("Define a job type", "Define type", define)
    form.text("key", "Key", help_text="As programs call it, as in TRANSLATE")
    form.text("label", "Label", help_text="As people see it, as in Translate a text")
    form.text("description", "Description", help_text="What a job of this type does, in a sentence; agents read it too")
    form.choice("category", "Category", {each.value: each.value.capitalize() for each in Category}, Category.TASK.value)
    form.text("icon", "Icon", value="smart_toy", help_text="The name of a Material icon")
    form.choice("irreversible", "Its effect", EFFECTS, False)
    form.text(
        "payload_schema",
        "Payload",
        value=json.dumps(EXAMPLE, indent=2),
        multiline=True,
        help_text="A JSON Schema; its titles label the form's fields",
    )
    form.open()


def _schema(text: Any) -> dict[str, Any]:
    try:
        schema = json.loads(text or "")
    except json.JSONDecodeError as error:
        rule = f"payload_schema must be JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        raise InvalidInput([FieldError("payload_schema", rule)]) from None
    return schema if isinstance(schema, dict) else {"type": str(type(schema).__name__)}
