"""Workflows as people write them: what is taken, and what is wrong with the rest, all of it at once."""

import pytest

from engine.errors import InvalidInput
from engine.jobs import load_registry
from engine.workflows.definition import Definition, read_definition
from tests.support.growth import growth

STEPS = """
steps:
  film:
    type: VIDEO_RENDER
    payload: {title: "{{ inputs.title }}", script: "# One"}
  mail:
    type: EMAIL_SEND
    payload: {to: ada@example.org, subject: "{{ jobs.film.result.message }}", body: "x"}
"""
GOOD = "name: film-by-mail\ninputs:\n  title: {type: string}" + STEPS


def read(source: str) -> Definition:
    """The workflow."""
    return read_definition(source, load_registry())


def faults_of(source: str) -> dict[str, str]:
    """What is wrong with it, by field."""
    with pytest.raises(InvalidInput) as refused:
        read(source)
    return {fault.field: fault.message for fault in refused.value.errors}


def test_a_step_comes_after_the_steps_that_it_speaks_of() -> None:
    made = read(GOOD)
    assert made.order == ["film", "mail"]
    assert set(made.parents["mail"]) == {"film"}
    assert made.title == "Film by mail"


def test_its_inputs_are_required_unless_they_have_a_default() -> None:
    inputs = "inputs:\n  a: {type: string}\n  b: {type: integer, default: 3}\n"
    schema = read(f"name: x\n{inputs}steps:\n  s: {{type: APPROVAL, payload: {{question: q}}}}").schema()
    assert schema["required"] == ["a"]
    assert schema["properties"]["b"] == {"title": "B", "type": "integer", "default": 3}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("was", "instead", "field", "said"),
    [
        ("film-by-mail", "Film by mail", "name", "name must be a small letter, then at most 63 small letters"),
        ("film-by-mail", "new", "name", "not 'new'"),
        ("VIDEO_RENDER", "VIDEO", "steps.film.type", "type must be one of EMAIL_SEND"),
        ("jobs.film.result", "jobs.flim.result", "steps.mail.payload.subject", "uses the job flim"),
        ("inputs.title", "inputs.topic", "steps.film.payload.title", "uses inputs.topic, and there is no such one"),
        ("inputs.title", "input.title", "steps.film.payload.title", "may use jobs, inputs, not 'input'"),
        ("inputs.title", "item", "steps.film.payload.title", "not 'item'"),
        ("{{ inputs.title }}", "{{ inputs.title.__class__ }}", "steps.film.payload.title", "may not use '__class__'"),
        ("{type: string}", "{type: words}", "inputs", "inputs is no JSON Schema"),
        ("  title:", "  my title:", "inputs.my title", "inputs must have names of a letter"),
        ("  film:", "  9film:", "steps.9film", "steps must have names of a letter"),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    after: [text]", "steps.mail.after", "not 'text'"),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    after: [mail]", "steps.mail.after", "other steps than"),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    colour: red", "steps.mail.colour", "is not a field here"),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    when: '{{ jobs.film.run() }}'", "steps.mail.when", "call"),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    for_each: '{{ jobs.film.id }}'", "steps.mail.for_each", ""),
        ("    type: EMAIL_SEND", "    type: EMAIL_SEND\n    priority: urgent", "steps.mail.priority", "not 'urgent'"),
        ("{type: string}", "{type: string, default: 3}", "inputs.title.default", "must be of type string, not 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(was: str, instead: str, field: str, said: str) -> None:
    told = faults_of(GOOD.replace(was, instead, 1))
    assert said in told[field]


@pytest.mark.parametrize("text", ["inputs.title", "x {{ inputs.title }}", "{{ inputs.title }}{{ inputs.title }}", " "])
@pytest.mark.parametrize("field", ["when", "for_each"])
def test_a_condition_and_a_list_are_one_expression_and_nothing_else(field: str, text: str) -> None:
    told = faults_of(GOOD.replace("    type: EMAIL_SEND", f"    type: EMAIL_SEND\n    {field}: '{text}'"))
    assert told[f"steps.mail.{field}"].startswith(f"{field} must be one {{{{ … }}}}, as in {{{{ inputs.")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = faults_of(
        GOOD.replace("VIDEO_RENDER", "VIDEO").replace("film-by-mail", "FILM").replace("inputs.t", "inputs.x")
    )
    assert set(told) == {"name", "steps.film.type", "steps.film.payload.title"}


def test_steps_that_would_wait_for_each_other_are_named() -> None:
    told = faults_of(GOOD.replace("    type: VIDEO_RENDER", "    type: VIDEO_RENDER\n    after: [mail]"))
    (said,) = told.values()
    assert "after must not lead in a circle" in said
    assert "film" in said
    assert "mail" in said


def test_a_step_is_not_named_as_a_job_of_a_list() -> None:
    one = "{type: APPROVAL, payload: {question: q}"
    told = faults_of(f"name: x\nsteps:\n  a: {one}, for_each: [1, 2]}}\n  a_1: {one}}}")
    assert "must not be named as the jobs of the list a" in told["steps.a_1"]


def test_each_list_is_checked_without_looking_at_every_other() -> None:
    one = "{type: APPROVAL, payload: {question: q}, for_each: [1]}"

    def check(many: int) -> None:
        read("name: x\nsteps:\n" + "".join(f"  s_a{number}: {one}\n" for number in range(many)))

    assert growth(check, 100, 1000) < 40, "ten times as many take ten times as long, not a hundred times"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("name: [", "source must be YAML"),
        ("name: x\nname: y", "'name' stands there twice, line 2"),
        ("a: &a [1]\nb: *a", "aliases (*) are not read here, line 2"),
        ("a: !!python/object:os.system {}", "source must be YAML"),
        ("[" * 100 + "]" * 100, "at most 40 levels deep"),
        ("a: 1\nb: !!binary aGVsbG8=", "source must be YAML of plain values only: !!binary is none, line 2"),
        ("a: !!set {x}", "of plain values only: !!set is none"),
        ("a: !!timestamp 2026-01-01", "of plain values only: !!timestamp is none"),
        ("a: !!omap [x: 1]", "of plain values only: !!omap is none"),
        ("a: !mine 1", "of plain values only: !mine is none"),
        ("a: !!bool maybe", "of plain values only: !!bool is none"),
        ("a: !!int ''", "of plain values only: !!int is none"),
        ("a: 1\nb: 1234567890123456789", "a number may have at most 18 digits, line 2"),
        ("a: 1" + "0" * 5000, "a number may have at most 18 digits, line 1"),
        ("a: .nan", "a number must be finite, line 1"),
        ("a: -.inf", "a number must be finite, line 1"),
        ("a: 1.0e+999", "a number must be finite, line 1"),
        ('a: 1\nb: "\\0"', "a text must be of characters only, line 2"),
        ('a: "\\ud83d"', "a text must be of characters only, line 1"),
        ("a: \0", "source must be YAML: unacceptable character"),
        ("a: \ud83d", "source must be YAML: unacceptable character"),
        ("x" * 300_000, "source must have at most 262,144 characters, not 300,000"),
    ],
)
def test_a_text_that_is_more_or_less_than_plain_yaml_is_refused(source: str, said: str) -> None:
    assert said in faults_of(source)["source"]


def test_words_that_only_look_like_something_else_stay_words() -> None:
    payload = '{to: ada@example.org, subject: no, body: 2026-11-27, cc: =, bcc: "\\ud83d\\ude00"}'
    made = read(f"name: x\nsteps:\n  s: {{type: EMAIL_SEND, payload: {payload}}}")
    told = list(made.written.steps["s"].payload.values())
    assert told == ["ada@example.org", "no", "2026-11-27", "=", "\U0001f600"]
