"""The files that jobs make: there once the job is done, the latest attempt's, and never another attempt's."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from engine import artifacts
from engine.artifacts import Artifacts, remove_leftovers
from engine.engine import Atlas
from engine.errors import NotFound, OutcomeUnknown, PermanentError, StorageFault, TransientError
from engine.events import Bus
from engine.health import Health
from engine.jobs.base import Context
from engine.ledger import Ledger
from engine.retry import RetryPolicy
from engine.settings import Settings
from engine.storage import CONTENTS, open_storage
from models.artifact import Artifact
from models.attempt import Attempt
from models.ending import Lease
from models.states import Status
from tests.servers.relay import Relay
from tests.servers.s3 import S3Server
from tests.support.engine import (
    Script,
    changed,
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


async def contents(settings: Settings) -> list[str]:
    """What is stored by content."""
    storage = open_storage(settings)
    shards = [await storage.names(f"{CONTENTS}/{shard}") for shard in await storage.folders(CONTENTS)]
    return [name for names in shards for name in names]


def storage_of(settings: Settings) -> dict[str, Any]:
    """Where these settings keep files."""
    return {name: value for name, value in settings.model_dump().items() if name.startswith(("storage_", "s3_"))}


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


@pytest.fixture
async def ledger(database: None) -> AsyncIterator[Ledger]:
    ledger = Ledger(Health(Bus()))
    ledger.open()
    yield ledger
    await ledger.close()


async def test_an_attempt_that_lost_its_job_overwrites_nothing(stored: Settings, ledger: Ledger) -> None:
    job = await stored_job(status=Status.RUNNING, attempt=2, lease_token="token2")
    late, holder = (Artifacts(Lease(job.id, number, f"token{number}"), stored, ledger) for number in (1, 2))
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


async def test_an_attempt_whose_lease_is_another_ones_names_no_file(stored: Settings, ledger: Ledger) -> None:
    job = await stored_job(status=Status.RUNNING, attempt=1, lease_token="present")
    former = Artifacts(Lease(job.id, 1, "former"), stored, ledger)
    former.path("result.txt").write_text("too late")
    await former.keep()
    assert await Artifact.all().count() == 0


async def test_the_same_content_is_stored_once_whoever_makes_it(stored: Settings) -> None:
    async with running(stored, scripted(writes("Numbers"))) as atlas:
        jobs = [await submitted(atlas) for _ in range(3)]
        for job_id in jobs:
            await until_status(atlas, job_id, Status.COMPLETED)
        assert await contents(stored) == [sha256(b"Numbers").hexdigest()]
        assert [await artifact(atlas, job_id) for job_id in jobs] == [b"Numbers"] * 3


async def test_two_files_of_the_same_content_are_two_names_of_it(stored: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        for name in ("b.txt", "a.txt"):
            context.artifact(name).write_text("Numbers")
        return {}

    async with running(stored, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await names(atlas, job_id) == ["a.txt", "b.txt"]
        assert [await artifact(atlas, job_id, name) for name in ("a.txt", "b.txt")] == [b"Numbers"] * 2
        assert len(await contents(stored)) == 1


async def test_a_later_attempt_that_makes_no_file_leaves_none_of_an_earlier_one(stored: Settings) -> None:
    tries: list[int] = []

    async def work(context: Context) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            context.artifact("draft.txt").write_text("a draft")
            raise TransientError("not yet")
        return {}

    async with running(stored, scripted(work, retry=AT_ONCE)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await names(atlas, job_id) == []
        assert await Artifact.all().count() == 0


def makes(**sizes: int) -> Script:
    """Files of these sizes in bytes, named without their ending."""

    async def work(context: Context) -> dict[str, Any]:
        for name, size in sizes.items():
            context.artifact(f"{name}.bin").write_bytes(name.encode() * (size // len(name)))
        return {}

    return work


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (
            {"small": 1000, "film": 1_572_868},
            "The file film.bin has 1.6 MB, and a file may have at most 1.5 MB (JOB_RUNNER_MAX_ARTIFACT_MB)",
        ),
        (
            {"film": 1_572_864, "clip": 1_048_576},
            "The file film.bin has 1.5 MB, which makes 2.5 MB of all files together, and an attempt's may have at most "
            "2 MB (JOB_RUNNER_MAX_JOB_ARTIFACTS_MB)",
        ),
    ],
    ids=["one file", "all together"],
)
async def test_files_that_are_too_large_fail_the_job_for_good_and_are_not_stored(
    stored: Settings, sizes: dict[str, int], told: str
) -> None:
    limited = changed(stored, max_artifact_mb=1.5, max_job_artifacts_mb=2, **storage_of(stored))
    async with running(limited, scripted(makes(**sizes), retry=AT_ONCE)) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert (job.attempt, job.error) == (1, told)
        assert await names(atlas, job.id) == []
        assert (await contents(limited), work_folders(limited)) == ([], [])


async def test_files_of_exactly_the_limit_are_stored(settings: Settings) -> None:
    limited = changed(settings, max_artifact_mb=1, max_job_artifacts_mb=2)
    async with running(limited, scripted(makes(a=1_048_576, b=1_048_576))) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.COMPLETED)
        assert await names(atlas, job.id) == ["a.bin", "b.bin"]


async def test_why_work_failed_is_told_though_its_files_are_too_large(settings: Settings) -> None:
    limited = changed(settings, max_artifact_mb=0.000001)
    async with running(limited, scripted(writes("half", PermanentError("the film is bad")))) as atlas:
        job = await until_status(atlas, await submitted(atlas), Status.FAILED)
        assert job.error == "the film is bad"
        assert await names(atlas, job.id) == []


async def test_what_the_work_hid_for_itself_is_gone_also_when_it_is_cancelled(stored: Settings) -> None:
    begun, folder = asyncio.Event(), Path()

    async def work(context: Context) -> dict[str, Any]:
        nonlocal folder
        folder = context.artifact("film.mp4").parent
        (folder / ".frames" / "deeper").mkdir(parents=True)
        (folder / ".frames" / "deeper" / "1.png").write_bytes(b"frame")
        begun.set()
        await asyncio.Event().wait()
        return {}

    async with running(stored, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        assert (folder / ".frames" / "deeper").is_dir()
        await atlas.commands.cancel(job_id)
        assert not (folder / ".frames").exists()


async def test_a_file_that_only_leads_to_another_one_is_stored_as_what_it_leads_to(
    stored: Settings, tmp_path: Path
) -> None:
    (tmp_path / "original.txt").write_text("Numbers")

    async def work(context: Context) -> dict[str, Any]:
        context.artifact("result.txt").symlink_to(tmp_path / "original.txt")
        return {}

    async with running(stored, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        (tmp_path / "original.txt").write_text("other numbers")
        assert await artifact(atlas, job_id) == b"Numbers"


async def test_a_name_that_is_no_text_becomes_one_that_can_be_asked_for(stored: Settings) -> None:
    async def work(context: Context) -> dict[str, Any]:
        context.artifact(os.fsdecode(b"caf\xe9.txt")).write_text("Numbers")
        return {}

    async with running(stored, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        assert await names(atlas, job_id) == ["caf?.txt"]
        assert await artifact(atlas, job_id, "caf?.txt") == b"Numbers"


async def test_in_a_folder_files_are_seen_while_they_are_made(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: Context) -> dict[str, Any]:
        context.artifact("result.txt").write_text("half")
        begun.set()
        await go_on.wait()
        context.artifact("result.txt").write_text("whole")
        return {}

    async with running(settings, scripted(work)) as atlas:
        job_id = await submitted(atlas)
        await until_set(begun)
        assert (await names(atlas, job_id), await artifact(atlas, job_id)) == (["result.txt"], b"half")
        go_on.set()
        await until_status(atlas, job_id, Status.COMPLETED)
        assert (await names(atlas, job_id), await artifact(atlas, job_id)) == (["result.txt"], b"whole")
        assert not (settings.data_dir / "artifacts" / str(job_id)).exists(), "it is stored by content alone"


@pytest.mark.parametrize("folder", ["", "3/"], ids=["of all attempts", "of one attempt"])
async def test_files_of_a_former_version_are_still_found(stored: Settings, database: None, folder: str) -> None:
    job = await stored_job(status=Status.COMPLETED, attempt=3)
    await open_storage(stored).put(f"artifacts/{job.id}/{folder}result.txt", b"of old")
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
