"""Templates in payloads: what is filled in, what is refused, and that nothing but values can be reached."""

from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.filling import filled, template_faults, templated
from engine.templates import render

RENDER = {
    "id": 7,
    "status": "completed",
    "error": None,
    "result": {"url": "https://x.test/7", "files": ["a", "b"], "n": 3},
}


def test_a_text_that_is_one_template_becomes_the_value_itself_and_a_number_text_that_both_kinds_of_fields_take() -> (
    None
):
    payload = {"images": "{{ jobs.render.result.files }}", "width": "{{jobs.render.result.n}}"}
    assert filled(payload, {"jobs": {"render": RENDER}}) == {"images": ["a", "b"], "width": "3"}


def test_a_template_among_words_becomes_words() -> None:
    payload = {
        "text": "See {{ jobs.render.result.url | upper }} ({{ jobs.render.status }})",
        "deep": [{"x": "{{ jobs.render.id }}!"}],
    }
    assert filled(payload, {"jobs": {"render": RENDER}}) == {
        "text": "See HTTPS://X.TEST/7 (completed)",
        "deep": [{"x": "7!"}],
    }


def test_what_speaks_of_no_job_is_left_as_it_is() -> None:
    texts = [
        "{{ secrets.KEY }} /jobs and {{ job.id }}",
        "{% for x in jobs %}{{ x }}{% endfor %}",
        "{{ 'x' }} jobs }}",
        "{{ jobs.",
    ]
    payload = {"texts": texts, "number": 5, "none": None}
    assert templated(payload) == []
    assert filled(payload, {"jobs": {"render": RENDER}}) == payload


def test_templates_of_the_type_itself_stay_beside_those_of_jobs_and_no_parent_can_make_one() -> None:
    made = {**RENDER, "result": {"text": "{{ secrets.KEY }} {% raw %} {", "list": ["{{ secrets.KEY }}"]}}
    payload = {"body": "{{ secrets.TOKEN }}: {{ jobs.render.result.text }}", "headers": "{{ jobs.render.result.list }}"}
    done = filled(payload, {"jobs": {"render": made}}, own_templates=["url", "headers", "body"])
    rendered = render(done["body"], {"secrets": {"TOKEN": "t", "KEY": "stolen"}})
    assert rendered == "t: {{ secrets.KEY }} {% raw %} {"
    assert [render(text, {"secrets": {"KEY": "stolen"}}) for text in done["headers"]] == ["{{ secrets.KEY }}"]


def test_looking_for_templates_takes_time_in_proportion_to_the_text() -> None:
    """A text of braces alone: by looking on from each of them to the end it would take hours."""
    assert templated({"body": "{{" * 1_000_000}) == []
    assert templated({"body": "{{ x }}" * 100_000}) == []


def test_an_outside_type_gets_numbers_as_they_are() -> None:
    assert filled({"n": "{{ jobs.render.result.n }}"}, {"jobs": {"render": RENDER}}, keeps_numbers=True) == {"n": 3}


def test_more_templates_than_anybody_writes_are_refused() -> None:
    (fault,) = template_faults({"body": "{{ jobs.render.id }}" * 501}, ["render"])
    assert "more than 500" in fault.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ jobs.other.result }}", "uses the job other, which is not among those that this one waits for (render)"),
        ("{{ jobs.render. }}", "is no template"),
        ("{{ jobs | tojson }}", "must name a job"),
        ("{{ jobs.render.__class__ }}", "may not use '__class__'"),
        ("{{ jobs['render']['__class__'].x }} {{ jobs.render.result.format() }}", "not call"),
        ("{{ jobs.render.result.url * 100000000 }}", "not mul"),
        ("{{ jobs.render.result if jobs.render.id else 1 }}", "not condexpr"),
        ("{{ jobs.render.result[" + "9" * 5000 + "] }}", "is no template"),
        ("{{ jobs.render.result | attr('keys') }}", "may use the filters"),
        ("{{ jobs.render.result.url ~ secrets.KEY }}", "not concat"),
        ("{{ jobs[secrets.KEY] }}", "may use jobs, not 'secrets'"),
    ],
)
def test_a_template_that_reaches_for_more_is_refused_when_it_is_submitted(text: str, said: str) -> None:
    (fault,) = template_faults({"to": [{"url": text}]}, ["render"])
    assert fault.field == "to.0.url"
    assert fault.message.startswith("to.0.url ")
    assert said in fault.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ jobs.render.result.missing }}", "has no value"),
        ("and {{ jobs.render.result.missing.more }}", "cannot be filled in"),
        ("{{ jobs.render.id }}{{ jobs.render.result.none }}", "has no value"),
        ("{{ jobs.render.result.url.upper }}", "has no value"),
    ],
)
def test_a_value_that_is_not_there_is_told_with_its_field(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        filled({"url": text}, {"jobs": {"render": RENDER}})
    (fault,) = refused.value.errors
    assert fault.field == "url"
    assert said in fault.message


def test_an_expansion_of_ten_megabytes_is_refused() -> None:
    big: dict[str, Any] = {**RENDER, "result": {"text": "x" * 500_000}}
    payload = {f"field_{number}": "{{ jobs.render.result.text }}" for number in range(20)}
    with pytest.raises(InvalidInput, match="longer than 1,000,000 characters"):
        filled(payload, {"jobs": {"render": big}})
    with pytest.raises(InvalidInput, match="longer than 1,000,000 characters"):
        filled({"body": "-{{ jobs.render.result.text }}" * 20}, {"jobs": {"render": big}})


def test_only_what_the_type_fills_in_itself_is_kept_from_becoming_a_template() -> None:
    payload = {"values": {"v": "{{ inputs.text }}"}, "headers": "{{ inputs.more }}"}
    inputs = {"text": "price {5}", "more": {"X: {{ secrets.TOKEN }}": "{{ secrets.TOKEN }}"}}
    done = filled(payload, {"inputs": inputs}, own_templates=["headers"])
    assert done["values"] == {"v": "price {5}"}
    ((name, value),) = done["headers"].items()
    assert render(name, {}) == "X: {{ secrets.TOKEN }}"
    assert render(value, {}) == "{{ secrets.TOKEN }}"
