"""When schedules come: on every day of two years as Debian's cron has it, and in words where they cannot."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from engine.errors import InvalidInput
from engine.schedules.cron import SHORTHANDS, Cron
from tests.engine.schedules.debian import END, START, Wanted, blocks, some, times

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")
AT_RANDOM = 6
ALL = frozenset(range(60))


def of(text: str) -> Wanted:
    """An expression of stars, steps of stars, lists and numbers, and what it means."""
    minutes, hours, days, months, weekdays = (_meant(field) for field in text.split())
    return Wanted(text, minutes, hours, days, months, weekdays)


def _meant(field: str) -> frozenset[int]:
    star, _, step = field.partition("/")
    return frozenset(sorted(ALL)[:: int(step or 1)]) if star == "*" else frozenset(map(int, field.split(",")))


AT_THE_CHANGE = [
    of(text)
    for text in (
        *("30 2 * * *", "0,30 2,3 * * *", "*/30 2 * * *", "30 1 * * *", "45 1 * * *", "15 2 * * *", "0 0 * * *"),
        *("30 0 * * *", "30 23 * * *", "*/30 3 * * *", "*/15 2 * * *", "*/7 0 * * 5", "20 * * * *"),
    )
]


@pytest.mark.parametrize("zone", ZONES)
def test_over_two_years_every_expression_comes_when_debians_cron_would_run_it(zone: str) -> None:
    passed, chance = blocks(zone), Random(zone)
    for wanted in [*AT_THE_CHANGE, *(some(chance) for _ in range(AT_RANDOM))]:
        expected = times(wanted, passed)
        try:
            found = list(Cron(wanted.text, zone).between(START, END - timedelta(seconds=1)))
        except InvalidInput:  # it never comes
            found = []
        assert found == expected, f"{wanted.text} in {zone}: {sorted(set(found) ^ set(expected))[:4]}"


@pytest.mark.parametrize("zone", ZONES)
def test_what_comes_after_a_moment_does_not_hang_on_what_came_before(zone: str) -> None:
    """As it must be where only the moment is known, after a restart say: also within a change of the clocks."""
    chance = Random(zone)
    for wanted in AT_THE_CHANGE:
        cron = Cron(wanted.text, zone)
        known = list(cron.between(START, END))
        for _ in range(20):
            moment = chance.choice(known) + timedelta(
                minutes=chance.randrange(-90, 90), microseconds=chance.randrange(2)
            )
            after = next((each for each in known if each > moment), None)
            if moment >= START and after:
                assert cron.first(moment) == after, f"{wanted.text} in {zone} after {moment}"


@pytest.mark.parametrize(
    ("expression", "zone", "first"),
    [
        ("0 9 * * MON-FRI", "Europe/Berlin", "2026-03-27T08:00"),
        ("0 9 * * mon-fri", "Europe/Berlin", "2026-03-27T08:00"),
        ("0 9 1 JAN,jul *", "Asia/Kathmandu", "2026-07-01T03:15"),
        ("@daily", "America/Sao_Paulo", "2026-03-28T03:00"),
        ("@hourly", "Asia/Kathmandu", "2026-03-27T07:15"),
        ("  0   9  * * 7 ", "UTC", "2026-03-29T09:00"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00"),
        ("7 3-3/5 * * *", "UTC", "2026-03-28T03:07"),
        ("0 12 L * *", "UTC", "2026-03-31T12:00"),
    ],
)
def test_names_steps_ranges_lists_and_shorthands_are_understood(expression: str, zone: str, first: str) -> None:
    moment = datetime(2026, 3, 27, 7, tzinfo=UTC)
    assert Cron(expression, zone).first(moment) == datetime.fromisoformat(f"{first}+00:00")


def test_a_day_that_a_zone_left_out_comes_once_when_it_is_over() -> None:
    """Samoa went from the 29th of December 2011 to the 31st."""
    cron = Cron("0 12 * * *", "Pacific/Apia")
    found = cron.next(datetime(2011, 12, 29, tzinfo=UTC), 4)
    assert [f"{moment:%d %H:%M}" for moment in found] == ["29 22:00", "30 10:00", "30 22:00", "31 22:00"]


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            "",
            "cron must have five fields (minute, hour, day, month, weekday) or be one of @hourly, @daily, @weekly, @mo",
        ),
        ("* * * *", "cron must have five fields"),
        ("0 * * * * *", "cron must have five fields"),
        ("@often", "cron must have five fields"),
        ("60 * * * *", "cron's minute must be made of 0 to 59, as *, a list, a range or with a step, not '60'"),
        ("0 24 * * *", "cron's hour must be made of 0 to 23"),
        ("0 0 0 * *", "cron's day of month must be made of 1 to 31"),
        ("0 0 31 2 *", "cron's day of month must be made of 1 to 31"),
        ("0 0 * 13 *", "cron's month must be made of 1 to 12 or JAN to DEC"),
        ("0 0 * * MOON", "cron's day of week must be made of 0 to 7 or SUN to SAT"),
        ("5-1 * * * *", "cron's minute"),
        ("*/0 * * * *", "cron's minute"),
        ("1,,2 * * * *", "cron's minute"),
        ("² * * * *", "cron's minute"),
        ("1" * 101, "cron must have at most 100 characters, not 101"),
    ],
)
def test_what_is_no_cron_expression_is_told_by_its_field(expression: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Cron(expression)
    assert [error.field for error in refused.value.errors] == ["cron"]
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "localtime", "europe/berlin\0"])
def test_what_is_no_time_zone_is_told(zone: str) -> None:
    with pytest.raises(InvalidInput, match="time_zone must be a zone such as Europe/Berlin or UTC, not ") as refused:
        Cron("@daily", zone)
    assert [error.field for error in refused.value.errors] == ["time_zone"]


def test_every_shorthand_comes() -> None:
    assert all(Cron(word).first(START) for word in SHORTHANDS)
