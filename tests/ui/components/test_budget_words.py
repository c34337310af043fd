"""Budgets as people read and write them."""

import pytest

from engine.budgets.book import BudgetView, Scope
from engine.budgets.measures import Measure
from engine.budgets.ways import limit_words, way_words
from engine.errors import InvalidInput
from models.usage import Sum
from ui.components.budget_words import LOW, SPENT, read_limit, state_badge, use_words, used_words


@pytest.mark.parametrize(
    ("measure", "text", "limit"),
    [
        (Measure.TOKENS, "100,000", 100_000),
        (Measure.TOKENS, "100,000 tokens", 100_000),
        (Measure.MONEY, "4.20", 4.2),
        (Measure.SECONDS, "1 h 20 min", 4800),
        (Measure.SECONDS, "90s", 90),
        (Measure.BYTES, "3.4 MB", 3_400_000),
        (Measure.BYTES, "500", 500),
        (Measure.ATTEMPTS, "50 jobs", 50),
    ],
)
def test_a_limit_is_read_as_it_is_shown(measure: Measure, text: str, limit: float) -> None:
    assert read_limit(measure, text) == pytest.approx(limit)
    assert read_limit(measure, measure.shown(measure.stored(limit))) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("measure", "text", "like"),
    [
        (Measure.TOKENS, "", "100,000"),
        (Measure.TOKENS, "5 h", "100,000"),
        (Measure.SECONDS, "80", "1 h 20 min"),
        (Measure.MONEY, "4.2.0", "4.20"),
        (Measure.BYTES, "a lot", "3.4 MB"),
    ],
)
def test_what_makes_no_sense_is_refused_with_how_it_should_look(measure: Measure, text: str, like: str) -> None:
    with pytest.raises(InvalidInput, match=f"limit must be like {like}, not '{text}'"):
        read_limit(measure, text)


def test_a_budget_s_state_is_told_only_when_it_is_worth_a_word() -> None:
    def budget(used: int) -> BudgetView:
        return BudgetView(1, Scope.ALL, "", "everything", Measure.TOKENS, 1000, used)

    assert [state_badge(budget(used)) for used in (0, 799, 800, 999, 1000)] == [None, None, LOW, LOW, SPENT]
    assert use_words(budget(10_420)) == "10,420 of 1,000 tokens today"


def test_an_agent_s_day_leaves_out_what_it_did_not_use() -> None:
    used = Sum("", "", "mailer", attempts=1, millis=4_800_000, micros=4_200_000)
    assert used_words(used) == "Today: 1 job · 1 h 20 min · 4.20"
    assert used_words(Sum("", "", "")) == used_words(None) == ""


def test_limits_are_told_in_words() -> None:
    assert limit_words("mail", 60, 3600) == "at most 60 mails an hour"
    assert limit_words("mail:example.org", 1, 60) == "at most 1 mail a minute to example.org"
    assert limit_words("channel:*", 5, 86_400) == "at most 5 posts a day on each channel"
    assert limit_words("host:x.org", 5, 90) == "at most 5 calls in 90 s of x.org"
    assert limit_words("mail", 5, 7200) == "at most 5 mails in 2 hours"
    assert [way_words(key) for key in ("mail", "mail:*", "host:x.org")] == [
        "Mail",
        "Mail to each domain",
        "Calls of x.org",
    ]
