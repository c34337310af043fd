"""An error is one sentence, and what is more stands behind the fold to the letter."""

import pytest

from ui.components.error_text import LONGEST, Told, told

REFUSED = "127.0.0.1 refused every recipient: nobody@example.org (550 5.1.1 <nobody@example.org>: User unknown)"


@pytest.mark.parametrize("text", ["The encoder refused frame 17", "مرفوض", "There is no channel news any more"])
def test_a_short_sentence_has_no_details(text: str) -> None:
    assert told(text) == Told(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (REFUSED, "127.0.0.1 refused every recipient: nobody@example.org"),
        ("The job stopped on an unexpected KeyError: 'x'", "The job stopped on an unexpected error"),
        ("It broke\n  at line 1\n  at line 2", "It broke"),
        ("The mail server said no. " + "Because. " * 60, "The mail server said no. Because. Because."),
    ],
)
def test_what_is_technical_or_long_is_kept_to_the_letter_in_the_details(text: str, sentence: str) -> None:
    shown = told(text)
    assert shown.sentence.startswith(sentence)
    assert len(shown.sentence) <= LONGEST
    assert shown.details == text.strip()


def test_a_sentence_without_an_end_is_cut_between_words() -> None:
    shown = told("word " * 200)
    assert shown.sentence.endswith("word…")
    assert len(shown.sentence) <= LONGEST + 1
