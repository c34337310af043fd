"""The claim: the right jobs, in the right order, each to one engine only, at a price that no queue raises."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from models.attempt import Attempt
from models.claim import Claimed, claim_due, come_due
from models.database import connection, transaction
from models.job import Job
from models.statement import POSTGRES, SQLITE
from models.states import Approval, Priority, Status
from models.type_policy import TypePolicy
from tests.support.engine import stored_job
from tests.support.other_program import OtherProgram

pytestmark = pytest.mark.usefixtures("database")

NOW = clock.now()
_tokens = itertools.count()


async def look(
    limit: int = 10, *, engine: str = "an engine", now: datetime | None = None, types: Sequence[str] = ("SCRIPTED",)
) -> tuple[list[Claimed], bool]:
    now = now or clock.now()
    async with transaction() as writer:
        await come_due(writer, now)
        return await claim_due(
            writer,
            engine_id=engine,
            lease_token=f"lease {next(_tokens)}",
            now=now,
            lease_expires_at=now + timedelta(seconds=15),
            places=dict.fromkeys(types, limit),
            limit=limit,
        )


async def claim(limit: int = 10, **more: Any) -> list[Claimed]:
    return (await look(limit, **more))[0]


async def names(jobs: list[Claimed]) -> list[str]:
    return [(await Job.get(id=job.id)).name for job in jobs]


async def test_the_highest_priority_comes_first_and_then_the_oldest() -> None:
    for name, priority, age in [
        ("third", Priority.MEDIUM, 3),
        ("fourth", Priority.MEDIUM, 2),
        ("second", Priority.HIGH, 0),
        ("last", Priority.LOW, 9),
        ("first", Priority.HIGH, 1),
    ]:
        await stored_job(name=name, priority=priority, created_at=NOW - timedelta(minutes=age))
    assert await names(await claim()) == ["first", "second", "third", "fourth", "last"]


async def test_of_jobs_created_in_the_same_moment_the_first_submitted_comes_first() -> None:
    jobs = [await stored_job(created_at=NOW) for _ in range(4)]
    assert [job.id for job in await claim()] == [job.id for job in jobs]


async def test_the_limit_is_kept_and_takes_the_most_urgent() -> None:
    await stored_job(priority=Priority.LOW)
    urgent = [(await stored_job(priority=Priority.HIGH)).id for _ in range(2)]
    assert [job.id for job in await claim(limit=2)] == urgent
    assert await Job.filter(status=Status.QUEUED).count() == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"approval": Approval.PENDING},
        {"approval": Approval.REJECTED},
        {"due_at": NOW + timedelta(days=1)},
        *({"status": status} for status in Status if status is not Status.QUEUED),
    ],
    ids=lambda columns: "-".join(columns),
)
async def test_a_job_that_must_not_run_is_never_claimed(columns: dict[str, Any]) -> None:
    job = await stored_job(**columns)
    before = await Job.filter(id=job.id).values()
    assert await claim() == []
    assert await Job.filter(id=job.id).values() == before


async def test_an_approved_job_is_claimed() -> None:
    await stored_job(approval=Approval.APPROVED)
    assert len(await claim()) == 1


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=h)) for h in (-11, -5, 0, 5, 14)], ids=str)
async def test_due_is_a_moment_whatever_zone_it_was_written_in(zone: timezone) -> None:
    """The database compares text, so every writer must write the same zone."""
    due = (NOW + timedelta(hours=1)).astimezone(zone)
    job = await stored_job(due_at=due, run_at=due)
    assert await claim(now=NOW + timedelta(minutes=59)) == []
    assert [claimed.id for claimed in await claim(now=NOW + timedelta(minutes=61))] == [job.id]


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
async def test_a_job_is_due_at_its_moment_and_not_a_microsecond_before(microsecond: int) -> None:
    due = NOW.replace(microsecond=microsecond)
    await stored_job(due_at=due)
    assert await claim(now=due - timedelta(microseconds=1)) == []
    assert len(await claim(now=due)) == 1


async def test_a_claimed_job_is_a_fresh_attempt_under_a_lease() -> None:
    left = {"progress": 70, "error": "broke", "outcome": None, "finished_at": NOW, "attempt": 2}
    await stored_job(**left, due_at=NOW)
    (claimed,) = await claim(engine="engine 7", now=NOW)
    job = await Job.get(id=claimed.id)
    assert (job.status, job.attempt, job.progress) == (Status.RUNNING, 3, 0)
    assert [job.error, job.finished_at] == [None, None]
    assert (job.engine_id, job.started_at, job.lease_expires_at) == ("engine 7", NOW, NOW + timedelta(seconds=15))
    assert (claimed.attempt, claimed.lease_token) == (3, job.lease_token)
    attempt = await Attempt.get(job_id=job.id)
    assert (attempt.number, attempt.lease_token, attempt.engine_id) == (3, job.lease_token, "engine 7")
    assert attempt.started_at == NOW
    assert attempt.outcome is None


async def test_a_claimed_job_brings_all_that_running_it_needs() -> None:
    job = await stored_job(payload={"text": "größe"}, max_attempts=7)
    (claimed,) = await claim()
    assert (claimed.id, claimed.type, claimed.payload) == (job.id, "SCRIPTED", {"text": "größe"})
    assert (claimed.attempt, claimed.max_attempts, claimed.time_limit_seconds) == (1, 7, None)


async def test_engines_that_claim_at_the_same_time_share_no_job() -> None:
    for _ in range(60):
        await stored_job()
    claims = await asyncio.gather(*(claim(limit=7, engine=f"engine {n}") for n in range(10)))
    claimed = [job.id for jobs in claims for job in jobs]
    assert len(claimed) == len(set(claimed)) == 60
    owners = dict(await Job.all().values_list("id", "engine_id"))
    assert all(owners[job.id] == f"engine {n}" for n, jobs in enumerate(claims) for job in jobs)


async def test_a_type_that_is_not_installed_is_left_in_the_queue() -> None:
    job = await stored_job(type="REMOVED")
    assert await claim(types=["SCRIPTED", "OTHER"]) == []
    assert (await Job.get(id=job.id)).status is Status.QUEUED


async def test_jobs_of_all_installed_types_come_in_one_order() -> None:
    for name, key, priority, age in [
        ("third", "OTHER", Priority.MEDIUM, 5),
        ("second", "SCRIPTED", Priority.HIGH, 0),
        ("first", "OTHER", Priority.HIGH, 1),
        ("fourth", "SCRIPTED", Priority.MEDIUM, 4),
    ]:
        await stored_job(name=name, type=key, priority=priority, created_at=NOW - timedelta(minutes=age))
    assert await names(await claim(limit=3, types=["SCRIPTED", "OTHER"])) == ["first", "second", "third"]


# -- what people set for a type ------------------------------------------------------------------------------


async def test_a_paused_type_waits_while_the_others_run() -> None:
    await stored_job(type="PAUSED", priority=Priority.HIGH)
    other = await stored_job(type="OTHER")
    await TypePolicy.create(type="PAUSED", paused=True)
    assert [job.id for job in await claim(types=["PAUSED", "OTHER"])] == [other.id]
    await TypePolicy.filter(type="PAUSED").update(paused=False)
    assert [job.type for job in await claim(types=["PAUSED", "OTHER"])] == ["PAUSED"]


async def test_a_type_has_no_more_jobs_at_once_than_people_allow_over_all_engines() -> None:
    jobs = [(await stored_job()).id for _ in range(5)]
    await TypePolicy.create(type="SCRIPTED", concurrency=3)
    assert len(await claim(limit=2, engine="one")) == 2
    assert len(await claim(limit=10, engine="another")) == 1
    assert await claim(engine="one") == []
    await Job.filter(id=jobs[0]).update(status=Status.COMPLETED)
    assert [job.id for job in await claim(engine="another")] == [jobs[3]]


async def test_a_limit_that_was_lowered_below_what_runs_claims_nothing_until_enough_have_ended() -> None:
    for _ in range(5):
        await stored_job()
    assert len(await claim(limit=4)) == 4
    await TypePolicy.create(type="SCRIPTED", concurrency=1)
    assert await claim() == []


async def test_a_limited_type_leaves_the_other_slots_to_the_others() -> None:
    for _ in range(6):
        await stored_job(type="LIMITED", priority=Priority.HIGH)
    for _ in range(6):
        await stored_job(type="OTHER", priority=Priority.LOW)
    await TypePolicy.create(type="LIMITED", concurrency=2)
    claimed = await claim(limit=5, types=["LIMITED", "OTHER"])
    assert [job.type for job in claimed] == ["LIMITED"] * 2 + ["OTHER"] * 3


async def test_a_time_limit_that_people_set_comes_with_the_job() -> None:
    await stored_job()
    await TypePolicy.create(type="SCRIPTED", time_limit_seconds=0.5)
    assert [job.time_limit_seconds for job in await claim()] == [0.5]


@pytest.mark.parametrize(
    ("queued", "policy", "more"),
    [
        (2, None, False),  # the queue is empty afterwards
        (3, None, True),  # as many as there were places
        (9, None, True),
        (9, {"concurrency": 1}, True),  # the type has no place, until one of its jobs ends
        (9, {"concurrency": 8}, True),
        (2, {"concurrency": 3}, False),
        (9, {"paused": True}, False),  # no freed slot changes that
        (9, {"paused": True, "concurrency": 0}, False),
    ],
)
async def test_it_says_whether_a_freed_slot_may_find_more(
    queued: int, policy: dict[str, Any] | None, more: bool
) -> None:
    for _ in range(queued):
        await stored_job()
    if policy:
        await TypePolicy.create(type="SCRIPTED", **policy)
    _, may_be_more = await look(limit=3)
    assert may_be_more is more


# -- what it costs -------------------------------------------------------------------------------------------

MANY = 100_000
STEPS = 20_000  # of SQLite's virtual machine; reading the whole queue once takes a hundred times as many
ROWS = 100

LATER = (NOW + timedelta(days=1)).isoformat(" ")
waiting_jobs = pytest.mark.parametrize(
    "waiting",
    [
        {"type": "PAUSED"},
        {"approval": Approval.PENDING},
        {"due_at": LATER},
        {"type": "REMOVED"},
        {"status": Status.COMPLETED},
        {},
    ],
    ids=lambda columns: "-".join(columns) or "due",
)
NUMBERS = {
    SQLITE: f"(WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n)",
    POSTGRES: f"generate_series(1, {MANY // 5})",
}


@pytest.mark.sqlite
@waiting_jobs
async def test_a_look_takes_as_many_steps_however_many_jobs_wait(
    other_program: OtherProgram, waiting: dict[str, str]
) -> None:
    job = await an_urgent_job_among_many(other_program, waiting)
    database: Any = connection()
    steps = itertools.count()
    await database._connection.set_progress_handler(lambda: next(steps) and None, 100)
    claimed = await claim(types=["SCRIPTED", "PAUSED", "OTHER"])
    await database._connection.set_progress_handler(None, 0)
    assert claimed[0].id == job.id
    assert next(steps) * 100 < STEPS


@pytest.mark.postgres
@waiting_jobs
async def test_a_look_reads_a_few_rows_however_many_jobs_wait(
    other_program: OtherProgram, waiting: dict[str, str]
) -> None:
    job = await an_urgent_job_among_many(other_program, waiting)
    await other_program.run("ANALYZE")
    async with transaction() as writer:
        before = await rows_read(writer)
        claimed = await claim(types=["SCRIPTED", "PAUSED", "OTHER"])
        assert await rows_read(writer) - before < ROWS
    assert claimed[0].id == job.id


async def rows_read(writer: BaseDBAsyncClient) -> int:
    """How many jobs this connection has looked at, whether it took them or not."""
    (told,) = await writer.execute_query_dict(
        "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'job'"
    )
    return int(told["rows"])


async def an_urgent_job_among_many(other_program: OtherProgram, waiting: dict[str, str]) -> Job:
    await TypePolicy.create(type="PAUSED", paused=True)
    columns = {"type": "SCRIPTED", "status": "queued", "category": "task", "name": "A job", "summary": ""}
    numbers = {"priority": "2", "progress": "0", "attempt": "0", "max_attempts": "5", "deaths": "0"}
    more = {"payload": "{}", "pause_requested": "0", "created_by": "test", "created_at": NOW.isoformat(" "), **waiting}
    values = {name: f"'{value}'" for name, value in {**columns, **numbers, **more}.items()}
    await other_program.run(
        f"INSERT INTO job ({', '.join(values)}) "
        f"SELECT {', '.join(values.values())} FROM {NUMBERS[other_program.kind]} AS n"
    )
    return await stored_job(priority=Priority.HIGH)
