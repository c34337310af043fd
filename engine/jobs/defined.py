"""A job type that an administrator defined: a JSON Schema instead of Python, and outside agents for its work."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic.fields import FieldInfo

from engine.errors import InvalidInput, PermanentError
from engine.jobs.base import Context, EffectKind, JobType
from engine.json_schema import payload_faults
from engine.retry import RetryPolicy
from models.defined_type import DefinedType

_KINDS: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}
_SUMMARY_LENGTH = 200


class DefinedJob(JobType[dict[str, Any]]):
    """What its row says."""

    is_outside = True

    def __init__(self, row: DefinedType) -> None:
        self.key = row.key
        self.label = row.label
        self.description = row.description or row.label
        self.icon = row.icon
        self.category = row.category
        self.effect = EffectKind.IRREVERSIBLE if row.irreversible else EffectKind.REPEATABLE
        self.retry = RetryPolicy(attempts=row.attempts)
        self.time_limit_seconds = row.time_limit_seconds
        self._schema: dict[str, Any] = json.loads(row.payload_schema)

    def schema(self) -> dict[str, Any]:
        """As it was written."""
        return self._schema

    def fields(self) -> dict[str, FieldInfo]:
        """A form field for each property; what has no field of its own is entered as JSON."""
        return form_fields(self._schema)

    def parse(self, payload: Any) -> dict[str, Any]:
        """The payload as it is, if it fits the schema."""
        if faults := payload_faults(self._schema, payload):
            raise InvalidInput(faults)
        return dict(payload)

    def dump(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Nothing is changed."""
        return payload

    def summary(self, payload: dict[str, Any]) -> str:
        """The first text."""
        texts = (value for value in payload.values() if isinstance(value, str) and value.strip())
        return " ".join(next(texts, "").split())[:_SUMMARY_LENGTH]

    def targets(self, payload: dict[str, Any]) -> tuple[str, ...]:
        """All of an irreversible job is one effect."""
        return (self.key,) if self.effect is EffectKind.IRREVERSIBLE else ()

    async def run(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        """Not here."""
        raise PermanentError(f"{self.key} jobs are done by outside agents")


def form_fields(schema: Mapping[str, Any]) -> dict[str, FieldInfo]:
    """A form field for each property of an object's schema."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return {
        name: _field(part if isinstance(part, dict) else {}, is_required=name in required)
        for name, part in properties.items()
    }


def _field(part: dict[str, Any], *, is_required: bool) -> FieldInfo:
    kind: Any = _KINDS.get(str(part.get("type")), Any)
    choices = part.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(choice, str | int) for choice in choices):
        kind = Literal[tuple(choices)]
    elif part.get("type") == "array" and isinstance(part.get("items"), dict) and part["items"].get("type") == "string":
        kind = list[str]
    extra: Any = {"choices": "channels"} if kind == list[str] and part.get("format") == "channels" else None
    more: dict[str, Any] = {} if is_required and "default" not in part else {"default": part.get("default")}
    is_long = kind is str and (part.get("maxLength", 0) > 200 or part.get("format") == "multiline")
    return FieldInfo(
        annotation=kind,
        title=part.get("title") if isinstance(part.get("title"), str) else None,
        description=part.get("description") if isinstance(part.get("description"), str) else None,
        json_schema_extra={"multiline": True} if is_long else extra,
        **more,
    )
