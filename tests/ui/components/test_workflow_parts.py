"""A part that a form writes stands where it belongs, and what was written by hand stays as it is."""

import pytest
import yaml

from ui.components.workflow_parts import with_part

SOURCE = """\
name: x  # by hand
inputs:
  topic: {type: string}

# the steps
steps:
  first:
    type: APPROVAL
    payload: {question: "a: b"}
"""
STEP = {"type": "APPROVAL", "payload": {"question": "{{ inputs.topic }}?\nReally?"}}


@pytest.mark.parametrize(
    "source", [SOURCE, SOURCE.replace("inputs:\n  topic: {type: string}\n\n", ""), "name: x\nsteps: {}\n"]
)
def test_a_step_is_added_at_the_end_of_the_steps(source: str) -> None:
    made = with_part(source, "steps", "second", STEP)
    assert list(yaml.safe_load(made)["steps"]) == [*(yaml.safe_load(source)["steps"] or {}), "second"]
    assert yaml.safe_load(made)["steps"]["second"] == STEP
    assert "# by hand" in made or "# by hand" not in source


def test_an_input_is_added_to_the_others_or_before_the_steps() -> None:
    part = {"type": "array", "items": {"type": "string"}, "default": ["ä", "b"]}
    made = with_part(SOURCE, "inputs", "words", part)
    assert list(yaml.safe_load(made)["inputs"]) == ["topic", "words"]
    assert made.index("words") < made.index("# the steps")
    without = with_part(STEPS_ONLY, "inputs", "words", part)
    assert yaml.safe_load(without) == {**yaml.safe_load(STEPS_ONLY), "inputs": {"words": part}}
    assert without.index("inputs") < without.index("steps")


STEPS_ONLY = "name: x\nsteps:\n  a: {type: APPROVAL, payload: {question: q}}\n"
