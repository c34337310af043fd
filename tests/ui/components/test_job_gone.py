"""A job that is gone: what may have happened is told."""

import pytest

from ui.components.job_gone import gone_words


@pytest.mark.parametrize(
    ("asked", "days", "words"),
    [
        ("7", 0, "It may have been removed, or the number 7 is mistyped."),
        ("7", 30, "Jobs are removed 30 days after they ended, or the number 7 is mistyped."),
        ("7", 1, "Jobs are removed a day after they ended, or the number 7 is mistyped."),
        ("x", 30, "The address is mistyped: a job is named by its number, as in /app/jobs/42."),
    ],
)
def test_what_may_have_happened(asked: str, days: float, words: str) -> None:
    assert gone_words(asked, days) == words
