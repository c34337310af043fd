"""Files are kept alike in the data folder, in a shared folder, and in a bucket of a real S3 server."""

import asyncio
import os
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock
from engine.settings import Settings
from engine.storage import GRACE, PROBE, Storage, check_storage, open_storage, plain_files

KEY = "artifacts/1/1/result.txt"
LARGE = 40 * 1024 * 1024  # bytes


@pytest.fixture
def storage(stored: Settings) -> Storage:
    return open_storage(stored)


async def put_all(storage: Storage, *keys: str) -> None:
    for key in keys:
        await storage.put(key, key.encode())


async def content(storage: Storage, key: str, start: int, end: int) -> bytes:
    file = await storage.find(key)
    assert file
    return b"".join([chunk async for chunk in storage.read(file, start, end)])


async def test_a_place_that_can_be_used_passes_the_check_and_is_left_as_it_was(stored: Settings) -> None:
    await check_storage(stored)
    storage = open_storage(stored)
    left = [folder for folder in await storage.folders("") if folder.startswith(PROBE)]
    assert [await storage.names(folder) for folder in left] == [[] for _ in left]


async def test_several_machines_may_check_at_the_same_time(stored: Settings) -> None:
    await asyncio.gather(*(check_storage(stored) for _ in range(20)))


@pytest.mark.parametrize("text", [b"", b"Numbers", bytes(range(256)) * 5])
async def test_a_file_is_found_and_read_as_it_was_stored(storage: Storage, text: bytes) -> None:
    await storage.put(KEY, text)
    file = await storage.find(KEY)
    assert file
    assert (file.key, file.size) == (KEY, len(text))
    assert file.etag
    assert file.modified.tzinfo
    assert await storage.get(KEY) == text


async def test_a_part_of_a_file_can_be_read(storage: Storage) -> None:
    await storage.put(KEY, b"0123456789")
    assert await content(storage, KEY, 3, 7) == b"3456"
    assert await content(storage, KEY, 9, 10) == b"9"


async def test_storing_again_replaces_the_file(storage: Storage) -> None:
    await storage.put(KEY, b"a longer draft")
    await storage.put(KEY, b"final")
    assert await storage.get(KEY) == b"final"
    assert await storage.names("artifacts/1/1") == ["result.txt"]


@pytest.mark.parametrize("key", ["nothing.txt", "artifacts/1", "artifacts/1/1", "artifacts/1/1/result.txt/more"])
async def test_what_is_no_file_is_not_found(storage: Storage, key: str) -> None:
    await put_all(storage, KEY)
    assert await storage.find(key) is None
    assert await storage.get(key) is None


async def test_a_folder_lists_its_own_files_and_no_others(storage: Storage) -> None:
    own = ["artifacts/1/b", "artifacts/1/a", "artifacts/1/.hidden"]
    await put_all(storage, *own, "artifacts/1/2/deeper", "artifacts/12/other", "artifacts/10")
    assert await storage.names("artifacts/1") == ["a", "b"]
    assert await storage.folders("artifacts/1") == ["2"]
    assert await storage.folders("artifacts") == ["1", "12"]
    assert (await storage.names("nowhere"), await storage.folders("nowhere")) == ([], [])


async def test_removing_a_folder_removes_all_of_it_and_nothing_else(storage: Storage) -> None:
    await put_all(storage, "artifacts/1/1/a", "artifacts/1/2/b", "artifacts/1/c", "artifacts/12/1/a")
    await storage.delete("artifacts/1")
    left = [await storage.names(folder) for folder in ("artifacts/1", "artifacts/1/1", "artifacts/1/2")]
    assert left == [[], [], []]
    assert await storage.get("artifacts/12/1/a") == b"artifacts/12/1/a"
    await storage.delete("artifacts/1")  # once more is no fault


@pytest.mark.parametrize(
    "name",
    [
        *("Zahlen #1 (50%) – ä.txt", "a&b+c=d;e,f.txt", "%41.txt", "100%", "a?b", "a*b", "[x]{y}|z^~", "a\"b'c`<d>"),
        *("u\u0308.txt", "😀.png", "two  spaces ", "a..b", "x" * 255),
    ],
)
async def test_a_name_comes_back_as_it_was_given(storage: Storage, name: str) -> None:
    await storage.put(f"artifacts/1/1/{name}", name.encode())
    assert await storage.names("artifacts/1/1") == [name]
    assert await storage.get(f"artifacts/1/1/{name}") == name.encode()


async def test_a_large_file_goes_and_comes_in_pieces(storage: Storage, tmp_path: Path) -> None:
    large = tmp_path / "film.mp4"
    large.write_bytes(os.urandom(LARGE))
    tracemalloc.start()
    await storage.put(KEY, large)
    file = await storage.find(KEY)
    assert file
    with (tmp_path / "copy.mp4").open("wb") as copy:
        async for chunk in storage.read(file, 0, file.size):
            copy.write(chunk)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < LARGE / 2
    assert (tmp_path / "copy.mp4").read_bytes() == large.read_bytes()


async def test_many_files_are_stored_and_read_at_the_same_time(storage: Storage) -> None:
    keys = [f"files/{number}" for number in range(50)]
    await asyncio.gather(*(storage.put(key, key.encode()) for key in keys))
    assert await asyncio.gather(*map(storage.get, keys)) == [key.encode() for key in keys]
    assert len(await storage.names("files")) == 50


async def test_a_file_of_a_workplace_is_taken_as_it_is(storage: Storage, tmp_path: Path) -> None:
    workplace = storage.workplace("artifacts/1/1", tmp_path / "spare")
    for content in (b"film", b"film"):  # the second time it is there already
        (workplace / "film.mp4").write_bytes(content)
        await storage.take("artifacts/sha256/ab/abcd", workplace / "film.mp4")
        assert await storage.get("artifacts/sha256/ab/abcd") == b"film"


def test_only_plain_files_are_files_of_a_workplace(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    (tmp_path / ".pass-1.log").write_text("between two passes")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "1.png").write_bytes(b"frame")
    assert plain_files(tmp_path) == ["film.mp4"]


class Stored:
    """Counts how often anything is stored."""

    def __init__(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        put = storage.put

        async def counted(*arguments: Any, **more: Any) -> None:
            self.times += 1
            await put(*arguments, **more)

        monkeypatch.setattr(storage, "put", counted)


async def test_a_content_is_stored_once_and_anew_when_a_sweep_could_soon_take_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, now = Stored(storage, monkeypatch), clock.now()
    for _ in range(2):
        await storage.ensure("files/a", b"a")
        assert await storage.renew("files/a")
    assert stored.times == 1
    monkeypatch.setattr(clock, "now", lambda: now + GRACE * 0.6)
    await storage.ensure("files/a", b"a")
    assert stored.times == 2
    assert await storage.renew("files/a")
    assert stored.times == 3, "of the time that the test made up, it is as old as before"
    assert await storage.get("files/a") == b"a"


async def test_what_is_not_there_cannot_be_renewed(storage: Storage) -> None:
    assert not await storage.renew("files/a")


async def test_a_folder_is_read_page_by_page(storage: Storage) -> None:
    keys = [f"files/{number:02}.png" for number in range(7)]
    await put_all(storage, *reversed(keys))
    pages, last = [], ""
    while page := await storage.page("files", last, 3):
        last = page[-1].key.rpartition("/")[2]
        pages.append([(file.key, file.size) for file in page])
        assert all(abs(file.modified - clock.now()) < timedelta(minutes=1) for file in page)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [told for page in pages for told in page] == [(key, len(key)) for key in keys]


async def test_a_folder_that_is_not_there_has_no_page(storage: Storage) -> None:
    assert await storage.page("nowhere", "", 3) == []


async def test_only_what_is_old_enough_is_removed(storage: Storage) -> None:
    await put_all(storage, "files/a", "files/b")
    assert not await storage.remove("files/a", clock.now() - timedelta(minutes=1))
    assert await storage.remove("files/b", clock.now() + timedelta(minutes=1))
    assert not await storage.remove("files/b", clock.now() + timedelta(minutes=1)), "it is gone already"
    assert await storage.names("files") == ["a"]
