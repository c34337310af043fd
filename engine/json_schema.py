"""JSON Schemas that administrators write for payloads: which are taken, and what a payload breaks (2020-12)."""

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

import regex
from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend

from engine.errors import FieldError
from engine.faults import shown

MAX_SCHEMA_BYTES = 65_536
MAX_PAYLOAD_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 5_000  # with every reference followed
MAX_FAULTS = 20
MAX_PARTS = 20_000
MAX_KNOWN = 300  # characters
COMPARE_SECONDS = 1.0
PATTERN_SECONDS = 0.2
_REFERENCES_ELSEWHERE = ("$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$anchor", "$id")


def schema_fault(schema: Any) -> str | None:
    """Why this cannot be the schema of a payload, or None."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return 'must be a JSON Schema of an object: {"type": "object", "properties": {…}}'
    if (size := len(json.dumps(schema))) > MAX_SCHEMA_BYTES:
        return f"must have at most {MAX_SCHEMA_BYTES:,} bytes, not {size:,}"
    try:
        _walk(schema, schema, (), [0])
        Draft202012Validator.check_schema(schema)
    except _Refused as refusal:
        return str(refusal)
    except SchemaError as error:
        return f"is no JSON Schema: {'.'.join(map(str, error.path)) or 'it'}: {error.message[:200]}"
    except RecursionError:
        return f"must be at most {MAX_DEPTH} levels deep"
    return None


def payload_faults(schema: Mapping[str, Any], payload: Any) -> list[FieldError]:
    """What the payload breaks, by field; empty if it fits."""
    if (size := len(json.dumps(payload, default=str))) > MAX_PAYLOAD_BYTES:
        return [FieldError("", f"The payload must have at most {MAX_PAYLOAD_BYTES:,} bytes, not {size:,}")]
    if (parts := _parts(payload)) > MAX_PARTS:
        return [FieldError("", f"The payload must have at most {MAX_PARTS:,} values, not {parts:,}")]
    faults: list[FieldError] = []
    _give_up_at.set(monotonic() + COMPARE_SECONDS)
    try:
        for error in _Validator(schema).iter_errors(payload):
            faults += _told(schema, error)
            if len(faults) >= MAX_FAULTS:
                break
    except (TimeoutError, RecursionError):
        faults = [FieldError("", "The payload takes too long to compare with its type's schema")]
    order = [*schema.get("properties", {})]
    return sorted(faults, key=lambda f: order.index(n) if (n := f.field.split(".")[0]) in order else len(order))


_give_up_at: ContextVar[float] = ContextVar("give_up_at", default=inf)


class _Refused(Exception):
    """A schema that is valid, and still not taken."""


def _walk(root: dict[str, Any], part: Any, through: tuple[str, ...], count: list[int], depth: int = 0) -> None:
    """Look at every part, following references, so that none leads elsewhere, round in circles or without end."""
    count[0] += 1
    if count[0] > MAX_NODES or depth > MAX_DEPTH:
        raise _Refused(f"must be at most {MAX_DEPTH} levels deep and {MAX_NODES:,} parts large, references followed")
    if isinstance(part, list):
        for item in part:
            _walk(root, item, through, count, depth + 1)
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if name in _REFERENCES_ELSEWHERE and isinstance(value, str):
            raise _Refused(f"may refer to its own $defs only, by $ref, and not use {name}")
        if name == "$ref" and isinstance(value, str):
            if value in through:
                raise _Refused(f"must not refer to itself, as {' → '.join([*through, value])} does")
            _walk(root, _referred(root, value), (*through, value), count, depth + 1)
        elif name == "pattern" and isinstance(value, str):
            _compiled(value)
        elif name == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                _compiled(pattern)
        if name not in ("enum", "const", "default", "examples"):
            _walk(root, value, through, count, depth + 1)


def _referred(root: dict[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        raise _Refused(f"may refer to its own parts only, as in #/$defs/address, not to {shown(reference)}")
    part: Any = root
    for name in reference.removeprefix("#/").split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(part, dict) or key not in part:
            raise _Refused(f"refers to {shown(reference)}, which is not there")
        part = part[key]
    return part


def _compiled(pattern: str) -> "regex.Pattern[str]":
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise _Refused(f"has a pattern that is no regular expression: {shown(pattern)} ({error})") from None


def _parts(value: Any) -> int:
    """How many values there are in it, however deep; a loop, as the depth is not ours to trust."""
    count, left = 0, [value]
    while left:
        part = left.pop()
        count += 1
        if isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
    return count


def _timed(check: Any) -> Any:
    def timed(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        _left()
        return check(validator, value, instance, schema)

    return timed


def _left() -> float:
    """The seconds that are left for the comparison."""
    if (left := _give_up_at.get() - monotonic()) <= 0:
        raise TimeoutError
    return left


def _unique(_: Any, wanted: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    if wanted is True and isinstance(value, list):
        told = {json.dumps(item, sort_keys=True) for item in value}
        if len(told) < len(value):
            yield ValidationError("has an entry twice")


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _compiled(pattern).search(value, timeout=min(PATTERN_SECONDS, _left())):
        yield ValidationError(f"must match {pattern}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    for pattern, part in patterns.items() if isinstance(value, dict) else ():
        for name, item in value.items():
            if _compiled(pattern).search(name, timeout=min(PATTERN_SECONDS, _left())):
                yield from validator.descend(item, part, path=name, schema_path=pattern)


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {name: _timed(check) for name, check in Draft202012Validator.VALIDATORS.items()}
    | {"pattern": _pattern, "patternProperties": _pattern_properties, "uniqueItems": _unique},
)


def _told(schema: Mapping[str, Any], error: Any) -> list[FieldError]:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        fields = [[*path, name] for name in missing if f"{name!r} is a required" in error.message]
        return [FieldError(".".join(field), f"{_title(schema, field)} is required") for field in fields]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        extra = [name for name in error.instance if name not in known][:MAX_FAULTS]
        rule = f"is not a field here; the fields are {', '.join(known)[:MAX_KNOWN] or 'none'}"
        return [FieldError(".".join([*path, name]), f"{'.'.join([*path, name])} {rule}") for name in extra]
    return [FieldError(".".join(path), f"{_title(schema, path)} {_rule(error)}, not {shown(error.instance)}")]


def _rule(error: Any) -> str:
    limit = error.validator_value
    match error.validator:
        case "type":
            return f"must be of type {' or '.join(limit) if isinstance(limit, list) else limit}"
        case "enum":
            return f"must be one of {', '.join(map(repr, limit))[:200]}"
        case "const":
            return f"must be {shown(limit)}"
        case "minLength":
            return f"must have at least {limit} characters"
        case "maxLength":
            return f"must have at most {limit} characters"
        case "minimum":
            return f"must be at least {limit}"
        case "maximum":
            return f"must be at most {limit}"
        case "minItems":
            return f"must have at least {limit} entries"
        case "maxItems":
            return f"must have at most {limit} entries"
        case "pattern":
            return f"must match {limit}"
    if error.validator == "uniqueItems":
        return "must not have an entry twice"
    return f"breaks the rule {error.validator} of its type"


def _title(schema: Mapping[str, Any], path: list[str]) -> str:
    if not path:
        return "The payload"
    part = schema.get("properties", {}).get(path[0])
    title = part.get("title") if isinstance(part, dict) else None
    rest = [str(int(word) + 1) if word.isdigit() else word for word in path[1:]]
    return " ".join([title if isinstance(title, str) else path[0], *rest])
