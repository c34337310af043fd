"""The files that jobs make: there once the job is done, the latest attempt's, and never another attempt's."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import artifacts
from engine.artifacts import Artifacts, remove_leftovers
from engine.engine import Atlas
from engine.errors import NotFound, OutcomeUnknown, PermanentError, StorageFault, TransientError
from engine.jobs.base import Context
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.storage import open_storage
from models.attempt import Attempt
from models.ending import Lease
from models.states import Status
from tests.servers.relay import Relay
from tests.servers.s3 import S3Server
from tests.support.engine import (
    Script,
    running,
    scripted,
    settings_in,
    stored_job,
    submitted,
    until,
    until_set,
    until_status,
)

AT_ONCE = RetryPolicy(attempts=50, base=0.05, cap=0.05)


def writes(text: str, then: Exception | None = None) -> Script:
    async def work(context: Context) -> dict[str, Any]:
        context.artifact("result.txt").write_text(text)
        if then:
            raise then
        return {}

    return work


async def artifact(atlas: Atlas, job_id: int, name: str = "result.txt") -> bytes:
    file = await atlas.downloads.artifact(job_id, name)
    return b"".join([chunk async for chunk in atlas.downloads.read(file, 0, file.size)])


async def names(atlas: Atlas, job_id: int) -> list[str]:
    return await atlas.downloads.artifact_names(await atlas.queries.job(job_id))


def work_folders(settings: Settings) -> list[str]:
    return [path.name for path in settings.work_dir.iterdir()] if settings.work_dir.exists() else []


@pytest.mark.parametrize(
    ("then", "status"),
    [(None, Status.COMPLETED), (PermanentError("no"), Status.FAILED), (OutcomeUnknown("?"), Status.FAILED)],
    ids=str,
)
async def test_once_a_job_is_over_its_files_are_there(stored: Settings, then: Exception | None, status: Status) -> None:
    async with running(stored, scripted(writes("Numbers", then))) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, status)
        assert await names(atlas, job_id) == ["result.txt"]
        assert await artifact(atlas, job_id) == b"Numbers"
        assert work_folders(stored) == []


async def test_a_job_that_made_no_files_has_none(stored: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        return {}

    async with running(stored, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await names(atlas, job_id) == []
        with pytest.raises(NotFound, match=f"there is no artifact 'result.txt' of job {job_id}"):
            await atlas.downloads.artifact(job_id, "result.txt")


async def test_a_later_attempt_begins_without_files_and_its_own_are_the_jobs(stored: Settings) -> None:
    found: list[bool] = []

    async def work(context: Context) -> dict[str, Any]:
        file = context.artifact("result.txt")
        found.append(file.exists())
        if len(found) == 1:
            file.write_text("a first draft")
            context.artifact("draft.txt").write_text("only now")
            raise TransientError("not yet")
        file.write_text("final")
        return {}

    async with running(stored, scripted(work, retry=AT_ONCE)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert found == [False, False]
        assert await names(atlas, job_id) == ["result.txt"]
        assert await artifact(atlas, job_id) == b"final"
        assert await open_storage(stored).names(f"artifacts/{job_id}/1") == []


async def test_an_attempt_that_lost_its_job_overwrites_nothing(stored: Settings, database: None) -> None:
    job = await stored_job(status=Status.RUNNING, attempt=2)
    late, holder = (Artifacts(Lease(job.id, number, f"token{number}"), stored) for number in (1, 2))
    late.path("result.txt").write_text("half")
    holder.path("result.txt").write_text("whole")
    await holder.keep()
    late.path("result.txt").write_text("too late")
    late.path("other.txt").write_text("too late")
    await late.keep()
    await job.filter(id=job.id).update(status=Status.COMPLETED)
    atlas = Atlas(stored)
    assert await names(atlas, job.id) == ["result.txt"]
    assert await artifact(atlas, job.id) == b"whole"
    with pytest.raises(NotFound):
        await atlas.downloads.artifact(job.id, "other.txt")


async def test_files_of_a_former_version_are_still_found(stored: Settings, database: None) -> None:
    job = await stored_job(status=Status.COMPLETED, attempt=3)
    await open_storage(stored).put(f"artifacts/{job.id}/result.txt", b"of old")
    atlas = Atlas(stored)
    assert await names(atlas, job.id) == ["result.txt"]
    assert await artifact(atlas, job.id) == b"of old"


async def test_a_job_that_is_cancelled_leaves_nothing_on_this_machine(s3: S3Server, settings: Settings) -> None:
    begun = asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        context.artifact("film.mp4").write_text("half a film")
        begun.set()
        await asyncio.Event().wait()
        return {}

    remote = settings_in(settings.data_dir, **s3.settings("cancelled"))
    async with running(remote, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        assert len(work_folders(remote)) == 1
        assert await names(atlas, job_id) == [], "they are stored when the work is done"
        await atlas.commands.cancel(job_id)
        assert (work_folders(remote), await names(atlas, job_id)) == ([], [])


@pytest.fixture
def relay(s3: S3Server) -> Iterator[Relay]:
    with Relay(s3.port) as relay:
        yield relay


async def test_work_is_not_done_anew_for_a_short_fault_of_the_storage(
    s3: S3Server, relay: Relay, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "ASK_AGAIN_SECONDS", 0.05)
    remote = settings_in(settings.data_dir, **s3.settings("short", s3_endpoint=relay.url))
    async with running(remote, scripted(writes("Numbers"))) as atlas:
        relay.cut()
        job_id = await submitted(atlas)
        assert await asyncio.to_thread(relay.asked.wait, 10)
        relay.mend()
        job = await until_status(atlas, job_id, Status.COMPLETED)
        assert job.attempt == 1
        assert await artifact(atlas, job_id) == b"Numbers"


async def test_no_job_is_done_before_its_files_are_stored(
    s3: S3Server, relay: Relay, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the storage is away for long, the attempt fails, says why, and is tried again until it has them."""
    monkeypatch.setattr(artifacts, "PATIENCE_SECONDS", 0)
    remote = settings_in(settings.data_dir, **s3.settings("outage", s3_endpoint=relay.url))
    async with running(remote, scripted(writes("Numbers"), retry=AT_ONCE)) as atlas:
        relay.cut()
        job_id = await submitted(atlas)
        await until(atlas, lambda: Attempt.exists(job_id=job_id, outcome="retrying"))
        [first, *_] = await atlas.queries.attempts(job_id)
        assert first.error
        assert "storage s3://jobs/outage cannot be reached" in first.error
        assert "check JOB_RUNNER_S3_ENDPOINT" in first.error
        relay.mend()
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await artifact(atlas, job_id) == b"Numbers"
        assert work_folders(remote) == []


async def test_a_failure_is_told_even_if_its_files_cannot_be_stored(
    s3: S3Server, relay: Relay, settings: Settings
) -> None:
    remote = settings_in(settings.data_dir, **s3.settings("failure", s3_endpoint=relay.url))
    async with running(remote, scripted(writes("half", PermanentError("the film is bad")))) as atlas:
        relay.cut()
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert job.error == "the film is bad"
        with pytest.raises(StorageFault):
            await names(atlas, job.id)


async def test_a_shared_folder_that_is_gone_fails_the_attempt_for_now(settings: Settings, tmp_path: Path) -> None:
    remote = settings_in(settings.data_dir, storage_url=(tmp_path / "share").as_uri())
    async with running(remote, scripted(writes("Numbers"), retry=AT_ONCE)) as atlas:
        job_id = await submitted(atlas)
        await until(atlas, lambda: Attempt.exists(job_id=job_id, outcome="retrying"))
        (tmp_path / "share").mkdir()
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await artifact(atlas, job_id) == b"Numbers"


async def test_work_that_a_killed_process_left_is_removed_and_no_other(settings: Settings, database: None) -> None:
    live = await stored_job(status=Status.RUNNING, attempt=1)
    common = {"job_id": live.id, "number": 1, "engine_id": "one", "started_at": live.created_at}
    await Attempt.create(**common, lease_token="token")
    for name in (f"{live.id}-1-token", f"{live.id}-1-other", "999-1-token", "somebody-elses"):
        (settings.work_dir / name).mkdir(parents=True)
    await remove_leftovers(settings)
    assert sorted(work_folders(settings)) == [f"{live.id}-1-token", "somebody-elses"]
