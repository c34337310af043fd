"""An article's data are read as tables on its page."""

import pytest

from engine.renders.documents.fences import with_tables

CHART = "```chart\ntype: bar\ntitle: Visits\nMonth,2025,2026\nOct,1204,1300.5\nNov,,1532\n```"


def test_comma_separated_values_are_a_table() -> None:
    text = "Before\n```csv\nName;Note\nAda;a | b\nBob\n```\nAfter"
    table = ["| Name | Note |", "| --- | --- |", r"| Ada | a \| b |", "| Bob |  |"]
    assert with_tables(text).splitlines() == ["Before", "", *table, "", "After"]


def test_a_chart_is_its_title_and_its_numbers() -> None:
    told = with_tables(CHART)
    assert "**Visits**" in told
    assert "| Oct | 1,204 | 1,300.5 |" in told
    assert "| Nov |  | 1,532 |" in told
    assert "```" not in told


@pytest.mark.parametrize(
    "text",
    [
        "```chart\ntype: cake\na,b\nc,1\n```",
        "```python\na = 1\n```",
        "```csv\nnever closed",
        "```csv\n```",
        "No data at all",
    ],
)
def test_what_is_no_data_stays_as_it_is_written(text: str) -> None:
    assert with_tables(text) == text


def test_many_blocks_that_never_end_take_no_time() -> None:
    text = "```csv\n~~~chart\n" * 20_000
    assert with_tables(text).splitlines() == text.splitlines()
