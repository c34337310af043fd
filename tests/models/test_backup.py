"""A backup is whole, private and never in the place of something else, or it is not there at all."""

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.settings import Settings
from models.backup import save
from models.errors import DatabaseError
from models.sqlite import read_only
from tests.support.engine import opened, stored_job

pytestmark = pytest.mark.sqlite

AT = datetime(2026, 11, 23, 18, 49, tzinfo=UTC)


@pytest.fixture
def source(settings: Settings) -> Path:
    """An empty database of ours."""
    return settings.data_dir / "job-runner.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A free place in a folder of its own."""
    folder = tmp_path / "größe #1"
    folder.mkdir()
    return folder / "what?.db"


def rows(file: Path, question: str) -> list[tuple[object, ...]]:
    with read_only(file) as reader:
        return reader.execute(question).fetchall()


async def test_a_backup_holds_what_is_committed_and_its_moment(source: Path, target: Path, settings: Settings) -> None:
    async with opened(settings):
        await stored_job(name="Still in the write-ahead log")
        assert save(source, target, at=AT) == 1
    assert rows(target, "SELECT name FROM job") == [("Still in the write-ahead log",)]
    assert rows(target, "SELECT at FROM backup") == [("2026-11-23 18:49:00+00:00",)]
    assert rows(target, "PRAGMA integrity_check") == [("ok",)]
    assert os.listdir(target.parent) == [target.name]


def test_a_backup_of_a_database_that_was_a_backup_has_its_own_moment(source: Path, target: Path) -> None:
    save(source, target, at=datetime(2001, 1, 1, tzinfo=UTC))
    again = target.with_name("again.db")
    save(target, again, at=AT)
    assert rows(again, "SELECT at FROM backup") == [("2026-11-23 18:49:00+00:00",)]


def test_only_its_owner_may_read_a_backup(source: Path, target: Path) -> None:
    save(source, target, at=AT)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("what", ["file", "folder", "dangling link"])
def test_what_is_there_already_is_never_overwritten(source: Path, target: Path, what: str) -> None:
    if what == "file":
        target.write_text("Precious")
    elif what == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(DatabaseError, match="exists already"):
        save(source, target, at=AT)
    assert os.listdir(target.parent) == [target.name]
    assert what != "file" or target.read_text() == "Precious"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_appears_there_meanwhile_is_not_overwritten_either(
    source: Path, target: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)

    def late(path: Path) -> None:
        target.write_text("Precious")

    monkeypatch.setattr("models.backup.sync", late)
    with pytest.raises(DatabaseError, match=r"cannot be backed up to .*: File exists"):
        save(source, target, at=AT)
    assert (os.listdir(target.parent), target.read_text()) == ([target.name], "Precious")


def test_a_disk_without_links_takes_a_backup_too(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    save(source, target, at=AT)
    assert rows(target, "SELECT COUNT(*) FROM job") == [(0,)]
    assert os.listdir(target.parent) == [target.name]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_backup_that_is_broken_off_leaves_nothing(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(DatabaseError, match=r"cannot be backed up to .*what\?\.db: Input/output error"):
        save(source, target, at=AT)
    assert os.listdir(target.parent) == []


def test_a_folder_that_is_not_there_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"the folder .*nowhere for the backup does not exist"):
        save(source, tmp_path / "nowhere" / "backup.db", at=AT)


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path, target: Path) -> None:
    with pytest.raises(DatabaseError, match=r"there is no database .*missing\.db"):
        save(tmp_path / "missing.db", target, at=AT)
    assert not (tmp_path / "missing.db").exists()
    assert not target.exists()


@pytest.mark.parametrize("what", ["letter", "foreign", "empty", "cut off"])
def test_what_is_no_database_of_ours_is_not_backed_up(source: Path, target: Path, tmp_path: Path, what: str) -> None:
    file = tmp_path / "other.db"
    make_unfit(file, what, source)
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match=r"other\.db.*(not a database|malformed)"):
        save(file, target, at=AT)
    assert file.read_bytes() == before
    assert os.listdir(target.parent) == []


def make_unfit(file: Path, what: str, good: Path) -> None:
    """Something that looks like a database of ours to nobody who looks closely."""
    if what == "letter":
        file.write_text("Dear Ada,\n" * 1000)
    elif what == "empty":
        file.write_bytes(b"")
    elif what == "foreign":
        with closing(sqlite3.connect(file)) as writer:
            writer.execute("CREATE TABLE job (id INTEGER)")
    else:
        shutil.copy(good, file)
        os.truncate(file, file.stat().st_size // 2)


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")
