"""From a payload model to its form: each property's schema tells which field it gets."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from ui.components.draft_field import Drafter, DraftField
from ui.components.fields import (
    ChoiceField,
    ChoicesField,
    Field,
    JsonField,
    LinesField,
    NumberField,
    SwitchField,
    TextField,
)
from ui.components.file_fields import KINDS, FilesField
from ui.components.post_fields import ChannelsField, ImagesField


def by_hand(fields: dict[str, FieldInfo]) -> list[tuple[str, FieldInfo]]:
    """The properties that a person fills in; others are for programs alone."""
    return [(name, info) for name, info in fields.items() if not _extra(info).get("for_programs")]


def field_for(name: str, info: FieldInfo, drafter: Drafter) -> Field:
    """The field for one payload property, told by its schema; a default is filled in."""
    title = info.title or name.replace("_", " ").capitalize()
    field = _field(info, title, drafter, {"optional": not info.is_required(), "help_text": info.description or ""})
    if isinstance(info.default, str | int | float) and not isinstance(field, JsonField | LinesField):
        field.fill(info.default)
    if isinstance(field, ChoicesField | LinesField | ChannelsField) and isinstance(info.default, list):
        field.fill(list(info.default))
    return field


def _field(info: FieldInfo, title: str, drafter: Drafter, common: dict[str, Any]) -> Field:
    extra = _extra(info)
    kind = _without_none(info.annotation)
    if extra.get("choices") == "channels":
        return ChannelsField(title, **common)
    if extra.get("upload") == "image":
        return ImagesField(title, **common)
    if draft := extra.get("draft"):
        return DraftField(title, kind=str(draft), drafter=drafter, **common)
    if extra.get("lines"):
        return LinesField(title, multiline=True, **common)
    if (upload := extra.get("upload")) in KINDS:
        return FilesField(title, kind=KINDS[str(upload)], **common)
    if get_origin(kind) is Literal:
        return ChoiceField(title, choices=get_args(kind), **common)
    if get_origin(kind) is list and get_origin(get_args(kind)[0]) is Literal:
        return ChoicesField(title, choices=get_args(get_args(kind)[0]), **common)
    if kind is bool:
        return SwitchField(title, **common)
    if kind in (int, float):
        return NumberField(title, **common)
    if kind is str or extra.get("multiline") or _takes_text(info):
        return TextField(title, multiline=bool(extra.get("multiline")), **common)
    if get_origin(kind) is list and get_args(kind)[0] is str:
        return LinesField(title, multiline=True, **{**common, "help_text": common["help_text"] or "One a line"})
    return JsonField(title, multiline=True, **{**common, "help_text": common["help_text"] or "As JSON"})


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _takes_text(info: FieldInfo) -> bool:
    """Whether the payload reads one text itself, as addresses separated by commas."""
    return any(isinstance(part, BeforeValidator) for part in info.metadata)


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if get_origin(annotation) in (Union, UnionType) and len(kinds) == 1:
        annotation = kinds[0]
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
