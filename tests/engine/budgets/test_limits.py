"""Jobs over a rate limit get their turn later: none is refused, none is lost, and none goes before its time."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.budgets.limiting import RateLimiting
from engine.budgets.limits import RateLimits
from engine.errors import InvalidInput, NotFound, TurnLater
from engine.events import Bus
from engine.jobs import AnyJobType
from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.job import Job
from models.rate_limit import RateLimit, RateTurn
from models.states import AttemptOutcome, Status
from tests.support.engine import opened, running, scripted, stored_job, submitted, until, until_status

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MAIL = {"mail"}
Wind = Callable[[datetime], None]


@pytest.fixture
def wind(monkeypatch: pytest.MonkeyPatch) -> Wind:
    """Set the clock, which stands still from then on."""

    def to(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    return to


async def limited(*, burst: int = 1, count: int = 6, key: str = "mail") -> RateLimits:
    """A process that knows the limit."""
    limits = RateLimits(Bus())
    await RateLimiting(limits, Bus()).put(key, count, 3600, "ada", burst)
    return limits


async def asks(limits: RateLimits, job_id: int, ways: set[str] = MAIL) -> datetime | None:
    """When its turn is, None if it goes."""
    try:
        await limits.wait_for_turn(job_id, ways)
    except TurnLater as later:
        return later.at
    return None


async def jobs(count: int) -> list[int]:
    """So many queued jobs."""
    return [(await stored_job()).id for _ in range(count)]


@pytest.mark.usefixtures("database")
async def test_a_turn_is_kept_however_often_the_job_comes_before_it(wind: Wind) -> None:
    wind(NOON)
    limits = await limited()
    assert await jobs(3) == [1, 2, 3]
    assert await asks(limits, 1) is None
    turn = await asks(limits, 2)
    assert turn is not None
    assert turn > NOON + timedelta(minutes=10)
    assert await asks(limits, 2) == turn, "it was killed, or told to run now"
    later = await asks(limits, 3)
    assert later is not None
    assert later > turn, "it comes after"
    wind(turn)
    assert await asks(limits, 2) is None
    assert await asks(limits, 3) == later


@pytest.mark.usefixtures("database")
async def test_several_processes_at_once_give_each_turn_to_one_job(wind: Wind) -> None:
    wind(NOON)
    await jobs(30)
    processes = [await limited(burst=2, count=20), RateLimits(Bus()), RateLimits(Bus())]
    for process in processes:
        await process.load()
    turns = await asyncio.gather(*(asks(processes[job % 3], job) for job in range(1, 31)))
    assert turns.count(None) == 2, "the burst"
    assert len(set(turns)) == 29, "of the others each has a turn of its own"
    assert await RateTurn.all().count() == 30


@pytest.mark.usefixtures("database")
async def test_a_job_waits_for_all_of_its_ways_and_others_do_not_wait_for_it(wind: Wind) -> None:
    wind(NOON)
    await limited(count=1, key="mail:slow.example")
    limits = await limited(count=3000, burst=3000)
    slow = {"mail", "mail:slow.example"}
    assert await asks(limits, 1, slow) is None
    assert await asks(limits, 2, slow) is not None
    assert await asks(limits, 3, {"mail", "mail:quick.example"}) is None
    assert await asks(limits, 4, {"host:slow.example"}) is None, "no mail"


@pytest.mark.usefixtures("database")
async def test_a_limit_for_each_is_one_for_every_name_but_for_those_that_have_their_own(wind: Wind) -> None:
    wind(NOON)
    await limited(count=2, burst=2, key="channel:news")
    limits = await limited(count=1, key="channel:*")
    assert [await asks(limits, job, {"channel:blog"}) is None for job in (1, 2)] == [True, False]
    assert [await asks(limits, job, {"channel:news"}) is None for job in (3, 4, 5)] == [True, True, False]
    assert await asks(limits, 6, {"channel:fun"}) is None


@pytest.mark.usefixtures("database")
async def test_the_turn_of_a_job_that_was_cancelled_is_the_next_one_s(wind: Wind) -> None:
    wind(NOON)
    limits = await limited()
    first, second, third, other = await jobs(4)
    _, turn, last = [await asks(limits, job) for job in (first, second, third)]
    await Job.filter(id=second).update(status=Status.CANCELLED)
    assert await asks(limits, other) == turn
    assert await asks(limits, third) == last


@pytest.mark.usefixtures("database")
async def test_another_limit_gives_every_waiting_job_another_turn(wind: Wind) -> None:
    wind(NOON)
    limits = await limited(count=1)
    waiting = await jobs(3)
    for job in waiting:
        await Job.filter(id=job).update(due_at=await asks(limits, job))
    asleep = (await stored_job(due_at=NOON + timedelta(days=3))).id
    await RateLimiting(limits, Bus()).put("mail", 3600, 3600, "ada")
    assert await Job.filter(due_at=None).count() == 3
    assert await Job.filter(id=asleep, due_at=None).count() == 0, "it waits for something else"
    turn = await asks(limits, waiting[2])
    assert turn is None or turn < NOON + timedelta(minutes=1)
    await RateLimiting(limits, Bus()).remove("mail")
    assert await asks(limits, waiting[2]) is None


@pytest.mark.parametrize(
    ("key", "numbers", "told"),
    [
        (
            "post",
            (1, 60),
            "key must be mail, mail:DOMAIN, channel:NAME or host:NAME, with * for each of them, not 'post'",
        ),
        ("mail:", (1, 60), "not 'mail:'"),
        ("mail", (0, 60), "count must be 1 to 1,000,000, not 0"),
        ("mail", (1, 5), "per_seconds must be 60 to 604,800, not 5"),
        ("mail", (3, 60, 4), "burst must be 1 to 3, not 4"),
    ],
)
@pytest.mark.usefixtures("database")
async def test_what_makes_no_sense_is_refused(key: str, numbers: tuple[int, ...], told: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(told)):
        await RateLimiting(RateLimits(Bus()), Bus()).put(key, numbers[0], numbers[1], "ada", *numbers[2:])
    assert not await RateLimit.exists()
    with pytest.raises(NotFound):
        await RateLimiting(RateLimits(Bus()), Bus()).remove("mail")


# -- with an engine ------------------------------------------------------------------------------------------


def mailing(sent: list[int]) -> AnyJobType:
    """A job type that mails, as far as anybody can tell."""

    async def sends(context: Context) -> dict[str, Any]:
        async def speak(identity: dict[str, Any]) -> dict[str, Any]:
            sent.append(context.job_id)
            return {}

        return await context.effect("mail", {}, speak)

    return scripted(sends, ways_out=lambda self, payload: frozenset({"mail", "mail:example.org"}))


async def test_a_job_over_the_limit_goes_back_until_its_turn_and_loses_no_attempt(settings: Settings) -> None:
    sent: list[int] = []
    async with running(settings, mailing(sent)) as atlas:
        await atlas.limiting.put("mail", 60, 3600, "ada", 1)
        first = await submitted(atlas)
        await until_status(atlas, first, Status.COMPLETED)
        second = await submitted(atlas)
        await until(atlas, lambda: Attempt.exists(job_id=second, outcome=AttemptOutcome.RELEASED))
        job = await until_status(atlas, second, Status.QUEUED)
        turn = await RateTurn.get(job_id=second)
        assert sent == [first]
        assert job.due_at == turn.at
        assert (job.attempt, job.max_attempts) == (1, 6), "a try more than the usual five"
        assert job.waiting_for == f"Waits for its turn at {turn.at:%H:%M} UTC: at most 60 mails an hour"
        told = (await atlas.queries.attempts(second))[0].error
        assert told == f"Waits for its turn at {turn.at:%H:%M:%S} UTC: at most 60 mails an hour"
        await atlas.commands.run_now(second)
        await until(atlas, lambda: Attempt.exists(job_id=second, number=2, outcome=AttemptOutcome.RELEASED))
        assert (await until_status(atlas, second, Status.QUEUED)).due_at == turn.at, "nobody goes before their turn"
        await atlas.limiting.remove("mail")
        await until_status(atlas, second, Status.COMPLETED)
    assert sent == [first, second]


async def test_built_in_types_tell_their_ways_out(settings: Settings) -> None:
    async with running(settings) as atlas:
        ways = {}
        for key, payload in {
            "EMAIL_SEND": {"to": ["a@Example.org"], "bcc": ["b@gmail.com"], "subject": "S", "body": "B"},
            "SOCIAL_POST": {"text": "Hello", "channels": ["feed"]},
            "WEBHOOK_CALL": {"url": "https://Hooks.example/x"},
        }.items():
            job_type = atlas.registry.get(key)
            ways[key] = sorted(job_type.ways_out(job_type.parse(payload)))
    assert ways == {
        "EMAIL_SEND": ["mail", "mail:example.org", "mail:gmail.com"],
        "SOCIAL_POST": ["channel:feed"],
        "WEBHOOK_CALL": ["host:hooks.example"],
    }


async def test_who_waits_for_a_slow_way_keeps_nobody_of_another_one_waiting(settings: Settings, wind: Wind) -> None:
    wind(NOON)
    async with opened(settings):
        limits = await limited(count=60, burst=6)
        await RateLimiting(limits, Bus()).put("mail:slow.example", 1, 86_400, "ada", 1)
        for job_id in await jobs(20):
            await asks(limits, job_id, {"mail", "mail:slow.example"})
        (other,) = await jobs(1)
        turn = await asks(limits, other)
        assert turn is None or turn < NOON + timedelta(hours=1)


async def test_a_limit_that_was_removed_and_set_anew_remembers_nothing(settings: Settings, wind: Wind) -> None:
    wind(NOON)
    async with opened(settings):
        limits = await limited(count=1)
        first, second = await jobs(2)
        assert await asks(limits, first) is None
        await RateLimiting(limits, Bus()).remove("mail")
        await RateLimiting(limits, Bus()).put("mail", 60, 3600, "ada", 6)
        assert await asks(limits, second) is None
