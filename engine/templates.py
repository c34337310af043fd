"""Templates in payloads: `{{ … }}` with names and a few filters, and nothing that repeats, calls or includes.

So a template ends at once, whatever it says, and reads nothing but the values that it is given (Jinja's sandbox).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.faults import shown

FILTERS = ("tojson", "upper", "lower", "trim", "urlencode", "default")
MAX_RENDERED = 1_000_000
MAX_FILTERS = 3
MAX_DEPTH = 20
MAX_KNOWN = 500  # characters of a text that is kept as it was read
_BRACES = re.compile(r"\s*\{\{[-+]?(.*?)[-+]?\}\}\s*", re.DOTALL)
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Const,
    nodes.Filter,
)
_IN_CONDITIONS = (
    *_ALLOWED,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.List,
    nodes.Tuple,
)

Values = Mapping[str, Any]


class _Environment(ImmutableSandboxedEnvironment):
    """A dot and brackets find members of values, and never what Python has of its own."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The member of this name."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The member or entry; what is not there is undefined."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)


def _environment(undefined: type[Undefined]) -> _Environment:
    environment = _Environment(autoescape=False, undefined=undefined, keep_trailing_newline=True)
    own = {name: environment.filters[name] for name in FILTERS}
    environment.filters = {**own, "tojson": lambda value: json.dumps(value, ensure_ascii=False)}
    environment.globals = {}
    return environment


_ENVIRONMENT = _environment(StrictUndefined)
_OF_CONDITIONS = _environment(ChainableUndefined)


class TemplateFault(ValueError):
    """The template breaks a rule, or has no value for a name; says which."""


def check(text: str, names: Collection[str], *, is_condition: bool = False) -> None:
    """Refuse a template that could not be rendered with values of these names; a condition may also compare.

    Raises:
        TemplateFault: what is wrong, as the end of a sentence that begins with the field.
    """
    for node, depth in _walk(_parsed(text)):
        if depth > MAX_DEPTH:
            raise TemplateFault("is too deeply nested")
        if not isinstance(node, _IN_CONDITIONS if is_condition else _ALLOWED):
            what = type(node).__name__.lower()
            raise TemplateFault(f"may have names and filters in {{{{ … }}}} only, not {what}")
        if isinstance(node, nodes.Filter):
            _check_filter(node)
        if isinstance(node, nodes.Name) and node.name not in names:
            raise TemplateFault(f"may use {', '.join(sorted(names))}, not {shown(node.name)}")
        attribute = node.attr if isinstance(node, nodes.Getattr) else ""
        if attribute.startswith("_"):
            raise TemplateFault(f"may not use {shown(attribute)}")


def _check_filter(node: nodes.Filter) -> None:
    """Each may make a text a few times longer, so that many in a row, or one in another, would fill the memory."""
    if node.name not in FILTERS:
        raise TemplateFault(f"may use the filters {', '.join(FILTERS)}, not {shown(node.name)}")
    if any(any(argument.find_all(nodes.Filter)) or isinstance(argument, nodes.Filter) for argument in node.args):
        raise TemplateFault(f"may not use a filter within what the filter {node.name} is told")
    inner, row = node.node, 1
    while isinstance(inner, nodes.Filter):
        inner, row = inner.node, row + 1
    if row > MAX_FILTERS:
        raise TemplateFault(f"may use at most {MAX_FILTERS} filters one after the other, not {row}")


def members_of(text: str, name: str) -> set[str]:
    """What of `name` the template uses, as in {{ secrets.TOKEN }} or {{ secrets["TOKEN"] }}."""
    used = set()
    for node, _ in _walk(_parsed(text)):
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == name:
            used.add(node.attr)
        if isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and node.node.name == name:
            used.add(str(node.arg.value) if isinstance(node.arg, nodes.Const) else "?")
    return used


def render(text: str, values: Values) -> str:
    """The text with the values in their places.

    Raises:
        TemplateFault: a value is missing, or cannot be used so.
    """
    check(text, set(values))
    try:
        return _joined(_ENVIRONMENT.from_string(text).generate(values))
    except (UndefinedError, SecurityError) as error:
        raise TemplateFault(f"cannot be filled in: {error}") from None
    except (TypeError, ValueError) as error:
        raise TemplateFault(f"cannot be filled in: {error}") from None


def value_of(expression: str, values: Values) -> Any:
    """The value of one `{{ … }}`, whatever it is.

    Raises:
        TemplateFault: a value is missing, or cannot be used so.
    """
    check(expression, set(values))
    _require_one(expression)
    try:
        value = _compiled(expression)(values)
    except (UndefinedError, SecurityError, TemplateSyntaxError, TypeError, ValueError) as error:
        raise TemplateFault(f"cannot be filled in: {error}") from None
    if isinstance(value, Undefined):
        raise TemplateFault(f"cannot be filled in: {_inside(expression).strip()} has no value")
    if isinstance(value, str) and len(value) > MAX_RENDERED:
        raise TemplateFault(f"must have at most {MAX_RENDERED:,} characters when it is filled in")
    return value


def holds(condition: str, values: Values) -> bool:
    """Whether one `{{ … }}` is true, as in {{ jobs.check.result.score > 3 }}; what is not there is not true.

    Raises:
        TemplateFault: values of these kinds cannot be compared.
    """
    check(condition, set(values), is_condition=True)
    _require_one(condition)
    try:
        value = _compiled(condition, is_condition=True)(values)
        return bool(value) and value not in ("false", "0")
    except (UndefinedError, SecurityError, TemplateSyntaxError, TypeError, ValueError) as error:
        raise TemplateFault(f"cannot be decided: {error}") from None


def uses(expression: str, names: Collection[str]) -> bool:
    """Whether one `{{ … }}` speaks of one of these names; one that cannot be read does if it has the word."""
    if not any(name in expression for name in names):
        return False
    try:
        return any(isinstance(node, nodes.Name) and node.name in names for node, _ in _walk(_parsed(expression)))
    except TemplateFault:
        return any(re.search(rf"\b{name}\b", expression) for name in names)


def is_bare(expression: str, name: str) -> bool:
    """Whether it uses the name itself, and not a member of it."""
    found = [node for node, _ in _walk(_parsed(expression))]
    owners = [node.node for node in found if isinstance(node, nodes.Getattr | nodes.Getitem)]
    names = [node for node in found if isinstance(node, nodes.Name) and node.name == name]
    return any(not any(owner is each for owner in owners) for each in names)


def literal(text: str) -> str:
    """A template that renders to just this text, whatever stands in it."""
    return text.replace("{", "{{ '{' }}")


def is_one(text: str) -> bool:
    """Whether it is one `{{ … }}`, and nothing else."""
    try:
        (output,) = _parsed(text.strip()).body
    except (TemplateFault, ValueError):
        return False
    parts = output.nodes if isinstance(output, nodes.Output) else []
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def _require_one(expression: str) -> None:
    if not is_one(expression):
        raise TemplateFault(f"must be one {{{{ … }}}} and nothing else, not {shown(expression)}")


def _inside(expression: str) -> str:
    """What stands in it; a sign at the braces belongs to these."""
    found = _BRACES.fullmatch(expression)
    return found[1] if found else expression


@lru_cache(maxsize=2048)
def _compiled(expression: str, *, is_condition: bool = False) -> TemplateExpression:
    environment = _OF_CONDITIONS if is_condition else _ENVIRONMENT
    return environment.compile_expression(_inside(expression), undefined_to_none=False)


def _joined(pieces: Iterator[str]) -> str:
    """All of them, unless that becomes too much: looked at piece by piece, before it is in memory."""
    joined, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_RENDERED:
            raise TemplateFault(f"must have at most {MAX_RENDERED:,} characters when it is filled in")
        joined.append(piece)
    return "".join(joined)


def _parsed(text: str) -> nodes.Template:
    return _parsed_short(text) if len(text) <= MAX_KNOWN else _parsed_anew(text)


@lru_cache(maxsize=4096)
def _parsed_short(text: str) -> nodes.Template:
    """Read once, however often it is asked about; nothing changes what was read."""
    return _parsed_anew(text)


def _parsed_anew(text: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"is no template: {error.message} (line {error.lineno})") from None
    except RecursionError:
        raise TemplateFault("is too deeply nested") from None
    except ValueError as error:  # a number of thousands of digits
        raise TemplateFault(f"is no template: {error}") from None


def _walk(root: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Every node with its depth; not by recursion, as a template may nest as deep as it likes."""
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += reversed([(child, depth + 1) for child in node.iter_child_nodes()])
