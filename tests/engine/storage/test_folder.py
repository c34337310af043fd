"""A folder as storage: safe against crashes and other users, and clear about what is wrong with it."""

import os
from pathlib import Path

import pytest

from engine import clock
from engine.errors import SettingsError, StorageFault
from engine.settings import Settings, load_settings
from engine.storage import check_storage, open_storage
from engine.storage.folder import Folder


async def test_files_lie_in_the_data_folder_by_their_keys(settings: Settings) -> None:
    await open_storage(settings).put("outbox/mail.eml", b"mail")
    assert (settings.data_dir / "outbox" / "mail.eml").read_bytes() == b"mail"


async def test_a_shared_folder_may_have_any_name(tmp_path: Path) -> None:
    shared = tmp_path / "team files (ä)"
    shared.mkdir()
    await open_storage(load_settings(data_dir=tmp_path / "data", storage_url=shared.as_uri())).put("files/a", b"a")
    assert (shared / "files" / "a").read_bytes() == b"a"
    assert not (tmp_path / "data" / "files").exists()


async def test_only_the_owner_may_read_a_private_file(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    await storage.put("outbox/mail.eml", b"mail", private=True)
    await storage.put("files/picture.png", b"picture")
    assert (tmp_path / "outbox" / "mail.eml").stat().st_mode & 0o077 == 0
    assert (tmp_path / "files" / "picture.png").stat().st_mode & 0o044


async def test_what_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "files" / "taken").mkdir(parents=True)
    with pytest.raises(StorageFault, match=r"The folder .* cannot be used \(Is a directory\): make it writable"):
        await Folder(tmp_path).put("files/taken", b"text")
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["taken"]


async def test_a_shared_folder_that_is_not_mounted_is_not_made_anew(tmp_path: Path) -> None:
    """Else its files would lie on one machine, and be missed on the others."""
    storage = Folder(tmp_path / "not mounted")
    for refused in (storage.put("files/a", b"a"), storage.check()):
        with pytest.raises(StorageFault, match="there is no such folder"):
            await refused
    with pytest.raises(StorageFault, match="there is no such folder"):
        storage.workplace("artifacts/1/1", tmp_path / "spare")
    assert os.listdir(tmp_path) == []


async def test_a_start_is_refused_with_the_variable_and_the_folder(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data", storage_url=(tmp_path / "nowhere").as_uri())
    with pytest.raises(SettingsError, match=r"^JOB_RUNNER_STORAGE_URL cannot be used: The folder .*nowhere cannot be"):
        await check_storage(settings)


async def test_a_file_that_is_taken_is_moved_and_as_new_as_if_it_were_written_now(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    file = storage.workplace("artifacts/1/1", tmp_path / "spare") / "film.mp4"
    file.write_bytes(b"film")
    os.utime(file, (0, 0))
    inode = file.stat().st_ino
    await storage.take("artifacts/sha256/ab/abcd", file)
    stored = await storage.find("artifacts/sha256/ab/abcd")
    assert stored
    assert stored.path
    assert (stored.path.stat().st_ino, file.exists(), stored.is_new) == (inode, False, True)


async def test_what_is_stored_anew_in_the_moment_of_its_removal_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, file, now = Folder(tmp_path), tmp_path / "files" / "a", clock.now()
    await storage.put("files/a", b"a")
    os.utime(file, (0, 0))
    rename = Path.rename

    def too_late(path: Path, target: Path) -> Path:
        os.utime(path)  # as another process's upload does, after the look at its age
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", too_late)
    assert not await storage.remove("files/a", now)
    assert file.read_bytes() == b"a"
    assert os.listdir(file.parent) == ["a"]
