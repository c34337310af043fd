"""Jobs whose engine died: put back if nothing can have gone out, left to a person if something may have."""

import asyncio
import os
import socket
import subprocess
import sys
import uuid
from datetime import timedelta
from typing import Any

import pytest

from engine import clock
from engine.engine import Atlas
from engine.errors import TransientError
from engine.jobs import Registry
from engine.jobs.base import Context
from engine.settings import Settings
from models.attempt import Attempt
from models.claim import claim_due
from models.database import transaction
from models.effect import Effect
from models.engine_record import EngineRecord
from models.job import Job
from models.states import AttemptOutcome, Phase, Status
from tests.support.engine import (
    changed,
    opened,
    running,
    scripted,
    stored_job,
    submitted,
    until,
    until_set,
    until_status,
)

pytestmark = pytest.mark.each

LONG_AGO, LATER = clock.now() - timedelta(hours=1), clock.now() + timedelta(days=1)


async def done(context: Context) -> dict[str, Any]:
    return {"message": "Done"}


def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def an_orphan(phase: Phase | None = None, *, expires: Any = LONG_AGO, **columns: Any) -> Job:
    """A job that an engine was running, whose effect had come as far as `phase`."""
    lease = {"engine_id": "gone", "lease_token": "lease", "lease_expires_at": expires, "started_at": LONG_AGO}
    job = await stored_job(**{"status": Status.RUNNING, "attempt": 1, **lease, **columns})
    await Attempt.create(job_id=job.id, number=job.attempt, lease_token="lease", engine_id="gone", started_at=LONG_AGO)
    if phase:
        identity = {"id": 1}
        await Effect.create(
            job_id=job.id, target="world", attempt=1, identity=identity, phase=phase, started_at=LONG_AGO
        )
    return job


async def die(atlas: Atlas, job: Job) -> None:
    """An engine takes this job, and is gone at once; later another one looks for what the dead have left."""
    async with transaction() as writer:
        claimed, _ = await claim_due(
            writer,
            engine_id="gone",
            lease_token=uuid.uuid4().hex,
            now=LONG_AGO,
            lease_expires_at=LONG_AGO,
            places={"SCRIPTED": 1},
            limit=1,
        )
    assert [one.id for one in claimed] == [job.id]
    await atlas._rescuer.rescue_expired()


@pytest.mark.parametrize("phase", [None, Phase.FAILED, Phase.DONE])
async def test_a_job_whose_lease_ran_out_runs_again_when_nothing_can_be_on_its_way(
    settings: Settings, phase: Phase | None
) -> None:
    async with opened(settings):
        job = await an_orphan(phase)
    async with running(changed(settings, lease_seconds=1), scripted(done)) as atlas:
        after = await until_status(atlas, job.id, Status.COMPLETED)
        first, second = await atlas.queries.attempts(job.id)
        told = "The engine died; already done: world" if phase is Phase.DONE else "The engine died"
        assert (first.outcome, first.error) == ("lost", told)
        assert (second.outcome, after.attempt, after.error, after.pause_requested) == ("succeeded", 2, None, False)


async def test_a_job_that_was_to_pause_when_its_engine_died_is_paused(settings: Settings) -> None:
    async with opened(settings):
        job = await an_orphan(pause_requested=True)
    async with running(changed(settings, lease_seconds=1), scripted(done)) as atlas:
        after = await until_status(atlas, job.id, Status.PAUSED)
        assert (after.attempt, after.pause_requested) == (1, False)


async def test_an_engine_never_rescues_what_it_is_running_itself(settings: Settings) -> None:
    """After the machine slept, its leases have run out while its attempts go on."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(context: Context) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        return {}

    async with running(changed(settings, lease_seconds=1), scripted(slow)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        await Job.filter(id=job_id).update(lease_expires_at=LONG_AGO)
        await atlas._rescuer.rescue_expired()
        assert await Job.exists(id=job_id, status=Status.RUNNING, attempt=1)
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)


async def test_a_job_whose_lease_ran_out_while_it_spoke_is_left_to_a_person(settings: Settings) -> None:
    async with opened(settings):
        job = await an_orphan(Phase.SENDING)
    async with running(changed(settings, lease_seconds=1), scripted(done)) as atlas:
        after = await until_status(atlas, job.id, Status.FAILED)
        assert (after.outcome, after.attempt) == ("unknown", 1)
        assert after.error == "The engine died while the world was being spoken to"
        assert sorted(after.allowed) == ["cancel", "prioritize", "resolve"]
        assert [attempt.outcome for attempt in await atlas.queries.attempts(job.id)] == ["unknown"]


async def test_a_job_whose_engine_died_three_times_in_a_row_is_set_aside_with_the_reason(settings: Settings) -> None:
    async with opened(settings):
        atlas = Atlas(settings, Registry([scripted(done)]))
        atlas._ledger.open()
        job = await stored_job(max_attempts=1)
        for death in (1, 2):
            await die(atlas, job)
            await job.refresh_from_db()
            assert (job.status, job.deaths, job.max_attempts) == (Status.QUEUED, death, 1 + death), (
                "it costs no attempt"
            )
        await die(atlas, job)
        await atlas._ledger.close()
        view = await atlas.queries.job(job.id)
        assert (view.status, view.outcome) == (Status.FAILED, "poisonous")
        assert view.error == "Set aside as poisonous: the engine died 3 times in a row while running it"
        assert sorted(view.allowed) == ["cancel", "prioritize", "retry"]
        told = [(attempt.outcome, attempt.error) for attempt in await atlas.queries.attempts(job.id)]
        assert told == [("lost", "The engine died")] * 3


async def test_a_person_who_retries_a_poisonous_job_starts_the_count_anew(settings: Settings) -> None:
    async with opened(settings):
        atlas = Atlas(settings, Registry([scripted(done)]))
        atlas._ledger.open()
        job = await stored_job(deaths=2)
        await die(atlas, job)
        assert await Job.exists(id=job.id, outcome="poisonous")
        await atlas.commands.retry(job.id)
        await die(atlas, job)
        await atlas._ledger.close()
        await job.refresh_from_db()
        assert (job.status, job.deaths) == (Status.QUEUED, 1)


async def test_an_attempt_that_ends_by_itself_starts_the_count_anew(settings: Settings) -> None:
    tries = 0

    async def work(context: Context) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        raise TransientError("Busy", retry_after=timedelta(hours=1))

    async with opened(settings):
        job = await stored_job(deaths=2)
    async with running(settings, scripted(work)) as atlas:
        await until(atlas, lambda: Job.exists(id=job.id, status=Status.QUEUED, attempt=1))
    async with opened(settings):
        await Job.filter(id=job.id).update(due_at=None)
        atlas = Atlas(settings, Registry([scripted(work)]))
        atlas._ledger.open()
        await die(atlas, job)
        await atlas._ledger.close()
        await job.refresh_from_db()
        assert (job.status, job.deaths, job.outcome) == (Status.QUEUED, 1, None)


@pytest.mark.parametrize("deaths", [0, 2, 7])
async def test_what_may_have_gone_out_stays_unknown_whatever_the_deaths(settings: Settings, deaths: int) -> None:
    async with opened(settings):
        job = await an_orphan(Phase.SENDING, deaths=deaths)
    async with running(changed(settings, lease_seconds=1), scripted(done)) as atlas:
        after = await until_status(atlas, job.id, Status.FAILED)
        assert (after.outcome, sorted(after.allowed)) == ("unknown", ["cancel", "prioritize", "resolve"])


async def test_what_a_dead_process_left_on_this_machine_is_rescued_at_the_start(settings: Settings) -> None:
    """Without waiting for the lease: the process is certainly gone."""
    async with opened(settings):
        quiet = await an_orphan(expires=LATER)
        speaking = await an_orphan(Phase.SENDING, expires=LATER)
        await an_engine("gone", pid=a_dead_process())
    async with running(settings, scripted(done)) as atlas:
        await until_status(atlas, quiet.id, Status.COMPLETED)
        assert (await atlas.queries.job(speaking.id)).outcome == "unknown"
        assert [engine.pid for engine in await atlas.queries.engines()] == [os.getpid()]


@pytest.mark.parametrize("where", ["alive", "another machine"])
async def test_what_an_engine_that_may_live_is_running_is_left_to_its_lease(settings: Settings, where: str) -> None:
    host = socket.gethostname() if where == "alive" else "another-machine"
    pid = os.getppid() if where == "alive" else a_dead_process()
    async with opened(settings):
        job = await an_orphan(expires=LATER)
        await an_engine("gone", pid=pid, host=host)
    async with running(settings, scripted(done)):
        assert await Job.exists(id=job.id, status=Status.RUNNING, attempt=1)


async def test_an_engine_that_has_been_gone_for_a_day_is_forgotten(settings: Settings) -> None:
    async with opened(settings):
        await an_engine("old", last_beat_at=clock.now() - timedelta(days=2), host="another-machine")
        await an_engine("recent", last_beat_at=clock.now() - timedelta(hours=2), host="another-machine")
    async with running(settings, scripted(done)) as atlas:
        assert {record.id for record in await EngineRecord.all()} == {"recent", atlas.id}


async def an_engine(id: str, *, pid: int = 1, host: str | None = None, last_beat_at: Any = None) -> None:
    beat = last_beat_at or clock.now()
    await EngineRecord.create(
        id=id,
        host=host or socket.gethostname(),
        pid=pid,
        concurrency=1,
        poll_seconds=5,
        started_at=LONG_AGO,
        last_beat_at=beat,
    )


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        (Phase.SENDING, "May or may not have gone out: world"),
        (Phase.DONE, "Already done, and not taken back: world"),
        (None, "Nothing had gone out"),
    ],
)
async def test_a_job_that_was_cancelled_before_its_engine_died_still_tells_what_had_happened(
    settings: Settings, phase: Phase | None, told: str
) -> None:
    atlas = Atlas(settings, Registry([scripted(done)]))
    async with opened(settings):
        job = await an_orphan(phase, status=Status.CANCELLED, finished_at=LONG_AGO)
        atlas._ledger.open()
        await atlas._rescuer.rescue_expired()
        await atlas._ledger.close()
        attempt, after = await Attempt.get(job_id=job.id), await Job.get(id=job.id)
    assert attempt.outcome is AttemptOutcome.CANCELLED
    assert (after.status, after.lease_token, after.finished_at) == (Status.CANCELLED, None, LONG_AGO)
    assert after.error is not None
    assert told in after.error


async def test_a_lease_that_is_renewed_while_the_rescuer_looks_is_left_alone(settings: Settings) -> None:
    async with running(settings) as atlas:
        job = await an_orphan(engine_id="agent-7")
        await Job.filter(id=job.id).update(lease_expires_at=LATER)  # between the look and the rescue of this one
        await atlas._rescuer._rescue([job], expired_before=clock.now())
        assert (await Job.get(id=job.id)).status is Status.RUNNING


async def test_after_a_restart_agents_get_a_while_to_be_heard(settings: Settings) -> None:
    async with opened(settings):
        job = await an_orphan(engine_id="agent-7")
    async with running(settings) as atlas:
        await atlas._rescuer.rescue_expired()
        kept = await Job.get(id=job.id)
        assert kept.status is Status.RUNNING
        assert kept.lease_expires_at
        assert kept.lease_expires_at > clock.now()
