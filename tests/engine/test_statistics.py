"""The numbers of the last week: the same as counting again, in small bites, and kept in step with what ends."""

import asyncio
import random
import statistics as plain
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import thread_time
from typing import Any

import pytest

from engine import clock, statistics
from engine.jobs import Registry, load_registry
from engine.statistics import Statistics
from engine.tally import SLOTS, Tally, TypeStats
from models.attempt import Attempt
from models.ended import Ended
from models.job import Job
from models.states import AttemptOutcome
from tests.support.engine import running, scripted, settings_in, submitted, until

pytestmark = pytest.mark.usefixtures("database")

FAILURES = {AttemptOutcome.FAILED, AttemptOutcome.RETRYING, AttemptOutcome.UNKNOWN, AttemptOutcome.LOST}
AGENTS = {"EMAIL_SEND": "mailer", "SOCIAL_POST": "publisher"}


def attempt(job_id: int, ended: datetime, outcome: AttemptOutcome, *, ran: float = 1.0, **more: Any) -> Attempt:
    return Attempt(
        **{
            "job_id": job_id,
            "number": 1,
            "lease_token": "t",
            "engine_id": "engine",
            "started_at": ended - timedelta(seconds=ran),
            "finished_at": ended,
            "outcome": outcome,
            **more,
        }
    )


async def jobs(many: int, *, first: int = 1, types: Sequence[str] = ("EMAIL_SEND",)) -> None:
    now = clock.now()
    usual = {"category": "task", "name": "A job", "payload": {}, "created_by": "test", "max_attempts": 5}
    rows = [Job(id=first + n, type=types[n % len(types)], created_at=now, **usual) for n in range(many)]
    await Job.bulk_create(rows, batch_size=500)


def some_attempts(many: int, *, first: int = 1, days: float = 8, seed: int = 7) -> list[Attempt]:
    chance, now = random.Random(seed), clock.now()
    outcomes = [*AttemptOutcome, AttemptOutcome.SUCCEEDED, AttemptOutcome.SUCCEEDED]
    return [
        attempt(
            first + n,
            now - timedelta(seconds=chance.uniform(0, days * 86400)),
            chance.choice(outcomes),
            ran=chance.lognormvariate(1, 1.5),
            engine_id=chance.choice(["engine", "engine", "agent-7"]),
        )
        for n in range(many)
    ]


def ended(at: datetime, ran: float = 1.0, *, number: int = 1, outcome: str = "succeeded") -> Ended:
    return Ended(number, number, "EMAIL_SEND", "engine", at - timedelta(seconds=ran), at, outcome)


def ended_since(rows: Sequence[Attempt], since: datetime) -> int:
    return sum(row.finished_at is not None and row.finished_at >= since for row in rows)


def ran(row: Attempt) -> float:
    assert row.finished_at
    return (row.finished_at - row.started_at).total_seconds()


async def caught_up(registry: Registry | None = None) -> Statistics:
    counted = Statistics(registry or load_registry())
    await counted.catch_up()
    return counted


async def test_each_slot_has_what_counting_again_gives() -> None:
    rows = some_attempts(600)
    await jobs(600, types=tuple(AGENTS))
    await Attempt.bulk_create(rows)
    counted = await caught_up()
    for span, (seconds, many) in SLOTS.items():
        told = counted.throughput(span)
        assert told.is_complete
        assert len(told.slots) == many
        for slot in told.slots:
            end = slot.start + timedelta(seconds=seconds)
            own = [row for row in rows if row.finished_at and slot.start <= row.finished_at < end]
            assert slot.completed == sum(row.outcome is AttemptOutcome.SUCCEEDED for row in own)
            assert slot.failed == sum(row.outcome in FAILURES for row in own)
    assert counted.throughput("week").completed > 100
    assert told.slots[-1].start <= clock.now() < told.slots[-1].start + timedelta(hours=1)


@pytest.mark.parametrize("span", ["day", "week"])
async def test_an_agents_numbers_are_those_of_its_own_attempts(span: Any) -> None:
    rows = some_attempts(1500, days=2)
    await jobs(1500, types=tuple(AGENTS))
    await Attempt.bulk_create(rows)
    counted = await caught_up()
    types = dict(await Job.all().values_list("id", "type"))
    since = counted.throughput(span).slots[0].start
    hour = since.replace(minute=0)
    for agent in (*AGENTS.values(), "agent-7"):
        own = [row for row in rows if agent in (row.engine_id, row.engine_id == "engine" and AGENTS[types[row.job_id]])]
        succeeded = [row for row in own if row.outcome is AttemptOutcome.SUCCEEDED]
        told = counted.of_agent(agent, span)
        assert told.succeeded == ended_since(succeeded, since) > 20
        failed = [row for row in own if row.outcome in FAILURES]
        assert told.attempts == told.succeeded + ended_since(failed, since)
        seconds = sorted(ran(row) for row in succeeded if ended_since([row], hour))
        assert told.median
        assert told.median.total_seconds() == pytest.approx(plain.median_low(seconds), rel=0.05)
        assert told.p95
        assert told.p95.total_seconds() == pytest.approx(seconds[-(-len(seconds) * 95 // 100) - 1], rel=0.05)


async def test_an_agent_that_did_nothing_has_no_run_times() -> None:
    told = (await caught_up()).of_agent("nobody", "day")
    assert (told.attempts, told.succeeded, told.median, told.p95, told.success_rate) == (0, 0, None, None, None)


async def test_what_somebody_stopped_is_neither_success_nor_failure() -> None:
    stopped = (AttemptOutcome.RELEASED, AttemptOutcome.PAUSED, AttemptOutcome.CANCELLED)
    await jobs(3)
    await Attempt.bulk_create([attempt(n + 1, clock.now(), outcome) for n, outcome in enumerate(stopped)])
    counted = await caught_up()
    assert counted.of_agent("mailer", "day").attempts == 0
    assert counted.throughput("hour").completed == counted.throughput("hour").failed == 0


async def test_what_ends_later_is_added_and_nothing_is_counted_twice() -> None:
    await jobs(60)
    rows = some_attempts(60, days=0.0005)
    await Attempt.bulk_create(rows[:20])
    counted = await caught_up()
    for first in range(20, 60, 10):
        await Attempt.bulk_create(rows[first : first + 10])
        await counted.catch_up()
        await counted.refresh()
    done = counted.throughput("week")
    assert done.completed == sum(row.outcome is AttemptOutcome.SUCCEEDED for row in rows)
    assert done.failed == sum(row.outcome in FAILURES for row in rows)


async def test_what_is_seen_late_is_counted_though_later_ends_were_seen_before() -> None:
    """Transactions are not seen in the order of the times in them."""
    await jobs(3)
    now = clock.now()
    await attempt(1, now, AttemptOutcome.SUCCEEDED).save()
    counted = await caught_up()
    await attempt(2, now - timedelta(seconds=1), AttemptOutcome.SUCCEEDED).save()
    await counted.refresh()
    assert counted.throughput("hour").completed == 2, "a moment late: at the next look"
    await attempt(3, now - timedelta(seconds=50), AttemptOutcome.FAILED).save()
    await counted.catch_up()
    assert counted.throughput("hour").failed == 1, "a minute late: at the next sweep"


async def test_what_is_remembered_to_count_nothing_twice_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_REMEMBERED", 50)
    await jobs(300)
    now = clock.now()
    rows = [attempt(n, now - timedelta(seconds=n / 10), AttemptOutcome.SUCCEEDED) for n in range(1, 301)]
    await Attempt.bulk_create(rows)
    counted = await caught_up()
    await counted.catch_up()
    assert counted.throughput("hour").completed == 300
    assert sum(map(len, counted._counted.values())) <= 60


async def test_until_the_past_has_been_read_the_numbers_say_so() -> None:
    await jobs(1)
    await attempt(1, clock.now() - timedelta(days=3), AttemptOutcome.SUCCEEDED).save()
    counted = Statistics(load_registry())
    assert not counted.throughput("week").is_complete
    await counted.refresh()
    assert not counted.throughput("week").is_complete
    await counted.catch_up()
    assert counted.throughput("week").is_complete
    assert counted.of_agent("mailer", "week").succeeded == 1


async def test_whoever_listens_is_told_when_the_numbers_change() -> None:
    await jobs(1)
    counted, told = await caught_up(), list[int]()
    end = counted.subscribe(lambda: told.append(counted.throughput("hour").completed))
    await counted.refresh()
    assert not told, "nothing has changed"
    await attempt(1, clock.now(), AttemptOutcome.SUCCEEDED).save()
    await counted.refresh()
    assert told == [1]
    end()


async def test_the_past_is_read_without_keeping_the_process_from_its_work() -> None:
    many = 5_000
    await jobs(many)
    await Attempt.bulk_create(some_attempts(many, days=7), batch_size=500)
    turns: list[float] = []

    async def watch() -> None:
        while True:
            began = thread_time()
            await asyncio.sleep(0)
            turns.append(thread_time() - began)
            await asyncio.sleep(0.001)

    watching = asyncio.create_task(watch())
    counted = await caught_up()
    watching.cancel()
    assert counted.throughput("week").completed > many / 10
    assert sorted(turns)[int(len(turns) * 0.95)] < 0.02, "of each twenty turns, others have theirs at once"


def test_what_is_older_than_a_week_is_forgotten() -> None:
    tally, now = Tally(), clock.now()
    for days in range(30):
        tally.add("mailer", ended(now - timedelta(days=days)))
        tally.add(f"agent-{days}", ended(now - timedelta(days=days)))
    tally.forget(now)
    assert len(tally._slots) == len(tally._run_times) == len(tally._types) <= 8
    assert len(tally._last) <= 9
    assert len(tally._minutes) == 1


@pytest.mark.parametrize("seconds", [0.002, 0.05, 0.9, 4.2, 61, 3000, 80_000])
def test_a_run_time_is_told_within_five_percent(seconds: float) -> None:
    tally, now = Tally(), clock.now()
    tally.add("mailer", ended(now, seconds))
    median = tally.of_agent("mailer", "day", now).median
    assert median
    assert median.total_seconds() == pytest.approx(seconds, rel=0.05)


def test_the_latest_attempts_are_kept_in_order_however_they_are_read() -> None:
    tally, now = Tally(), clock.now()
    numbers = list(range(50))
    random.Random(3).shuffle(numbers)
    for number in numbers:
        tally.add("mailer", ended(now - timedelta(minutes=number), number=number, outcome="cancelled"))
    assert [last.job_id for last in tally.last_of("mailer")] == list(range(20))
    assert tally.last_of("nobody") == ()


def test_an_agents_failures_are_told_by_type() -> None:
    tally, now = Tally(), clock.now()
    for number, outcome in enumerate(["succeeded", "failed", "lost", "paused"]):
        tally.add("mailer", ended(now - timedelta(minutes=1), number=number, outcome=outcome))
    tally.add("mailer", ended(now - timedelta(days=3), number=9, outcome="failed"))
    assert tally.types_of("mailer", "day", now) == {"EMAIL_SEND": TypeStats(3, 2)}
    assert tally.types_of("mailer", "week", now) == {"EMAIL_SEND": TypeStats(4, 3)}


async def test_an_engine_at_work_keeps_the_numbers_in_step(tmp_path: Any, database_url: str) -> None:
    async def script(_: Any) -> dict[str, Any]:
        return {}

    settings = settings_in(tmp_path / "data", database_url=database_url)
    async with running(settings, scripted(script, agent="Tester")) as atlas:
        numbers = atlas.queries.statistics
        await until(atlas, lambda: _is(numbers.is_complete), "the past has been read")
        numbers.throughput("hour")
        await submitted(atlas)
        await until(atlas, lambda: _is(numbers.throughput("hour").completed == 1), "one has ended")
        assert numbers.of_agent("tester", "day").attempts == 1


async def _is(what: bool) -> bool:
    return what
