"""YAML as workflows are written in it: plain data, each key once, and nothing that grows when it is read."""

import re
from collections.abc import Hashable
from math import isfinite
from typing import Any

import yaml

from engine.errors import FieldError, InvalidInput
from engine.faults import shown

MAX_SOURCE = 262_144  # characters
MAX_DEPTH = 40
MAX_DIGITS = 18


class _NotPlain(yaml.MarkedYAMLError):
    """YAML, and more than plain data."""

    def __init__(self, problem: str, where: Any) -> None:
        super().__init__(problem=problem, problem_mark=where.start_mark)


class _Loader(yaml.SafeLoader):
    """As YAML 1.2 has it: only `true` and `false` are booleans, and a date is a text."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*) are not read here", problem_mark=_mark(self))
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"it must be at most {MAX_DEPTH} levels deep")
        _refuse_tag(self)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            said = str(key.value)
            if said in seen:
                raise yaml.MarkedYAMLError(problem=f"{shown(said)} stands there twice", problem_mark=key.start_mark)
            seen.add(said)
        made = super().construct_mapping(node, deep)
        return {str(key): value for key, value in made.items()}


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_DIGITS * 2 or abs(value := loader.construct_yaml_int(node)) >= 10**MAX_DIGITS:
        raise _NotPlain(f"a number may have at most {MAX_DIGITS} digits", node)
    return int(value)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    if not isfinite(value := loader.construct_yaml_float(node)):
        raise _NotPlain("a number must be finite", node)
    return float(value)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    r"""With pairs as JSON writes them, "\ud83d\ude00", made one character; what no database can store is refused."""
    try:
        value = str(loader.construct_yaml_str(node)).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        value = "\0"
    if "\0" in value:
        raise _NotPlain("a text must be of characters only", node)
    return value


_STR, _SEQ, _MAP = (f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))
_Loader.add_constructor(_STR, _text)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def _refuse_tag(loader: Any) -> None:
    """Take only what is what it looks like anyway, and what is called a text."""
    event = loader.peek_event()
    tag = getattr(event, "tag", None)
    if tag in (None, "!", _STR, _SEQ, _MAP):
        return
    value = getattr(event, "value", None)
    if value is None or tag != loader.resolve(yaml.ScalarNode, value, (True, False)):
        raise _NotPlain(f"{tag.replace('tag:yaml.org,2002:', '!!')[:40]} is none", event)


def _mark(loader: Any) -> Any:
    return loader.peek_event().start_mark


_LEFT_OUT = [f"tag:yaml.org,2002:{name}" for name in ("bool", "timestamp", "merge", "value")]
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LEFT_OUT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), ["t", "f"])


def read_yaml(source: str) -> Any:
    """The data that this text describes.

    Raises:
        InvalidInput: it is no YAML, or more than plain data; tells the line.
    """
    if len(source) > MAX_SOURCE:
        rule = f"source must have at most {MAX_SOURCE:,} characters, not {len(source):,}"
        raise InvalidInput([FieldError("source", rule)])
    try:
        return yaml.load(source, _Loader)  # noqa: S506 (a SafeLoader that takes less)
    except yaml.MarkedYAMLError as error:
        at = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        rule = "source must be YAML of plain values only" if isinstance(error, _NotPlain) else "source must be YAML"
        raise InvalidInput([FieldError("source", f"{rule}: {error.problem or error.context}{at}")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput([FieldError("source", f"source must be YAML: {str(error)[:200]}")]) from None
