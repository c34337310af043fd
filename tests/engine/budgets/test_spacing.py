"""In no span more goes out than the limit says, however late whoever has a turn comes; and everybody gets out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.budgets.spacing import LATE, Rate, go, may_go, next_time, plan
from models.rate_limit import Clock

pytestmark = pytest.mark.each

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

rates = st.integers(1, 40).flatmap(
    lambda count: st.builds(
        Rate, st.just(count), st.sampled_from([timedelta(minutes=1), HOUR, 5 * HOUR]), st.integers(1, count)
    )
)
# Each job: after how many seconds it comes, and how much later than at its turn it comes each time.
comers = st.lists(st.tuples(st.floats(0, 7200), st.lists(st.floats(0, 20_000), max_size=3)), min_size=1, max_size=120)


class World:
    """Jobs that come by the same ways, each asking again at its turn, or later, until it goes."""

    def __init__(self, rates: dict[str, Rate]) -> None:
        self.rates = rates
        self.clocks = {way: Clock() for way in rates}
        self.gone: list[datetime] = []
        self.turns: dict[int, datetime] = {}

    def ask(self, job: int, now: datetime) -> datetime | None:
        """As `RateLimits` does: None if it goes, else when it is to come again."""
        if job not in self.turns:
            self.turns[job], moved = plan(self.rates, self.clocks, now)
            self.clocks |= moved
        if self.turns[job] > now:
            return self.turns[job]
        if may_go(self.rates, self.clocks, now):
            self.clocks |= go(self.rates, self.clocks, now)
            self.gone.append(now)
            return None
        self.turns[job], moved = next_time(self.rates, self.clocks, now)
        self.clocks |= moved
        return self.turns[job]


def run(world: World, jobs: list[tuple[float, list[float]]]) -> int:
    """Until all are out; returns how often anybody asked."""
    waiting = {job: START + timedelta(seconds=comes) for job, (comes, _) in enumerate(jobs)}
    delays = {job: list(late) for job, (_, late) in enumerate(jobs)}
    asked = 0
    while waiting:
        now, job = min((at, job) for job, at in waiting.items())
        again = world.ask(job, now)
        asked += 1
        assert asked < 50 * len(jobs) ** 2, "somebody starves"
        if again is None:
            del waiting[job]
        else:
            late = timedelta(seconds=delays[job].pop() if delays[job] else 0)
            waiting[job] = max(again, now) + late
    return asked


def most_in_any(span: timedelta, moments: list[datetime]) -> int:
    return max(sum(start <= moment < start + span for moment in moments) for start in moments)


@settings(max_examples=150, deadline=None)
@given(rates, comers)
def test_in_no_span_more_than_the_limit_goes_out_and_nobody_starves(
    rate: Rate, jobs: list[tuple[float, list[float]]]
) -> None:
    world = World({"mail": rate})
    run(world, jobs)
    assert len(world.gone) == len(jobs)
    assert most_in_any(rate.per, world.gone) <= rate.count


@settings(max_examples=60, deadline=None)
@given(rates, rates, comers)
def test_of_two_limits_both_hold(one: Rate, other: Rate, jobs: list[tuple[float, list[float]]]) -> None:
    world = World({"mail": one, "mail:example.org": other})
    run(world, jobs)
    assert most_in_any(one.per, world.gone) <= one.count
    assert most_in_any(other.per, world.gone) <= other.count


@settings(max_examples=60, deadline=None)
@given(rates, st.integers(1, 60), st.floats(0, 1))
def test_whoever_comes_on_time_or_a_little_late_goes_at_the_turn_that_was_given(
    rate: Rate, jobs: int, share: float
) -> None:
    late = rate.late * share
    world = World({"mail": rate})
    asked = run(world, [(0, [late.total_seconds() * (job % 3) / 3]) for job in range(jobs)])
    assert asked <= 2 * jobs


def test_sixty_an_hour_go_six_at_once_and_then_one_about_every_minute() -> None:
    world = World({"mail": Rate(60, HOUR, 6)})
    run(world, [(0, []) for _ in range(10)])
    assert world.gone[:6] == [START] * 6
    steps = {later - earlier for earlier, later in zip(world.gone[5:], world.gone[6:], strict=False)}
    assert steps == {(HOUR + LATE) / 55}


def test_after_an_outage_what_had_its_turn_meanwhile_goes_no_faster_than_the_limit() -> None:
    world = World({"mail": Rate(4, HOUR, 1)})
    run(world, [(0, [0.0 if job == 0 else 100_000.0]) for job in range(20)])
    assert most_in_any(HOUR, world.gone) <= 4
