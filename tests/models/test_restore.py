"""A restored database sends nothing again, gives no id twice, and is swapped in whole or not at all."""

import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock
from engine.settings import Settings
from models.attempt import Attempt
from models.backup import save
from models.defined_type import DefinedType
from models.effect import Effect
from models.engine_record import EngineRecord
from models.errors import DatabaseError
from models.job import Job
from models.restore import Restored, restore
from models.schedule import Schedule
from models.sqlite import read_only
from models.states import UNKNOWN, Approval, AttemptOutcome, Category, Phase, Status
from tests.models.test_backup import make_unfit
from tests.models.test_migrations import make_former
from tests.support.engine import opened, stored_job

pytestmark = pytest.mark.sqlite

AT, NOW = datetime(2026, 11, 23, 18, 49, tzinfo=UTC), datetime(2026, 11, 24, 7, 0, 1, tzinfo=UTC)
DOUBT = "Restored from the backup of 2026-11-23 18:49:00 UTC: it may have gone out since. Did it?"
LEASE: dict[str, Any] = {"engine_id": "e", "lease_token": "t", "lease_expires_at": AT, "started_at": AT, "attempt": 1}
MAIL: dict[str, Any] = {"type": "EMAIL_SEND", "status": Status.QUEUED}
RENDER: dict[str, Any] = {"type": "RENDER", "status": Status.QUEUED}


@pytest.fixture
def target(settings: Settings) -> Path:
    """The database that is in use; it begins empty."""
    return settings.data_dir / "job-runner.db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "backup.db"


def restored(file: Path, target: Path) -> Restored:
    return restore(file, target, repeatable=["RENDER"], now=NOW)


async def after_restoring(settings: Settings, file: Path, **columns: Any) -> Job:
    """A job with these columns, backed up and restored."""
    database = settings.data_dir / "job-runner.db"
    async with opened(settings):
        job = await stored_job(**columns)
    save(database, file, at=AT)
    restored(file, database)
    async with opened(settings):
        return await Job.get(id=job.id)


@pytest.mark.parametrize("type_key", ["EMAIL_SEND", "NOT_INSTALLED"])
@pytest.mark.parametrize(
    "columns",
    [
        {"status": Status.QUEUED},
        {"status": Status.QUEUED, "error": "451 Later"},
        {"status": Status.QUEUED, "run_at": AT + timedelta(days=30), "due_at": AT + timedelta(days=30)},
        {"status": Status.QUEUED, "approval": Approval.APPROVED},
        {"status": Status.RUNNING, "pause_requested": True, **LEASE},
    ],
    ids=["queued", "waiting for a retry", "for later", "approved", "running"],
)
async def test_what_may_have_gone_out_since_waits_for_a_person(
    settings: Settings, file: Path, type_key: str, columns: dict[str, Any]
) -> None:
    job = await after_restoring(settings, file, type=type_key, **columns)
    assert (job.status, job.outcome, job.error, job.finished_at) == (Status.FAILED, UNKNOWN, DOUBT, NOW)
    assert (job.lease_token or job.lease_expires_at, job.pause_requested) == (None, False)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"status": Status.QUEUED, "approval": Approval.PENDING}, DOUBT),
        ({"status": Status.PAUSED}, DOUBT),
        ({"status": Status.PAUSED, "approval": Approval.PENDING}, DOUBT),
        ({"status": Status.FAILED, "error": "550 No"}, f"{DOUBT} Before that: 550 No"),
        ({"status": Status.FAILED, "error": "Cut", "outcome": UNKNOWN}, f"{DOUBT} Before that: Cut"),
    ],
    ids=["queued for approval", "paused", "paused and pending", "failed", "unknown"],
)
async def test_what_a_person_decides_anyway_stays_and_carries_the_doubt(
    settings: Settings, file: Path, columns: dict[str, Any], error: str
) -> None:
    job = await after_restoring(settings, file, type="EMAIL_SEND", **columns)
    assert job.error == error
    assert {name: getattr(job, name) for name in columns if name != "error"} == {
        name: value for name, value in columns.items() if name != "error"
    }


@pytest.mark.parametrize(
    "columns",
    [
        {**MAIL, "status": Status.COMPLETED, "result": {"message": "Sent"}},
        {**MAIL, "status": Status.CANCELLED, "error": "Rejected"},
        {**RENDER},
        {**RENDER, "approval": Approval.PENDING},
        {**RENDER, "status": Status.PAUSED},
        {**RENDER, "status": Status.FAILED, "error": "Broken"},
    ],
    ids=lambda columns: f"{columns['type']}-{columns['status']}",
)
async def test_what_is_over_or_may_simply_be_done_again_is_as_it_was(
    settings: Settings, file: Path, columns: dict[str, Any]
) -> None:
    async with opened(settings):
        before = await stored_job(**columns)
        columns_before = await Job.filter(id=before.id).values()
    save(settings.data_dir / "job-runner.db", file, at=AT)
    done = restored(file, settings.data_dir / "job-runner.db")
    assert (done.jobs, done.waiting) == (1, 0)
    async with opened(settings):
        assert await Job.filter(id=before.id).values() == columns_before


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED])
async def test_the_question_is_about_all_that_a_job_had_still_to_do(
    settings: Settings, file: Path, status: Status
) -> None:
    """An answer for the one channel that was being posted to would send the others again, which may have it too."""
    outcome = UNKNOWN if status is Status.FAILED else None
    async with opened(settings):
        job = await stored_job(type="EMAIL_SEND", status=status, outcome=outcome)
        for target, phase in {"one": Phase.DONE, "two": Phase.SENDING}.items():
            await Effect.create(
                job_id=job.id, target=target, attempt=1, identity={"id": target}, phase=phase, started_at=AT
            )
    save(settings.data_dir / "job-runner.db", file, at=AT)
    restored(file, settings.data_dir / "job-runner.db")
    async with opened(settings):
        one, two = await Effect.filter(job_id=job.id).order_by("target")
        assert (one.phase, two.phase, two.identity) == (Phase.DONE, Phase.FAILED, {"id": "two"})
        assert (await Job.get(id=job.id)).outcome == UNKNOWN


async def test_repeatable_work_that_was_running_is_queued_again(settings: Settings, file: Path) -> None:
    job = await after_restoring(
        settings, file, type="RENDER", status=Status.RUNNING, **{**LEASE, "pause_requested": True}
    )
    assert (job.status, job.started_at, job.pause_requested, job.attempt) == (Status.QUEUED, None, False, 1)
    assert not any((job.lease_token, job.lease_expires_at, job.error))


async def test_a_type_that_somebody_defined_says_itself_whether_it_may_be_repeated(
    settings: Settings, file: Path
) -> None:
    async with opened(settings):
        jobs = []
        for key, irreversible in (("CALL", True), ("TRANSLATE", False)):
            await a_defined_type(key, irreversible)
            jobs.append(await stored_job(type=key, status=Status.RUNNING, **LEASE))
    save(settings.data_dir / "job-runner.db", file, at=AT)
    restored(file, settings.data_dir / "job-runner.db")
    async with opened(settings):
        call, translate = [await Job.get(id=job.id) for job in jobs]
        assert (call.status, call.outcome) == (Status.FAILED, UNKNOWN)
        assert (translate.status, translate.outcome) == (Status.QUEUED, None)


async def a_defined_type(key: str, irreversible: bool) -> None:
    await DefinedType.create(
        key=key,
        label=key,
        category=Category.TASK,
        icon="task_alt",
        payload_schema="{}",
        irreversible=irreversible,
        attempts=1,
        time_limit_seconds=60,
        created_by="ada",
        created_at=AT,
    )


async def test_no_attempt_and_no_engine_of_the_backup_is_under_way(
    settings: Settings, target: Path, file: Path
) -> None:
    async with opened(settings):
        await an_engine("busy", stopped_at=None, running=2)
        await an_engine("gone", stopped_at=AT, running=0)
        for number, outcome in enumerate([AttemptOutcome.RETRYING, None], 1):
            await Attempt.create(
                job_id=1, number=number, lease_token="t", engine_id="e", started_at=AT, outcome=outcome
            )
    save(target, file, at=AT)
    restored(file, target)
    async with opened(settings):
        stopped = await EngineRecord.all().order_by("id").values_list("id", "stopped_at", "running")
        assert stopped == [("busy", NOW, 0), ("gone", AT, 0)]
        first, second = await Attempt.all().order_by("number")
        assert first.outcome is AttemptOutcome.RETRYING
        assert second.outcome is AttemptOutcome.LOST
        assert second.error == "Restored from a backup"
        assert (first.finished_at, second.finished_at) == (None, NOW)


@pytest.mark.parametrize("in_backup", [0, 2])
async def test_an_id_that_was_given_since_is_not_given_again(
    settings: Settings, target: Path, file: Path, in_backup: int
) -> None:
    async with opened(settings):
        for _ in range(in_backup):
            await stored_job(**RENDER)
    save(target, file, at=AT)
    async with opened(settings):
        for _ in range(3):
            last = await stored_job(**RENDER)
    restored(file, target)
    async with opened(settings):
        assert await Job.all().count() == in_backup
        assert (await stored_job(**RENDER)).id == last.id + 1


async def test_the_former_database_is_kept_whole_and_can_be_restored_in_turn(
    settings: Settings, target: Path, file: Path
) -> None:
    save(target, file, at=AT)
    async with opened(settings):
        await stored_job(name="Made since", **RENDER)
    done = restored(file, target)
    assert done == Restored(AT, 0, 0, target.with_name("job-runner.db.before-restore-20261124T070001Z"))
    assert done.former
    moment = datetime.fromtimestamp(done.former.stat().st_mtime, UTC)
    undone = restore(done.former, target, repeatable=["RENDER"], now=NOW + timedelta(seconds=1))
    assert (undone.at, undone.jobs) == (moment, 1), "it has no moment of its own, so its file tells it"
    async with opened(settings):
        assert await Job.exists(name="Made since")


async def test_what_was_committed_but_only_in_the_write_ahead_log_is_kept_with_the_former_database(
    settings: Settings, target: Path, file: Path
) -> None:
    save(target, file, at=AT)
    async with opened(settings):
        await stored_job(name="Just now")
        killed = snapshot(target)
    put_back(killed)
    former = restored(file, target).former
    assert former
    with read_only(former) as reader:
        assert reader.execute("SELECT name FROM job").fetchall() == [("Just now",)]
    async with opened(settings):
        assert await Job.all().count() == 0


async def test_where_there_was_no_database_a_stale_log_is_put_aside(
    settings: Settings, target: Path, file: Path
) -> None:
    save(target, file, at=AT)
    async with opened(settings):
        await stored_job()
        left = snapshot(target)
    put_back(left)
    os.unlink(target)
    done = restored(file, target)
    assert (done.former, rights(target)) == (None, 0o600)
    assert _beside(target) & {"job-runner.db-wal", "job-runner.db-shm"} == set()
    async with opened(settings):
        assert await Job.all().count() == 0


@pytest.mark.parametrize("what", ["letter", "cut off", "empty"])
async def test_a_database_that_is_damaged_is_replaced_and_kept(
    settings: Settings, target: Path, file: Path, what: str
) -> None:
    save(target, file, at=AT)
    make_unfit(target, what, file)
    damaged = content(target)
    former = restored(file, target).former
    assert former
    assert content(former) == damaged
    async with opened(settings):
        await stored_job()


def test_owner_and_rights_stay_as_they_were(target: Path, file: Path) -> None:
    save(target, file, at=AT)
    target.chmod(0o640)
    restored(file, target)
    assert rights(target) == 0o640


async def test_a_database_that_is_linked_to_stays_linked_to(settings: Settings, target: Path, file: Path) -> None:
    real = target.with_name("real.db")
    os.rename(target, real)
    os.symlink(real, target)
    save(target, file, at=AT)
    done = restored(file, target)
    assert os.readlink(target) == str(real)
    assert done.former == real.with_name("real.db.before-restore-20261124T070001Z")
    async with opened(settings):
        await stored_job()


async def test_a_backup_of_the_first_version_is_brought_up_to_date_at_the_next_start(
    settings: Settings, target: Path, file: Path
) -> None:
    await make_former(file)
    restored(file, target)
    async with opened(settings):
        await stored_job()
    with read_only(target) as reader:
        assert reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'idx_job_claim'").fetchall()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "there is no backup"),
        ("folder", "there is no backup"),
        ("letter", "file is not a database"),
        ("empty", "is not a database of Job Runner"),
        ("foreign", "is not a database of Job Runner"),
        ("newer", r"comes from a newer version of Job Runner \(it has 0999_later\)"),
        ("cut off", "malformed"),
        ("one bad page", "is damaged"),
    ],
)
async def test_a_backup_that_cannot_be_used_leaves_the_database_as_it_is(
    settings: Settings, target: Path, file: Path, what: str, words: str
) -> None:
    async with opened(settings):
        for _ in range(200):
            await stored_job()
    make_bad_backup(file, what, target)
    before, names = content(target), _beside(target)
    with pytest.raises(DatabaseError, match=words) as caught:
        restored(file, target)
    assert "backup.db" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert content(target) == before
    assert _beside(target) == names


def test_a_database_of_something_else_is_not_replaced(target: Path, file: Path) -> None:
    save(target, file, at=AT)
    target.unlink()
    make_unfit(target, "foreign", file)
    before = content(target)
    with pytest.raises(DatabaseError, match=r"job-runner\.db is not a database of Job Runner"):
        restored(file, target)
    assert content(target) == before


def test_a_database_is_not_restored_from_itself(target: Path) -> None:
    with pytest.raises(DatabaseError, match="is the database itself"):
        restored(target, target)


async def test_a_database_that_somebody_has_open_is_not_replaced(settings: Settings, target: Path, file: Path) -> None:
    save(target, file, at=AT)
    async with opened(settings):
        before = content(target)
        with pytest.raises(DatabaseError, match=r"another process has the database .*job-runner\.db open"):
            restored(file, target)
        assert content(target) == before
        await stored_job()
    assert _beside(target) == {target.name, "secret.key"}


@pytest.mark.parametrize("step", ["_take", "_prepare", "sync", "_close_down", "name_also"])
def test_whatever_fails_before_the_swap_leaves_the_database_as_it_is(
    target: Path, file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    save(target, file, at=AT)
    before, names = content(target), _beside(target)
    monkeypatch.setattr(f"models.restore.{step}", full)
    with pytest.raises(DatabaseError, match=r"cannot be restored to .*: No space left on device"):
        restored(file, target)
    with read_only(target) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert step == "name_also" or content(target) == before
    assert _beside(target) - names <= {"job-runner.db-wal", "job-runner.db-shm"}


def make_bad_backup(file: Path, what: str, good: Path) -> None:
    if what == "folder":
        file.mkdir()
    elif what in ("newer", "one bad page"):
        save(good, file, at=AT)
        if what == "newer":
            change(file, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '0999_later', '')")
        else:
            with read_only(file) as reader:
                (root,) = reader.execute("SELECT rootpage FROM sqlite_master WHERE name = 'idx_job_claim'").fetchone()
            with file.open("r+b") as writer:
                writer.seek((root - 1) * 4096 + 8)
                writer.write(b"\xff" * 64)
    elif what != "missing":
        make_unfit(file, what, good)


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        for statement in statements:
            writer.execute(statement)


async def an_engine(id: str, **columns: Any) -> None:
    usual: dict[str, Any] = {"host": "h", "pid": 1, "concurrency": 1, "poll_seconds": 5}
    await EngineRecord.create(id=id, started_at=AT, last_beat_at=clock.now(), **usual, **columns)


def content(file: Path) -> bytes:
    return file.read_bytes()


def rights(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def snapshot(target: Path) -> dict[Path, bytes]:
    """What a kill would leave just now."""
    files = [Path(f"{target}{ending}") for ending in ("", "-wal", "-shm")]
    return {file: file.read_bytes() for file in files}


def put_back(files: dict[Path, bytes]) -> None:
    for file, held in files.items():
        file.write_bytes(held)


def _beside(target: Path) -> set[str]:
    return set(os.listdir(target.parent))


async def test_a_schedule_that_was_due_since_the_backup_waits_for_a_person(settings: Settings, file: Path) -> None:
    """It may have started then; one that comes later goes on."""
    usual: dict[str, Any] = {"target": {}, "cron": "@daily", "author": "ada", "created_by": "ada", "created_at": AT}
    database = settings.data_dir / "job-runner.db"
    async with opened(settings):
        await Schedule.create(name="due", next_at=NOW - timedelta(hours=1), **usual)
        await Schedule.create(name="later", next_at=NOW + timedelta(hours=1), **usual)
    save(database, file, at=AT)
    restored(file, database)
    async with opened(settings):
        due, later = await Schedule.all().order_by("name")
    assert due.paused
    assert due.fault == f"{DOUBT} Resume it to go on."
    assert not later.paused
