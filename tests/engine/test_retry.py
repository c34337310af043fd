"""When a failed attempt is tried again."""

from datetime import timedelta

import pytest

from engine.retry import RetryPolicy

EXACT = RetryPolicy(base=10, cap=3600, jitter=0)


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [
        (1, 10),  # the first wait is the base
        (2, 20),  # and doubles
        (3, 40),
        (9, 2560),
        (10, 3600),  # 5,120 is over the cap
        (60, 3600),
        (5000, 3600),  # nor does a number too large for a float matter
    ],
)
def test_the_wait_doubles_up_to_the_cap(attempt: int, seconds: float) -> None:
    assert EXACT.delay(attempt) == timedelta(seconds=seconds)


def test_jitter_shortens_the_wait_by_at_most_its_share() -> None:
    delays = {RetryPolicy(base=10, jitter=0.2).delay(1).total_seconds() for _ in range(200)}
    assert all(8 <= delay <= 10 for delay in delays)
    assert max(delays) - min(delays) > 1, "jobs that failed together would come back together"


@pytest.mark.parametrize(("asked", "seconds"), [(120, 120), (3, 10), (7200, 7200)])
def test_a_server_that_names_a_time_is_never_asked_earlier(asked: float, seconds: float) -> None:
    assert EXACT.delay(1, retry_after=timedelta(seconds=asked)) == timedelta(seconds=seconds)
