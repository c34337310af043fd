"""Templates fill in values and do nothing else: whatever they say, they end at once and reach nothing."""

from typing import Any

import pytest

from engine.templates import TemplateFault, check, holds, is_one, members_of, render, value_of

VALUES: dict[str, Any] = {"values": {"name": 'Ada "A"', "list": [1, 2]}, "secrets": {"TOKEN": "t0ken"}}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain { } %", "plain { } %"),
        ("Bearer {{ secrets.TOKEN }}", "Bearer t0ken"),
        ('{"text": {{ values.name | tojson }}}', '{"text": "Ada \\"A\\""}'),
        ("{{ values['name'] | upper }}", 'ADA "A"'),
        ("{{ values.list[1] }}", "2"),
        ("{{ values.list | tojson }}\n", "[1, 2]\n"),
        ("{{ values.none | default('x') }}", "x"),
        ("{{ values.name | urlencode }}", "Ada%20%22A%22"),
        ("{{ '{{ secrets.TOKEN }}' }}", "{{ secrets.TOKEN }}"),
    ],
)
def test_values_stand_where_they_are_named(text: str, rendered: str) -> None:
    assert render(text, VALUES) == rendered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% for i in range(10**9) %}x{% endfor %}", "not for"),
        ("{% include 'me' %}", "not include"),
        ("{% macro me() %}{{ me() }}{% endmacro %}{{ me() }}", "not macro"),
        ("{% set x = 1 %}", "not assign"),
        ("{{ values.name * 10**9 }}", "not mul"),
        ("{{ range(5) }}", "not call"),
        ("{{ values.items() }}", "not call"),
        ("{{ values.__class__ }}", "may not use '__class__'"),
        ("{{ other.name }}", "may use secrets, values, not 'other'"),
        (
            "{{ values.name | pprint }}",
            "may use the filters tojson, upper, lower, trim, urlencode, default, not",
        ),
        ("{{ values.name | attr('x') }}", "not 'attr'"),
        ("{{ unclosed", "is no template"),
        ("{{" + "(" * 5000 + "}}", "is "),
        ("{{ values" + ".a" * 3000 + " }}", "is too deeply nested"),
        ("{{ values.x" + "|lower" * 600 + " }}", "may use at most 3 filters one after the other, not 600"),
        ('{{ "x"' + "|tojson" * 4 + " }}", "may use at most 3 filters one after the other, not 4"),
    ],
)
def test_whatever_repeats_calls_or_includes_is_refused_before_it_runs(text: str, words: str) -> None:
    with pytest.raises(TemplateFault) as refused:
        check(text, set(VALUES))
    assert words in str(refused.value)
    with pytest.raises(TemplateFault):
        render(text, VALUES)


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(TemplateFault, match="has no attribute 'surname'"):
        render("{{ values.surname }}", VALUES)


def test_what_of_a_name_is_used_is_told_without_rendering() -> None:
    text = "{{ secrets.ONE }} {{ secrets['TWO'] | tojson }} {{ values.THREE }}"
    assert members_of(text, "secrets") == {"ONE", "TWO"}


@pytest.mark.parametrize("text", ["{{ values.name.format }}", "{{ values['__class__'] }}", "{{ values.list.append }}"])
def test_attributes_of_values_are_not_python_attributes(text: str) -> None:
    with pytest.raises(TemplateFault, match="has no "):
        render(text, VALUES)


def test_what_becomes_too_large_is_refused_before_it_is_in_memory() -> None:
    with pytest.raises(TemplateFault, match="at most 1,000,000 characters when it is filled in"):
        render("{{ values.x }}" * 10_000, {"values": {"x": "x" * 1_000_000}})


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ("{{ -1 == n }}", False),
        ("{{ -n == -1 }}", True),
        ("{{- n == 1 -}}", True),
        ("{{ n > 0 and word in ['a', 'b'] }}", True),
        ("{{ not n }}", False),
        ("{{ nothing.there.at_all }}", False),
    ],
)
def test_a_condition_is_decided_as_it_reads(condition: str, is_true: bool) -> None:
    assert holds(condition, {"n": 1, "word": "a", "nothing": {}}) is is_true


@pytest.mark.parametrize("text", ["n", "{{ n }} and {{ n }}", "not {{ n }}", " ", "{{ n }}!"])
def test_what_is_not_one_template_decides_nothing_and_has_no_value(text: str) -> None:
    assert not is_one(text)
    with pytest.raises(TemplateFault):
        holds(text, {"n": 1})
    with pytest.raises(TemplateFault):
        value_of(text, {"n": 1})


def test_filters_are_not_hidden_in_what_filters_are_told() -> None:
    with pytest.raises(TemplateFault, match="may not use a filter within what the filter default is told"):
        check("{{ '' | default(x | tojson, true) }}", {"x"})
    with pytest.raises(TemplateFault, match="at most 1,000,000 characters"):
        value_of("{{ x | tojson }}", {"x": '"' * 600_000})
