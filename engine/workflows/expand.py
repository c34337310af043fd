"""From a workflow and its inputs to the jobs of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from engine.filling import JOBS, expressions, filled
from engine.json_schema import payload_faults
from engine.submission import MAX_NAME, After, Submission
from engine.templates import TemplateFault, value_of
from engine.workflows.definition import INPUTS, ITEM, Definition, Parent, Step

MAX_JOBS = 1000
MAX_EXPRESSIONS = 20_000  # of a run


def completed_inputs(definition: Definition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with defaults for those that are not given.

    Raises:
        InvalidInput: naming every input at fault, as `inputs.topic`.
    """
    defaults = {name: part["default"] for name, part in definition.written.inputs.items() if "default" in part}
    named = {**defaults, **given}
    known = [name for name in definition.written.inputs if name in named]  # in the order in which they are written
    inputs = {name: named[name] for name in [*known, *(name for name in named if name not in known)]}
    if faults := payload_faults(definition.schema(), inputs):
        raise InvalidInput([FieldError(f"inputs.{each.field}".rstrip("."), each.message) for each in faults])
    return inputs


def expanded(definition: Definition, inputs: Mapping[str, Any], created_by: str) -> list[Submission]:
    """The jobs of a run, parents first; a list makes as many jobs of a step as it has members.

    Raises:
        InvalidInput: a list is none, or there are too many jobs.
    """
    made = _Made(inputs, created_by)
    for name in definition.order:
        made.add(name, definition.written.steps[name], definition.parents[name])
    return made.jobs


@dataclass
class _Made:
    inputs: Mapping[str, Any]
    created_by: str
    jobs: list[Submission] = field(default_factory=list)
    steps: dict[str, list[str]] = field(default_factory=dict)
    """The refs of each step that makes a list."""
    expressions: int = 0
    before: dict[str, Mapping[str, Parent]] = field(default_factory=dict)
    """What comes before a step that has no job, and so before whatever comes after it."""

    def add(self, name: str, step: Step, parents: Mapping[str, Parent]) -> None:
        """Add the step's jobs."""
        after, lists = self._after(parents)
        if step.for_each is None:
            self._add_job(name, step, after, lists, name, {INPUTS: self.inputs})
            return
        items = self._items(name, step.for_each)
        self.steps[name] = [f"{name}_{place}" for place in range(len(items))]
        if not items:
            self.before[name] = self._with_those_before(parents)
        for place, item in enumerate(items):
            values = {INPUTS: self.inputs, ITEM: item}
            self._add_job(f"{name}.{place}", step, after, lists, self.steps[name][place], values)

    def _add_job(
        self,
        full_name: str,
        step: Step,
        after: tuple[After, ...],
        lists: tuple[str, ...],
        ref: str,
        values: Mapping[str, Any],
    ) -> None:
        if len(self.jobs) >= MAX_JOBS:
            raise InvalidInput([FieldError("steps", f"steps must make at most {MAX_JOBS:,} jobs, and make more")])
        self.expressions += sum(1 for _ in expressions(step.payload, (JOBS, INPUTS, ITEM)))
        if self.expressions > MAX_EXPRESSIONS:
            rule = f"steps must make at most {MAX_EXPRESSIONS:,} templates to be filled in, and make more"
            raise InvalidInput([FieldError("steps", rule)])
        self.jobs.append(
            Submission(
                step.type,
                step.payload,
                step.priority,
                _title(full_name, step, values),
                created_by=self.created_by,
                requires_approval=step.requires_approval,
                after=after,
                ref=ref,
                step=full_name,
                values=values,
                lists=lists,
                when=step.when,
            )
        )

    def _after(self, parents: Mapping[str, Parent]) -> tuple[tuple[After, ...], tuple[str, ...]]:
        found: dict[str, After] = {}
        lists = []
        for name, parent in self._with_those_before(parents).items():
            if name not in self.steps:
                found[name] = After(name=name, any_outcome=parent.any_outcome, ref=name)
                continue
            lists.append(name)
            for place, ref in enumerate(self.steps[name]):
                found[ref] = After(name=name, any_outcome=parent.any_outcome, ref=ref, place=place)
        return tuple(found.values()), tuple(lists)

    def _with_those_before(self, parents: Mapping[str, Parent]) -> dict[str, Parent]:
        """Where a list is empty, whoever comes after it comes after those before it."""
        found: dict[str, Parent] = {}
        for name, parent in parents.items():
            found = {**self.before.get(name, {}), **found, name: parent}
        return found

    def _items(self, name: str, for_each: str | list[Any]) -> list[Any]:
        at = f"steps.{name}.for_each"
        try:
            items = value_of(for_each.strip(), {INPUTS: self.inputs}) if isinstance(for_each, str) else for_each
        except TemplateFault as fault:
            raise InvalidInput([FieldError(at, f"for_each {fault}")]) from None
        if not isinstance(items, list):
            raise InvalidInput([FieldError(at, f"for_each must be a list, not {shown(items)}")])
        return items


def _title(full_name: str, step: Step, values: Mapping[str, Any]) -> str:
    """As the step says, else its name in words."""
    name, _, place = full_name.partition(".")
    if not step.title:
        return name.replace("_", " ").capitalize() + (f" {int(place) + 1}" if place else "")
    try:
        made = filled({"title": step.title}, values)["title"]
    except InvalidInput as error:
        raise InvalidInput([FieldError(f"steps.{name}.title", each.message) for each in error.errors]) from None
    return " ".join(str(made).split())[:MAX_NAME]
