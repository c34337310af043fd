"""Endings: what each column becomes, and that only the attempt that owns the job ends it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from models.attempt import Attempt
from models.database import connection, transaction
from models.ending import Ending, Lease, end_attempts
from models.job import Job
from models.states import UNKNOWN, AttemptOutcome, Status
from models.usage import Sum, Used, day_of, usage_between
from tests.support.engine import stored_job

pytestmark = pytest.mark.usefixtures("database")

NOW = clock.now()
STARTED, LATER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=5)
OVER = (Status.COMPLETED, Status.FAILED)


async def a_running_job(**columns: Any) -> Job:
    lease = {"engine_id": "engine", "lease_token": "lease", "lease_expires_at": LATER, "started_at": STARTED}
    job = await stored_job(**{"status": Status.RUNNING, "attempt": 2, "progress": 40, **lease, **columns})
    await Attempt.create(job_id=job.id, number=2, lease_token="lease", engine_id="engine", started_at=STARTED)
    return job


def ending(job: Job, status: Status, **more: Any) -> Ending:
    usual = {"lease": Lease(job.id, 2, "lease"), "attempt_outcome": AttemptOutcome.SUCCEEDED, "at": NOW}
    return Ending(**{**usual, "status": status, **more})


async def end(*endings: Ending) -> set[int]:
    async with transaction() as writer:
        return set(await end_attempts(writer, endings))


async def ended(status: Status, *, job: Job | None = None, **more: Any) -> Job:
    """A running job after this ending."""
    job = job or await a_running_job()
    assert await end(ending(job, status, **more)) == {job.id}
    return await Job.get(id=job.id)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.QUEUED, Status.PAUSED])
async def test_an_ended_attempt_owns_its_job_no_more_and_leaves_it_where_it_was_told(status: Status) -> None:
    job = await ended(status)
    assert job.status is status
    assert (job.lease_token, job.lease_expires_at, job.pause_requested) == (None, None, False)
    assert (job.attempt, job.engine_id) == (2, "engine"), "who ran it last stays known"


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.QUEUED, Status.PAUSED])
async def test_times_are_those_of_a_job_that_is_over_or_of_one_that_has_not_begun(status: Status) -> None:
    job = await ended(status)
    assert (job.started_at, job.finished_at) == ((STARTED, NOW) if status in OVER else (None, None))


@pytest.mark.parametrize(("status", "progress"), [(Status.COMPLETED, 100), (Status.FAILED, 40), (Status.PAUSED, 40)])
async def test_only_a_completed_job_is_at_100_percent(status: Status, progress: float) -> None:
    assert (await ended(status)).progress == progress


async def test_error_outcome_and_the_time_of_the_next_try_are_as_told() -> None:
    job = await ended(Status.QUEUED, error="Busy", due_at=LATER)
    assert (job.error, job.outcome, job.due_at) == ("Busy", None, LATER)
    job = await ended(Status.FAILED, error="No answer", outcome=UNKNOWN)
    assert (job.error, job.outcome, job.due_at) == ("No answer", UNKNOWN, None)


async def test_the_result_is_stored_and_a_partial_one_is_kept_by_an_ending_without() -> None:
    partial = {"posts": [{"channel": "größe", "text": 'a "b" \\ c'}]}
    job = await a_running_job()
    assert (await ended(Status.QUEUED, job=job, result=partial)).result == partial
    await Job.filter(id=job.id).update(status=Status.RUNNING, lease_token="lease")
    assert (await ended(Status.FAILED, job=job, error="Gave up")).result == partial
    await Job.filter(id=job.id).update(status=Status.RUNNING, lease_token="lease")
    assert (await ended(Status.COMPLETED, job=job, result={})).result == {}, "an empty result is one too"


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"text": "a\0b\0"}, {"text": "ab"}),
        ({"a\0b": ["\0", {"c": "\0d"}]}, {"ab": ["", {"c": "d"}]}),
        ({"name": "caf\udce9.txt"}, {"name": "caf\\udce9.txt"}),
        ({"text": "\\u0000 is how JSON writes it"}, {"text": "\\u0000 is how JSON writes it"}),
        ({"rocket": "\U0001f680"}, {"rocket": "\U0001f680"}),
        ({"mean": float("nan"), "most": [float("inf"), -float("inf"), 1.5]}, {"mean": None, "most": [None, None, 1.5]}),
        ({"text": "NaN and Infinity"}, {"text": "NaN and Infinity"}),
        ({"at": datetime(2026, 11, 24, tzinfo=UTC)}, {"at": "2026-11-24 00:00:00+00:00"}),
        ({"pair": (1, "\0x")}, {"pair": [1, "x"]}),
    ],
    ids=ascii,
)
async def test_of_a_result_that_no_database_can_store_the_rest_is_kept(
    result: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert (await ended(Status.COMPLETED, result=result)).result == kept


async def test_more_attempts_are_added_to_what_the_job_may_use() -> None:
    assert (await ended(Status.PAUSED, more_attempts=1)).max_attempts == 6
    assert (await ended(Status.FAILED)).max_attempts == 5


async def test_deaths_are_counted_in_a_row_and_any_other_ending_ends_the_row() -> None:
    assert (await ended(Status.QUEUED, job=await a_running_job(deaths=1), died=True)).deaths == 2
    assert (await ended(Status.QUEUED, job=await a_running_job(deaths=1))).deaths == 0


@pytest.mark.parametrize(
    ("told", "becomes"),
    [(Status.QUEUED, Status.PAUSED), (Status.COMPLETED, Status.COMPLETED), (Status.FAILED, Status.FAILED)],
)
async def test_a_pause_that_was_asked_meanwhile_keeps_the_job_from_the_queue_only(
    told: Status, becomes: Status
) -> None:
    job = await ended(told, job=await a_running_job(pause_requested=True), due_at=LATER, error="Busy")
    assert (job.status, job.pause_requested, job.error, job.due_at) == (becomes, False, "Busy", LATER)


async def test_the_attempt_says_how_it_ended_and_more_than_the_job_if_there_is_more() -> None:
    job = await ended(Status.FAILED, attempt_outcome=AttemptOutcome.FAILED, error="Short")
    attempt = await Attempt.get(job_id=job.id)
    assert (attempt.outcome, attempt.error, attempt.finished_at) == (AttemptOutcome.FAILED, "Short", NOW)
    job = await ended(Status.FAILED, attempt_outcome=AttemptOutcome.LOST, error="Short", attempt_error="Long")
    attempt = await Attempt.get(job_id=job.id)
    assert (job.error, attempt.outcome, attempt.error) == ("Short", AttemptOutcome.LOST, "Long")


@pytest.mark.parametrize(
    "text", ["größe 🚀", "a\0b", '"quoted" \\ back', "x" * 100_000, "line\nbreak"], ids=lambda text: ascii(text)[:20]
)
async def test_an_error_may_be_any_text(text: str) -> None:
    job = await ended(Status.FAILED, error=text)
    assert job.error == text.replace("\0", "")


async def test_an_error_with_bytes_of_a_broken_file_name_is_stored_and_can_be_read() -> None:
    """Python names such a file with lone surrogates, which no database can store."""
    job = await ended(Status.FAILED, error="no such file: 'caf\udce9.txt'")
    assert (job.error or "").startswith("no such file: 'caf")


@pytest.mark.parametrize(
    "columns",
    [
        *({"status": status} for status in Status if status is not Status.RUNNING),
        {"attempt": 3},
        {"lease_token": "another's"},
        {"lease_token": None},
    ],
    ids=lambda columns: "-".join(map(str, columns.values())),
)
async def test_an_attempt_that_does_not_own_its_job_changes_nothing(columns: dict[str, Any]) -> None:
    job = await a_running_job(**columns)
    before = await Job.all().values(), await Attempt.all().values()
    assert await end(ending(job, Status.COMPLETED, result={"message": "Late"})) == set()
    assert (await Job.all().values(), await Attempt.all().values()) == before


async def test_of_many_endings_each_changes_its_own_job_and_the_late_one_none() -> None:
    first, late, third, untouched = [await a_running_job(name=name) for name in ("first", "late", "third", "other")]
    await Job.filter(id=late.id).update(lease_token="another's")
    endings = [
        ending(first, Status.COMPLETED, result={"n": 1}),
        ending(late, Status.COMPLETED, result={"n": 2}),
        ending(third, Status.FAILED, error="3", attempt_outcome=AttemptOutcome.FAILED),
    ]
    assert await end(*endings) == {first.id, third.id}
    jobs = await Job.all().order_by("id")
    assert [job.status for job in jobs] == [Status.COMPLETED, Status.RUNNING, Status.FAILED, Status.RUNNING]
    assert [job.result for job in jobs] == [{"n": 1}, None, None, None]
    attempts = await Attempt.all().order_by("job_id")
    assert [attempt.outcome for attempt in attempts] == ["succeeded", None, "failed", None]
    assert untouched.id == jobs[3].id


async def test_what_ended_is_added_to_the_day_s_sums_of_its_type_once() -> None:
    first, second = await a_running_job(), await a_running_job()
    await Attempt.filter(job_id=first.id).update(bytes=7, tokens=5)
    spent = {"used": Used(tokens=40, micros=3)}
    both = [ending(first, Status.COMPLETED, **spent), ending(second, Status.FAILED)]
    assert await end(*both) == {first.id, second.id}
    assert await end(*both) == set(), "they are over"
    assert await sums() == [Sum(day_of(NOW), "SCRIPTED", "", 2, 120_000, 7, 40, 3)]


async def test_the_sums_of_outside_agents_are_their_own_and_what_is_given_back_is_no_attempt() -> None:
    outside, back = await a_running_job(engine_id="agent-7"), await a_running_job()
    released = ending(back, Status.QUEUED, attempt_outcome=AttemptOutcome.RELEASED)
    await end(released, ending(outside, Status.COMPLETED, at=NOW + timedelta(days=1)))
    told = {(each.day, each.agent): each.attempts for each in await sums()}
    assert told == {(day_of(NOW), ""): 0, (day_of(NOW + timedelta(days=1)), "agent-7"): 1}


async def sums() -> list[Sum]:
    return await usage_between(connection(), day_of(NOW), day_of(NOW + timedelta(days=1)))
