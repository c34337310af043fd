"""Files are fetched alike whether they lie in a folder or in S3-compatible storage: whole, in part, as downloads."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from engine.storage import content_key, open_storage
from tests.servers.relay import Relay
from tests.servers.s3 import S3Server
from tests.support.engine import settings_in
from tests.support.migration import change
from tests.support.server import JobRunner

TEXT = "0123456789"
NAME = "Trailer – 50%.mp4"
LARGE = 150 * 1024 * 1024  # bytes
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


class Files:
    """A Job Runner and one completed job of it, whose files a test may add to."""

    def __init__(self, runner: JobRunner, **storage: Any) -> None:
        self.runner = runner
        self._storage = open_storage(settings_in(runner.data_dir, **storage))
        self.job_id = runner.submit("TEST_RENDER", {"title": TEXT})
        runner.until(self.job_id, "completed")

    def add(self, name: str, content: bytes | Path) -> None:
        """Let the job have made this file, too."""
        digest = hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).hexdigest()
        asyncio.run(self._storage.put(content_key(digest), content))
        change(
            self.runner.data_dir / "job-runner.db",
            """INSERT OR REPLACE INTO artifact (job_id, attempt, name, digest, size, created_at)
            VALUES (:job_id, 1, :name, :digest, 1, '2026-01-01 00:00:00+00:00')""",
            job_id=self.job_id,
            name=name,
            digest=digest,
        )

    def add_as_of_old(self, name: str, content: bytes) -> None:
        """Let a former version have stored this file of the job."""
        asyncio.run(self._storage.put(f"artifacts/{self.job_id}/1/{name}", content))

    def get(self, name: str = "result.txt", **headers: str) -> httpx.Response:
        """Fetch a file."""
        address = f"/api/v1/jobs/{self.job_id}/artifacts/{name}"
        return self.runner.http.get(address, headers=headers, extensions={"nowhere": True})


@pytest.fixture(scope="module")
def relay(s3: S3Server) -> Iterator[Relay]:
    with Relay(s3.port) as relay:
        yield relay


@pytest.fixture(scope="module", params=["folder", "S3"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Files]:
    storage = s3.settings("downloads") if request.param == "S3" else {}
    environment = {name.upper(): value for name, value in storage.items()}
    with JobRunner(tmp_path_factory.mktemp("downloads") / "data", POLL_SECONDS=0.1, **environment) as runner:
        yield Files(runner, **storage)


@pytest.fixture
def remote(tmp_path: Path, s3: S3Server, relay: Relay) -> Iterator[Files]:
    """Behind a relay that a test may cut."""
    relay.mend()
    storage = s3.settings(f"away/{tmp_path.name}", s3_endpoint=relay.url)
    environment = {name.upper(): value for name, value in storage.items()}
    with JobRunner(tmp_path / "data", POLL_SECONDS=0.1, **environment) as runner:
        yield Files(runner, **storage)


def test_a_file_is_a_download_of_its_name_and_kind(files: Files) -> None:
    files.add(NAME, b"film")
    answer = files.get(NAME)
    assert (answer.status_code, answer.content) == (200, b"film")
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''Trailer%20%E2%80%93%2050%25.mp4"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert files.get().headers["content-disposition"] == 'attachment; filename="result.txt"'


@pytest.mark.parametrize(
    ("asked", "given", "part"),
    [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=5-999", "bytes 5-9/10", "56789"),
        ("bytes=-999", "bytes 0-9/10", TEXT),
    ],
)
def test_a_part_can_be_asked_for(files: Files, asked: str, given: str, part: str) -> None:
    answer = files.get(Range=asked)
    assert (answer.status_code, answer.text) == (206, part)
    assert answer.headers["content-range"] == given
    assert answer.headers["content-length"] == str(len(part))


def test_a_part_beyond_the_end_is_refused_with_the_size(files: Files) -> None:
    answer = files.get(Range="bytes=10-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")


def test_a_download_goes_on_only_with_the_file_that_it_began_with(files: Files) -> None:
    whole = files.get()
    for condition in (whole.headers["etag"], whole.headers["last-modified"]):
        assert files.get(Range="bytes=8-", **{"If-Range": condition}).text == "89"
    changed = files.get(Range="bytes=8-", **{"If-Range": '"another"'})
    assert (changed.status_code, changed.text) == (200, TEXT)


def test_an_empty_file_is_an_empty_answer(files: Files) -> None:
    files.add("empty.txt", b"")
    answer = files.get("empty.txt")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_a_file_that_is_not_there_is_answered_with_404(files: Files) -> None:
    answer = files.get("nothing.txt")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        f"there is no artifact 'nothing.txt' of job {files.job_id}",
    )


def test_a_file_that_a_former_version_stored_is_given_in_part_and_shown_as_ever(files: Files) -> None:
    files.add_as_of_old("old.png", PNG)
    part = files.get("old.png?view=true", Range="bytes=1-3")
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"PNG", "image/png")


@pytest.mark.parametrize("name", ["%2e%2e%2fresult.txt", "..%5cx", "%00", "x" * 300, "%ff", "1", "a%09b"])
def test_no_name_is_more_than_a_name(files: Files, name: str) -> None:
    assert files.get(name).status_code == 404


def test_an_image_of_a_post_is_shown_as_what_it_is(files: Files) -> None:
    image = {"data": base64.b64encode(PNG).decode(), "alt": "A chart"}
    payload = {"text": "Look", "channels": ["feed"], "images": [image]}
    files.runner.until(files.runner.submit("SOCIAL_POST", payload), "completed")
    answer = files.runner.http.get(f"/feed/files/{hashlib.sha256(PNG).hexdigest()}.png")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("card.png", PNG, "image/png"),
        ("photo.jpeg", b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        ("loop.webp", b"RIFF\0\0\0\0WEBPrest", "image/webp"),
        ("film.mp4", b"\0\0\0\x20ftypisomrest", "video/mp4"),
        ("voice.wav", b"RIFF\0\0\0\0WAVErest", "audio/wav"),
        ("report.pdf", b"%PDF-1.7 rest", "application/pdf"),
        ("captions.vtt", b"WEBVTT", "text/vtt; charset=utf-8"),
        ("notes.md", b"# Notes", "text/plain; charset=utf-8"),
    ],
)
def test_what_browsers_show_is_shown_if_asked_for_and_may_do_nothing(
    files: Files, name: str, content: bytes, media_type: str
) -> None:
    files.add(name, content)
    shown = files.get(f"{name}?view=true")
    assert (shown.status_code, shown.content, shown.headers["content-type"]) == (200, content, media_type)
    assert shown.headers["content-disposition"] == "inline"
    assert shown.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "script-src" not in shown.headers["content-security-policy"]
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert files.get(name).headers["content-disposition"].startswith("attachment")


def test_a_page_that_a_job_made_is_shown_in_a_sandbox(files: Files) -> None:
    files.add("page.html", b"<script>fetch('/api/v1/jobs')</script>")
    shown = files.get("page.html?view=true")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert not {"allow-scripts", "allow-same-origin"} & set(policy.replace(";", "").split())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("card.png", b"<html><script>alert(1)</script>"),
        ("film.mp4", b"MZ a program"),
        ("tool.exe", b"MZ a program"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("page.xhtml", b"<html/>"),
        ("empty.png", b""),
    ],
)
def test_what_is_not_what_its_name_says_or_may_do_harm_is_only_stored(files: Files, name: str, content: bytes) -> None:
    files.add(name, content)
    answer = files.get(f"{name}?view=true")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_part_of_what_is_shown_may_be_asked_for_as_players_do(files: Files) -> None:
    content = b"\0\0\0\x20ftypisom" + bytes(1000)
    files.add("part.mp4", content)
    part = files.get("part.mp4?view=true", Range="bytes=4-7")
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"ftyp", "video/mp4")


def test_a_film_is_never_in_memory_as_a_whole(files: Files, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as writer:
        writer.truncate(LARGE)
    files.add("film.mp4", film)
    process = psutil.Process(files.runner.pid)
    before, most, size = process.memory_info().rss, 0, 0
    with files.runner.http.stream("GET", f"/api/v1/jobs/{files.job_id}/artifacts/film.mp4") as answer:
        for chunk in answer.iter_bytes(1 << 20):
            size += len(chunk)
            most = max(most, process.memory_info().rss)
    assert size == LARGE
    assert most - before < LARGE / 3


def test_while_the_storage_is_away_the_answer_says_so_and_what_to_do(remote: Files, relay: Relay) -> None:
    relay.cut()
    answer = remote.get()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "The request failed. The storage s3://jobs/away/" in answer.json()["detail"]
    assert f"cannot be reached at {relay.url}" in answer.json()["detail"]
    post = {"text": "Look", "channels": ["feed"], "images": [{"data": base64.b64encode(PNG).decode(), "alt": "A"}]}
    refused = remote.runner.http.post("/api/v1/jobs", json={"type": "SOCIAL_POST", "payload": post})
    assert refused.status_code == 503, "a post whose image is not stored is not accepted"
    relay.mend()
    assert remote.get().text == TEXT
    assert "Traceback" not in remote.runner.output


def test_a_download_that_breaks_off_is_seen_to_be_incomplete(remote: Files, relay: Relay, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(20 * 1024 * 1024))
    remote.add("film.mp4", film)
    relay.cut_after(5 * 1024 * 1024)
    with pytest.raises(httpx.RemoteProtocolError):
        remote.get("film.mp4")
    relay.mend()
    assert remote.get().status_code == 200
    assert "a download broke off: The storage s3://jobs/away/" in remote.runner.output
    assert "Traceback" not in remote.runner.output
