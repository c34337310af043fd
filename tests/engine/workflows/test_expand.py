"""From a workflow and its inputs to jobs: lists, what comes before what, and what is too much."""

from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.jobs import load_registry
from engine.submission import Submission
from engine.workflows.definition import read_definition
from engine.workflows.expand import completed_inputs, expanded

LISTS = """
name: cards
inputs:
  words: {type: array, items: {type: string}}
  label: {type: string, default: New}
steps:
  first: {type: APPROVAL, payload: {question: q}}
  cards:
    type: IMAGE_RENDER
    title: "Card {{ item }}"
    for_each: "{{ inputs.words }}"
    after: [first]
    payload: {headline: "{{ item }}", label: "{{ inputs.label }}"}
  post:
    type: SOCIAL_POST
    payload: {text: "{{ jobs.cards.count }} cards", channels: [feed]}
"""


def jobs_of(source: str, **inputs: Any) -> list[Submission]:
    """The jobs of a run."""
    definition = read_definition(source, load_registry())
    return expanded(definition, completed_inputs(definition, inputs), "ada")


def test_a_list_makes_a_job_of_each_member_and_what_comes_after_it_waits_for_all() -> None:
    first, one, two, post = jobs_of(LISTS, words=["a", "b"])
    assert [job.step for job in (first, one, two, post)] == ["first", "cards.0", "cards.1", "post"]
    assert [job.name for job in (one, two)] == ["Card a", "Card b"]
    assert [after.ref for after in one.after] == ["first"]
    assert [after.full_name for after in post.after] == ["cards.0", "cards.1"]
    assert two.values == {"inputs": {"words": ["a", "b"], "label": "New"}, "item": "b"}


def test_what_comes_after_an_empty_list_comes_after_those_before_it() -> None:
    _, post = jobs_of(LISTS, words=[])
    assert [after.ref for after in post.after] == ["first"]
    assert post.lists == ("cards",)


def test_inputs_that_do_not_fit_are_told_by_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        jobs_of(LISTS, words=[1], colour="red")
    assert {fault.field for fault in refused.value.errors} == {"inputs.words.0", "inputs.colour"}


def test_a_run_has_at_most_a_thousand_jobs() -> None:
    assert len(jobs_of(LISTS, words=["w"] * 998)) == 1000
    with pytest.raises(InvalidInput, match="steps must make at most 1,000 jobs"):
        jobs_of(LISTS, words=["w"] * 999)


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="for_each must be a list, not 'New'"):
        jobs_of(LISTS.replace("{{ inputs.words }}", "{{ inputs.label }}"), words=[])


def test_many_empty_lists_after_each_other_are_no_work() -> None:
    steps = "".join(
        f"  s{n}: {{type: APPROVAL, payload: {{question: q}}, for_each: '{{{{ inputs.none }}}}', after: "
        f"[{', '.join(f's{before}' for before in range(n))}]}}\n"
        for n in range(40)
    )
    source = f"name: x\ninputs:\n  none: {{type: array}}\nsteps:\n{steps}  last:\n    type: APPROVAL\n"
    source += f"    after: [{', '.join(f's{n}' for n in range(40))}]\n    payload: {{question: q}}\n"
    (last,) = jobs_of(source, none=[])
    assert last.step == "last"


def test_a_run_has_at_most_twenty_thousand_templates() -> None:
    text = "{{ inputs.label }}" * 21
    with pytest.raises(InvalidInput, match="steps must make at most 20,000 templates"):
        jobs_of(LISTS.replace('"{{ inputs.label }}"', f'"{text}"'), words=["w"] * 950)
