"""The claim: the right jobs, in the right order, each to one engine only."""

import asyncio
import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from engine import clock
from models.claim import _CLAIM, claim_due
from models.database import connection, stored_time
from models.job import Job
from models.states import Approval, Priority, Status
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

NOW = clock.now()
_tokens = itertools.count()


async def claim(limit: int = 10, *, engine: str = "an engine", now: datetime | None = None) -> list[Job]:
    now = now or clock.now()
    token = f"lease {next(_tokens)}"
    expires = now + timedelta(seconds=15)
    return await claim_due(engine_id=engine, lease_token=token, now=now, lease_expires_at=expires, limit=limit)


async def test_the_highest_priority_comes_first_and_then_the_oldest() -> None:
    for name, priority, age in [
        ("third", Priority.MEDIUM, 3),
        ("fourth", Priority.MEDIUM, 2),
        ("second", Priority.HIGH, 0),
        ("last", Priority.LOW, 9),
        ("first", Priority.HIGH, 1),
    ]:
        await stored_job(name=name, priority=priority, created_at=NOW - timedelta(minutes=age))
    assert [job.name for job in await claim()] == ["first", "second", "third", "fourth", "last"]


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
        {"due_at": NOW + timedelta(hours=1)},
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
    (job,) = await claim(engine="engine 7", now=NOW)
    assert (job.status, job.attempt, job.progress) == (Status.RUNNING, 3, 0)
    assert [job.error, job.finished_at] == [None, None]
    assert (job.engine_id, job.started_at, job.lease_expires_at) == ("engine 7", NOW, NOW + timedelta(seconds=15))
    assert job.lease_token


async def test_engines_that_claim_at_the_same_time_share_no_job() -> None:
    for _ in range(60):
        await stored_job()
    claims = await asyncio.gather(*(claim(limit=7, engine=f"engine {n}") for n in range(10)))
    claimed = [job.id for jobs in claims for job in jobs]
    assert len(claimed) == len(set(claimed)) == 60
    assert all(job.engine_id == f"engine {n}" for n, jobs in enumerate(claims) for job in jobs)


async def test_the_claim_reads_its_own_index_and_sorts_nothing() -> None:
    """However many finished jobs there are, a look costs the same."""
    moment = stored_time(NOW)
    values = [moment, "engine", "lease", moment, moment, 10]
    rows = await connection().execute_query_dict(f"EXPLAIN QUERY PLAN {_CLAIM}", values)
    plan = "\n".join(row["detail"] for row in rows)
    assert "idx_job_claim" in plan
    assert "TEMP B-TREE" not in plan
