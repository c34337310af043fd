"""YAML as workflows are written in it: plain data, each key once, and nothing that grows when it is read."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from engine.errors import FieldError, InvalidInput
from engine.faults import shown

MAX_SOURCE = 262_144  # characters
MAX_DEPTH = 40


class _Loader(yaml.SafeLoader):
    """As YAML 1.2 has it: only `true` and `false` are booleans, and a date is a text."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*) are not read here", problem_mark=_mark(self))
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"it must be at most {MAX_DEPTH} levels deep")
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


def _mark(loader: Any) -> Any:
    return loader.peek_event().start_mark


_LEFT_OUT = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")
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
        raise InvalidInput(
            [FieldError("source", f"source must be YAML: {error.problem or error.context}{at}")]
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput([FieldError("source", f"source must be YAML: {str(error)[:200]}")]) from None
