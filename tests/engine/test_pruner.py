"""Jobs that ended long ago are forgotten, if the settings say so, and nothing else is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock
from engine.cluster import Cluster
from engine.events import Bus
from engine.health import Health
from engine.ledger import Ledger
from engine.pruner import STEP, Pruner
from engine.settings import Settings
from engine.storage import open_storage
from models.attempt import Attempt, LogLine
from models.dependency import Dependency
from models.effect import Effect
from models.job import Job
from models.job_event import START, JobEvent, events_after, is_kept
from models.states import Phase, Status
from models.workflow import WorkflowRun
from tests.support.engine import opened, running, stored_job, until

DAY = timedelta(days=1)


@asynccontextmanager
async def pruner(settings: Settings) -> AsyncIterator[Pruner]:
    """A pruner that works only when it is told to."""
    bus = Bus()
    health = Health(bus)
    ledger = Ledger(health)
    async with opened(settings):
        ledger.open()
        yield Pruner(settings, ledger, health, Cluster(settings, "an engine", bus))
        await ledger.close()


def keeping(settings: Settings, days: float) -> Settings:
    return settings.model_copy(update={"retention_days": days})


async def ended(status: Status, age: timedelta) -> int:
    job = await stored_job(status=status, finished_at=clock.now() - age)
    return int(job.id)


async def test_only_what_ended_longer_ago_than_the_setting_is_removed(settings: Settings) -> None:
    async with pruner(keeping(settings, 30)) as prune:
        old = [await ended(Status.COMPLETED, 31 * DAY), await ended(Status.CANCELLED, 31 * DAY)]
        kept = [
            await ended(Status.COMPLETED, 29 * DAY),
            await ended(Status.FAILED, 31 * DAY),
            int((await stored_job(status=Status.PAUSED, created_at=clock.now() - 31 * DAY)).id),
        ]
        await prune.step()
        assert {job.id for job in await Job.all()} == set(kept), f"{old} are gone"


async def test_nothing_of_a_removed_job_is_left(stored: Settings) -> None:
    async with pruner(keeping(stored, 1)) as prune:
        job_id, now = await ended(Status.COMPLETED, 2 * DAY), clock.now()
        await Attempt.create(job_id=job_id, number=1, lease_token="t", engine_id="e", started_at=now)
        await LogLine.create(job_id=job_id, attempt=1, at=now, text="Hello")
        await Effect.create(job_id=job_id, target="mail", attempt=1, identity={}, phase=Phase.DONE, started_at=now)
        storage = open_storage(stored)
        for attempt in (1, 2):
            await storage.put(f"artifacts/{job_id}/{attempt}/film.mp4", b"film")
        await storage.put(f"artifacts/{job_id}0/1/film.mp4", b"another job's")
        assert await prune.step() == 1
        for attempt in (1, 2):
            assert await storage.names(f"artifacts/{job_id}/{attempt}") == []
        assert await storage.names(f"artifacts/{job_id}0/1") == ["film.mp4"]
        for model in (Job, Attempt, LogLine, Effect):
            assert await model.all().count() == 0


async def test_many_are_removed_in_small_steps(settings: Settings) -> None:
    async with pruner(keeping(settings, 1)) as prune:
        for _ in range(STEP + 1):
            await ended(Status.COMPLETED, 2 * DAY)
        assert [await prune.step() for _ in range(3)] == [STEP, 1, 0]


async def test_it_works_by_itself_from_the_start(settings: Settings) -> None:
    async with running(settings):
        await ended(Status.COMPLETED, 2 * DAY)
    async with running(keeping(settings, 1)) as atlas:

        async def gone() -> bool:
            return not await Job.exists()

        await until(atlas, gone)


async def test_a_job_with_a_key_stays_for_a_day_whatever_the_setting(settings: Settings) -> None:
    async with pruner(keeping(settings, 0.01)) as prune:
        over = {"status": Status.COMPLETED, "finished_at": clock.now() - timedelta(hours=23)}
        young = await stored_job(**over, idempotency_key="young", created_at=clock.now() - timedelta(hours=23))
        await stored_job(**over, idempotency_key="old", created_at=clock.now() - timedelta(hours=25))
        await stored_job(**over)
        await prune.step()
        assert [job.id for job in await Job.all()] == [young.id]


async def test_without_the_setting_every_job_is_kept(settings: Settings) -> None:
    async with pruner(keeping(settings, 0)) as prune:
        await ended(Status.COMPLETED, 10_000 * DAY)
        assert await prune.step() == 0
        assert await Job.all().count() == 1


async def test_while_the_storage_is_away_old_jobs_stay_and_the_engine_works_on(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "share").write_text("no folder")
    away = settings.model_copy(update={"storage_url": (tmp_path / "share").as_uri(), "retention_days": 1})
    async with opened(settings):
        job_id = await ended(Status.COMPLETED, 2 * DAY)
    async with running(away) as atlas:
        await until(atlas, lambda: _says(caplog, "old jobs stay for now: The folder "))
        assert await Job.exists(id=job_id)
        assert (await atlas.queries.engine()).fault is None


async def _says(log: pytest.LogCaptureFixture, words: str) -> bool:
    return words in log.text


async def test_what_happened_more_than_a_week_ago_is_forgotten_but_for_the_newest(settings: Settings) -> None:
    async with pruner(settings) as prune:
        await stored_job(approval="pending")
        assert await prune.forget_events() == 0
        await JobEvent.all().update(at=clock.now() - 8 * DAY)
        assert await prune.forget_events() == 1
        assert [event.kind for event in await events_after(START, 10)] == ["job.needs_approval"]
        assert not await is_kept(START)


async def test_a_job_that_another_one_still_has_to_look_at_stays(settings: Settings) -> None:
    async with pruner(keeping(settings, 30)) as prune:
        needed, unneeded = await ended(Status.COMPLETED, 31 * DAY), await ended(Status.COMPLETED, 31 * DAY)
        for parent, blocked in ((needed, True), (unneeded, False)):
            child = await stored_job(blocked=blocked)
            await Dependency.create(job_id=child.id, parent_id=parent, name="a", met_at=clock.now())
        await prune.step()
        assert await Job.exists(id=needed)
        assert not await Job.exists(id=unneeded)


async def test_a_run_is_forgotten_once_none_of_its_jobs_is_left(settings: Settings) -> None:
    async with pruner(keeping(settings, 30)) as prune:
        usual: dict[str, Any] = {"workflow_id": 1, "inputs": {}, "created_by": "ada"}
        gone, young, kept = [
            await WorkflowRun.create(created_at=clock.now() - age * DAY, **usual) for age in (31, 29, 31)
        ]
        await stored_job(run_id=kept.id)
        assert await prune.forget_runs() == 1
        assert {run.id for run in await WorkflowRun.all()} == {young.id, kept.id}, f"{gone.id} is gone"
