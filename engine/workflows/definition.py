"""A workflow as people write it, in YAML: read, and checked as far as that needs no inputs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import FieldError, InvalidInput
from engine.faults import field_errors, shown
from engine.filling import JOBS, check_expression, expressions, texts
from engine.jobs import Registry
from engine.json_schema import payload_faults, schema_fault
from engine.submission import NAME
from engine.templates import TemplateFault, is_one, members_of
from engine.workflows.written import read_yaml
from models.states import Priority

MAX_STEPS = 1000
ITEM, INPUTS = "item", "inputs"
RESERVED = ("new",)
PRIORITIES = frozenset(priority.word for priority in Priority)
_WORKFLOW_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_NUMBERED = re.compile(r"(.+)_\d+")
STEP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,57}")
_ROOT = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*(?:[.|\[]|\}\})")
STEP_NAME_RULE = "a letter, then at most 57 letters, digits or underscores"
NAME_RULE = "a letter, then at most 63 letters, digits or underscores"


class Parent(BaseModel):
    """A step that comes before another one; with `any_outcome` it may also fail."""

    model_config = ConfigDict(extra="forbid")

    step: str
    any_outcome: bool = False


class Step(BaseModel):
    """One step, as it is written."""

    model_config = ConfigDict(extra="forbid")

    type: str
    payload: dict[str, Any] = Field(default_factory=dict)
    title: str = Field("", max_length=200)
    after: list[str | Parent] = Field(default_factory=list, max_length=MAX_STEPS)
    for_each: str | list[Any] | None = None
    when: str = Field("", max_length=2000)
    priority: str = "medium"
    requires_approval: bool = False


class Written(BaseModel):
    """A workflow, as it is written."""

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str = Field("", max_length=200)
    description: str = Field("", max_length=500)
    inputs: dict[str, dict[str, Any]] = Field(default_factory=dict, max_length=100)
    steps: dict[str, Step] = Field(min_length=1, max_length=MAX_STEPS)


@dataclass(frozen=True)
class Definition:
    """A workflow that may be run; `parents` are the steps before each step, also those that its texts speak of."""

    written: Written
    source: str
    parents: Mapping[str, Mapping[str, Parent]]

    @property
    def name(self) -> str:
        """What programs call it."""
        return self.written.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self.written.title or self.name.replace("-", " ").capitalize()

    @property
    def order(self) -> list[str]:
        """The steps, each after those that come before it."""
        return list(TopologicalSorter({name: set(before) for name, before in self.parents.items()}).static_order())

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its inputs."""
        return schema_of(self.written.inputs)


def schema_of(inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What has no default has to be given."""
    required = [name for name, part in inputs.items() if "default" not in part]
    properties = {name: {"title": name.replace("_", " ").capitalize(), **part} for name, part in inputs.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def read_definition(source: str, registry: Registry) -> Definition:
    """The workflow that this YAML describes.

    Raises:
        InvalidInput: naming every part at fault, as `steps.card.payload.width`.
    """
    try:
        written = Written.model_validate(read_yaml(source))
    except ValidationError as error:
        raise InvalidInput(field_errors(error, Written)) from None
    faults = [*_name_faults(written), *_input_faults(written)]
    faults += [fault for name in written.steps for fault in _step_faults(written, name, registry)]
    parents = {name: _parents(step, written.steps) for name, step in written.steps.items()}
    if faults := faults or _circle_faults(parents):
        raise InvalidInput(faults)
    return Definition(written, source, parents)


def _input_faults(written: Written) -> list[FieldError]:
    faults = []
    for name in written.inputs:
        if not NAME.fullmatch(name):
            faults.append(FieldError(f"inputs.{name}", f"inputs must have names of {NAME_RULE}, not {shown(name)}"))
    if not faults and (fault := schema_fault(schema_of(written.inputs))):
        faults.append(FieldError("inputs", f"inputs {fault}"))
    return faults or _default_faults(written.inputs)


def _default_faults(inputs: Mapping[str, Mapping[str, Any]]) -> list[FieldError]:
    defaults = {name: part["default"] for name, part in inputs.items() if "default" in part}
    found = payload_faults({**schema_of(inputs), "required": []}, defaults)
    named = [(fault.field.partition(".")[0], fault.message) for fault in found]
    return [FieldError(f"inputs.{name}.default" if name else "inputs", message) for name, message in named]


def _name_faults(written: Written) -> list[FieldError]:
    faults = []
    if not _WORKFLOW_NAME.fullmatch(written.name) or written.name in RESERVED:
        rule = "name must be a small letter, then at most 63 small letters, digits or hyphens, as weekly-report"
        faults.append(FieldError("name", f"{rule}, not {shown(written.name)}"))
    lists = {name for name, step in written.steps.items() if step.for_each is not None}
    for name in written.steps:
        if not STEP_NAME.fullmatch(name):
            faults.append(FieldError(f"steps.{name}", f"steps must have names of {STEP_NAME_RULE}, not {shown(name)}"))
        if (numbered := _NUMBERED.fullmatch(name)) and numbered[1] in lists:
            rule = f"steps must not be named as the jobs of the list {numbered[1]}, and {name} is"
            faults.append(FieldError(f"steps.{name}", rule))
    return faults


def _step_faults(written: Written, name: str, registry: Registry) -> list[FieldError]:
    step, at = written.steps[name], f"steps.{name}"
    faults = []
    if registry.find(step.type) is None:
        known = ", ".join(job_type.key for job_type in registry)
        faults.append(FieldError(f"{at}.type", f"type must be one of {known}, not {shown(step.type)}"))
    if step.priority not in PRIORITIES:
        rule = f"priority must be high, medium or low, not {shown(step.priority)}"
        faults.append(FieldError(f"{at}.priority", rule))
    for before in _named(step):
        if before.step not in written.steps:
            faults.append(
                FieldError(f"{at}.after", f"after must name steps of this workflow, not {shown(before.step)}")
            )
        if before.step == name:
            faults.append(FieldError(f"{at}.after", "after must name other steps than the step itself"))
    return faults + [
        FieldError(f"{at}.{path}", f"{path} {fault}") for path, fault in _template_faults(written, step, registry)
    ]


def _template_faults(written: Written, step: Step, registry: Registry) -> Iterator[tuple[str, TemplateFault]]:
    jobs = list(written.steps)
    members: dict[str, list[str] | None] = {INPUTS: list(written.inputs)}
    inside: dict[str, list[str] | None] = members | ({ITEM: None} if step.for_each is not None else {})
    said = [(f"payload.{path}", piece, False) for path, piece in expressions(step.payload, (JOBS, INPUTS, ITEM))]
    said += [("title", piece, False) for _, piece in expressions({"title": step.title}, (JOBS, INPUTS, ITEM))]
    said += [("when", step.when, True)] if step.when else []
    job_type = registry.find(step.type)
    if job_type is None or not job_type.own_templates:
        yield from _strangers(step.payload, (JOBS, *inside))
    for path, piece, is_condition in said:
        try:
            if is_condition:
                _check_one(piece, "inputs.ask_first")
            check_expression(piece, [] if path == "title" else jobs, inside, is_condition=is_condition)
        except TemplateFault as fault:
            yield path, fault
    if isinstance(step.for_each, str):
        try:
            _check_one(step.for_each, "inputs.channels")
            check_expression(step.for_each, [], members)
        except TemplateFault as fault:
            yield "for_each", fault


def _check_one(text: str, example: str) -> None:
    if not is_one(text.strip()):
        raise TemplateFault(f"must be one {{{{ … }}}}, as in {{{{ {example} }}}}, not {shown(text)}")


def _strangers(payload: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, TemplateFault]]:
    """Names that stand for nothing: most likely a slip of the pen."""
    for path, text in texts(payload):
        for found in _ROOT.finditer(text):
            if found[1] not in names:
                yield f"payload.{path}", TemplateFault(f"may use {', '.join(names)}, not {shown(found[1])}")


def _named(step: Step) -> list[Parent]:
    return [Parent(step=before) if isinstance(before, str) else before for before in step.after]


def _parents(step: Step, steps: Mapping[str, Step]) -> dict[str, Parent]:
    """The steps that it names, and those that it speaks of: these have to be over too."""
    said = [piece for _, piece in expressions(step.payload, (JOBS,))] + ([step.when] if step.when else [])
    spoken_of: set[str] = set()
    for piece in said:
        try:
            spoken_of |= members_of(piece, JOBS)
        except TemplateFault:
            continue
    implied = {name: Parent(step=name) for name in steps if name in spoken_of}
    return implied | {before.step: before for before in _named(step)}


def _circle_faults(parents: Mapping[str, Mapping[str, Parent]]) -> list[FieldError]:
    try:
        TopologicalSorter({name: set(before) for name, before in parents.items()}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        told = ", which comes after ".join(circle)
        return [FieldError(f"steps.{circle[0]}.after", f"after must not lead in a circle: {told}")]
    return []
