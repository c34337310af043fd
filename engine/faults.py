"""Turns a pydantic report into sentences that name field, rule and value."""

from typing import Any

from pydantic import BaseModel, ValidationError

from engine.errors import FieldError

MAX_SHOWN = 60


def field_errors(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """One sentence a fault, in the order of the model's fields."""
    faults = [_field_error(dict(detail), model) for detail in error.errors(include_url=False)]
    order = list(model.model_fields)
    return sorted(faults, key=lambda f: order.index(n) if (n := f.field.split(".")[0]) in order else len(order))


def _field_error(detail: dict[str, Any], model: type[BaseModel]) -> FieldError:
    path = [str(part) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return FieldError(".".join(path), f"{'.'.join(path)} is not a field here; the fields are {known}")
    return FieldError(".".join(path), f"{_title(path, model)} {_rule(detail)}")


def _title(path: list[str], model: type[BaseModel]) -> str:
    if not path:
        return "The payload"
    field = model.model_fields.get(path[0])
    title = (field.title if field else None) or path[0]
    rest = [str(int(part) + 1) if part.isdigit() else part for part in path[1:]]
    return " ".join([title, *rest])


def _rule(detail: dict[str, Any]) -> str:
    value, context = detail.get("input"), detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is required"
        case "value_error":
            return str(context["error"])
        case "string_too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "string_too_short":
            return f"must have at least {context['min_length']:,} characters, not {len(str(value)):,}"
        case "string_too_long":
            return f"must have at most {context['max_length']:,} characters, not {len(str(value)):,}"
        case "too_short" if context["min_length"] == 1:
            return "must not be empty" if isinstance(value, str) else "must name at least one"
        case "too_short":
            return f"must have at least {context['min_length']:,} entries, not {context['actual_length']}"
        case "too_long":
            unit = "characters" if isinstance(value, str) else "entries"
            length = f"{context['actual_length']:,}" if context["actual_length"] else "more"
            return f"must have at most {context['max_length']:,} {unit}, not {length}"
        case "string_type":
            return f"must be text, not {shown(value)}"
        case "list_type":
            return f"must be a list, not {shown(value)}"
        case "float_parsing" | "float_type":
            return f"must be a number, not {shown(value)}"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number, not {shown(value)}"
        case "greater_than_equal":
            return f"must be {context['ge']:g} or more, not {shown(value)}"
        case "less_than_equal":
            return f"must be {context['le']:g} or less, not {shown(value)}"
        case "literal_error":
            return (
                f"must be one of {context['expected'].replace(chr(39), '').replace(' or ', ', ')}, not {shown(value)}"
            )
        case "string_pattern_mismatch":
            return f"must look like {context['pattern']}, not {shown(value)}"
        case _:
            said = str(detail["msg"]).removeprefix("Input ")
            return f"{said[:1].lower()}{said[1:]}, not {shown(value)}"


def shown(value: Any) -> str:
    """A value in an error message, cut short."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
