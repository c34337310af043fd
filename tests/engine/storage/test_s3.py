"""S3-compatible storage in trouble: one sentence that names the place, the fault and what to do."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SettingsError, StorageFault
from engine.settings import Settings
from engine.storage import check_storage, open_storage
from engine.storage import s3 as s3_module
from engine.storage.s3 import Bucket
from tests.servers.relay import Relay
from tests.servers.s3 import SECRET, S3Server
from tests.support.engine import settings_in
from tests.support.server import ROOT, environment

LARGE = 30 * 1024 * 1024  # several parts of an upload, in bytes


@pytest.fixture(autouse=True)
def _no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def relay(s3: S3Server) -> Iterator[Relay]:
    with Relay(s3.port) as relay:
        yield relay


def through(server: S3Server, folder: Path, **more: Any) -> Settings:
    return settings_in(folder / "data", **server.settings(f"s3/{uuid.uuid4().hex}", **more))


async def refusal(settings: Settings) -> str:
    with pytest.raises(SettingsError) as caught:
        await check_storage(settings)
    told = str(caught.value)
    assert told.startswith(f"JOB_RUNNER_STORAGE_URL cannot be used: The storage {settings.storage_url} "), told
    assert "\n" not in told
    assert SECRET not in told
    return told


KEYS = "check JOB_RUNNER_S3_ACCESS_KEY_ID and JOB_RUNNER_S3_SECRET_ACCESS_KEY"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"storage_url": "s3://missing/here"}, "has no such bucket: create it, or correct JOB_RUNNER_STORAGE_URL"),
        ({"s3_secret_access_key": "mistyped"}, f"refuses the key (SignatureDoesNotMatch): {KEYS}"),
        ({"s3_access_key_id": "nobody"}, f"refuses the key (InvalidAccessKeyId): {KEYS}"),
        ({"key": "reader"}, f"refuses the key (AccessDenied): {KEYS}; the key must be allowed to read, write, list"),
        (
            {"s3_endpoint": "http://no-such-host.invalid"},
            "cannot be reached at http://no-such-host.invalid (failed to lookup address",
        ),
        ({"s3_endpoint": "http://127.0.0.1:1"}, "cannot be reached at http://127.0.0.1:1 (Connection refused): check"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_start_is_refused_in_one_line(s3: S3Server, tmp_path: Path, more: dict[str, Any], told: str) -> None:
    assert told in await refusal(through(s3, tmp_path, **more))


async def test_a_server_without_tls_is_not_taken_for_one_with_it(s3: S3Server, tmp_path: Path) -> None:
    url = s3.url.replace("http:", "https:")
    told = await refusal(through(s3, tmp_path, s3_endpoint=url))
    assert f"cannot be reached at {url} (no TLS connection" in told


async def test_a_server_that_says_nothing_is_not_waited_for_long(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(s3_module, "MAX_RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert f"cannot be reached at {url} (no answer in time)" in await refusal(
            through(s3, tmp_path, s3_endpoint=url)
        )


async def test_without_a_key_the_usual_variables_are_asked(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = {"s3_access_key_id": None, "s3_secret_access_key": None}
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")  # no role is to be had here
    told = await refusal(through(s3, tmp_path, **bare))
    assert "needs a key, and this machine has no role that gives one: set JOB_RUNNER_S3_ACCESS_KEY_ID" in told
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    await check_storage(through(s3, tmp_path, **bare))


async def test_while_the_server_is_away_every_question_is_a_fault_and_afterwards_none_is(
    s3: S3Server, relay: Relay, tmp_path: Path
) -> None:
    storage = open_storage(through(s3, tmp_path, s3_endpoint=relay.url))
    await storage.put("files/a", b"a")
    file = await storage.find("files/a")
    assert file
    relay.cut()
    for asked in (
        storage.put("files/b", b"b"),
        storage.find("files/a"),
        storage.names("files"),
        storage.folders("files"),
        storage.delete("files"),
        storage.get("files/a"),
        anext(storage.read(file, 0, 1)),
    ):
        with pytest.raises(StorageFault, match=r"cannot be reached at .*: check JOB_RUNNER_S3_ENDPOINT"):
            await asked
    relay.mend()
    assert await storage.get("files/a") == b"a"
    assert await storage.names("files") == ["a"]


async def test_an_upload_that_is_given_up_leaves_no_file(s3: S3Server, relay: Relay, tmp_path: Path) -> None:
    settings = through(s3, tmp_path, s3_endpoint=relay.url)
    large = tmp_path / "film.mp4"
    large.write_bytes(bytes(LARGE))
    storage = open_storage(settings)
    assert isinstance(storage, Bucket)
    relay.hold()
    upload = asyncio.create_task(storage.put("artifacts/1/1/film.mp4", large))
    assert await asyncio.to_thread(relay.asked.wait, 10)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    relay.mend()
    for thread in threading.enumerate():  # until it has broken off
        if thread.name == "storage":
            await asyncio.to_thread(thread.join)
    assert await Bucket(settings).find("artifacts/1/1/film.mp4") is None


def test_a_process_that_ends_right_after_it_used_the_storage_ends_in_order(s3: S3Server, tmp_path: Path) -> None:
    """A library thread that Python does not know, and that comes back to it then, would abort the process."""
    program = (
        "import asyncio; from engine.settings import load_settings; from engine.storage import check_storage;"
        "asyncio.run(check_storage(load_settings()))"
    )
    settings = {**s3.settings("exit"), "data_dir": tmp_path, "s3_endpoint": s3.url.replace("http:", "https:")}
    env = environment({name.upper(): value for name, value in settings.items()})
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, check=False)
        assert done.returncode == 1, done.stderr  # the SettingsError


def test_who_keeps_files_in_a_folder_never_loads_the_library(tmp_path: Path) -> None:
    program = (
        "import sys; import main; from engine.settings import load_settings;"
        "main.build(load_settings()); print('obstore' in sys.modules)"
    )
    env = environment({"DATA_DIR": tmp_path})
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, check=True)
    assert done.stdout == b"False\n"
