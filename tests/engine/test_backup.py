"""Backup and restore as a person asks for them: what is told, which types are left alone, and who must have stopped."""

import os
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock
from engine.backup import restore_backup, save_backup
from engine.jobs import Registry
from engine.jobs.base import Context, EffectKind
from engine.settings import Settings
from models.engine_record import EngineRecord
from models.errors import DatabaseError
from models.job import Job
from models.states import Status
from tests.engine.test_rescuer import a_dead_process
from tests.support.engine import (
    changed,
    opened,
    running,
    scripted,
    settings_in,
    stored_job,
    submitted,
    until,
    until_status,
)

pytestmark = pytest.mark.sqlite

MOMENT = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
HERE = "this machine"


async def nothing(context: Context) -> dict[str, Any]:
    return {}


REGISTRY = Registry([scripted(nothing, key="MAIL"), scripted(nothing, key="RENDER", effect=EffectKind.REPEATABLE)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "backup.db"


async def test_only_what_the_installed_types_call_repeatable_is_done_again(settings: Settings, file: Path) -> None:
    async with opened(settings):
        for type_key in ("MAIL", "RENDER", "GONE"):
            await stored_job(type=type_key)
    save_backup(settings, file)
    restore_backup(settings, REGISTRY, file)
    async with opened(settings):
        after = await Job.all().order_by("id").values_list("type", "status")
    assert after == [("MAIL", Status.FAILED), ("RENDER", Status.QUEUED), ("GONE", Status.FAILED)]


async def test_a_restored_job_has_its_files_also_if_it_has_been_removed_since(settings: Settings, file: Path) -> None:
    async def draw(context: Context) -> dict[str, Any]:
        context.artifact("film.mp4").write_bytes(b"film")
        return {}

    registry = scripted(draw)
    async with running(settings, registry) as atlas:
        job_id = await submitted(atlas)
        await until_status(atlas, job_id, Status.COMPLETED)
        save_backup(settings, file)
    async with running(changed(settings, retention_days=1e-9), registry) as atlas:

        async def gone() -> bool:
            return not await Job.exists(id=job_id)

        await until(atlas, gone)
    restore_backup(settings, Registry([registry]), file)
    async with running(settings, registry) as atlas:
        film = await atlas.downloads.artifact(job_id, "film.mp4")
        assert b"".join([chunk async for chunk in atlas.downloads.read(film, 0, film.size)]) == b"film"


async def test_a_backup_tells_file_size_jobs_and_moment(settings: Settings, file: Path) -> None:
    async with opened(settings):
        await stored_job()
        before = clock.now()
        told = save_backup(settings, file)
    size, moment = re.fullmatch(rf"Backed up to {file}: ([\d,]+) bytes, 1 job, as of ({MOMENT})", told).groups()  # type: ignore[union-attr]
    assert int(size.replace(",", "")) == len(content(file))
    assert abs(datetime.strptime(moment, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC) - before) < timedelta(seconds=5)


async def test_a_restore_tells_moment_jobs_who_waits_and_where_the_former_database_is(
    settings: Settings, file: Path
) -> None:
    async with opened(settings):
        for type_key in ("MAIL", "MAIL", "RENDER"):
            await stored_job(type=type_key)
    save_backup(settings, file)
    told = restore_backup(settings, REGISTRY, file)
    former = rf"(?P<former>{settings.data_dir}/job-runner\.db\.before-restore-\d{{8}}T\d{{6}}Z)"
    found = re.fullmatch(
        rf"Restored the backup of {MOMENT} from {file}: 3 jobs, of which 2 wait for a person\. "
        rf"The former database is {former}",
        told,
    )
    assert found
    assert len(content(Path(found["former"]))) > 0


async def test_a_restore_where_there_was_nothing_says_so(settings: Settings, file: Path) -> None:
    save_backup(settings, file)
    os.unlink(settings.data_dir / "job-runner.db")
    assert restore_backup(settings, REGISTRY, file).endswith("0 wait for a person. There was no database before")


@pytest.mark.parametrize(
    ("where", "process", "quiet_for", "refused"),
    [
        (HERE, "alive", 3600, True),  # held by a debugger, say: it may go on at any time
        (HERE, "dead", 5, True),  # in another container of the same name, perhaps
        (HERE, "dead", 11, False),
        (HERE, "this one", 11, False),
        ("another-machine", "dead", 5, True),
        ("another-machine", "alive", 11, False),
        ("another-machine", "dead", -60, True),  # its clock is ahead
    ],
)
async def test_a_restore_is_refused_while_an_engine_may_be_alive(
    settings: Settings, file: Path, where: str, process: str, quiet_for: float, refused: bool
) -> None:
    host = socket.gethostname() if where == HERE else where
    pid = {"alive": os.getppid(), "dead": a_dead_process(), "this one": os.getpid()}[process]
    async with opened(settings):
        await an_engine(host, pid, quiet_for)
    save_backup(settings, file)
    database = settings.data_dir / "job-runner.db"
    before = content(database)
    if not refused:
        restore_backup(settings, REGISTRY, file)
        return
    with pytest.raises(DatabaseError, match=rf"an engine is at work on .* \(process {pid} on {host}, last heard of"):
        restore_backup(settings, REGISTRY, file)
    assert content(database) == before


async def test_an_engine_that_stopped_on_purpose_does_not_hinder_a_restore(settings: Settings, file: Path) -> None:
    async with opened(settings):
        await an_engine(socket.gethostname(), os.getppid(), 0, stopped_at=clock.now())
    save_backup(settings, file)
    restore_backup(settings, REGISTRY, file)


async def an_engine(host: str, pid: int, quiet_for: float, **columns: Any) -> None:
    beat = clock.now() - timedelta(seconds=quiet_for)
    usual: dict[str, Any] = {"id": "e", "concurrency": 1, "poll_seconds": 5}
    await EngineRecord.create(host=host, pid=pid, started_at=beat, last_beat_at=beat, **usual, **columns)


def content(file: Path) -> bytes:
    return file.read_bytes()


def test_postgresql_is_left_to_its_own_tools(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, database_url="postgres://somewhere/jobs")
    with pytest.raises(DatabaseError, match="PostgreSQL is backed up with pg_dump"):
        save_backup(settings, tmp_path / "backup.db")
    with pytest.raises(DatabaseError, match="PostgreSQL is backed up with pg_dump"):
        restore_backup(settings, Registry([]), tmp_path / "backup.db")
