"""Contents that nothing names any more are removed after a while, and no other: not those of an upload either."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine import pruner as pruner_module
from engine.artifacts import Artifacts
from engine.cluster import Cluster
from engine.events import Bus
from engine.files import keep
from engine.health import Health
from engine.jobs.attached import FileInput
from engine.ledger import Ledger
from engine.pruner import Pruner
from engine.settings import Settings
from engine.storage import Storage, content_key, named, open_storage
from models.approval import JobVersion, Review, ReviewKind, ReviewLink
from models.article import ArticleVersion
from models.artifact import Artifact
from models.channel import FeedEntry
from models.ending import Lease
from models.job import Job
from models.states import Status
from tests.support.engine import opened, running, stored_job, until

DAY = timedelta(days=1)
PNG = b"\x89PNG\r\n\x1a\n"


class Sweeper:
    """A pruner that works only when it is told to, and the storage that it sweeps."""

    def __init__(self, settings: Settings, ledger: Ledger, health: Health, cluster: Cluster) -> None:
        self.settings = settings
        self.ledger = ledger
        self.cluster = cluster
        self.storage: Storage = open_storage(settings)
        self.pruner = Pruner(settings, ledger, health, cluster)
        self.sweep = self.pruner.sweep

    async def made(self, job: Job, name: str, content: bytes) -> str:
        """Let the job's attempt have made this; returns where the content is."""
        artifacts = Artifacts(Lease(job.id, job.attempt, str(job.lease_token)), self.settings, self.ledger)
        artifacts.path(name).write_bytes(content)
        await artifacts.keep()
        return content_key(hashlib.sha256(content).hexdigest())


@asynccontextmanager
async def sweeping(settings: Settings) -> AsyncIterator[Sweeper]:
    """On a database that has been in use for long."""
    bus = Bus()
    health = Health(bus)
    ledger = Ledger(health)
    async with opened(settings):
        ledger.open()
        await stored_job(created_at=clock.now() - 10 * DAY)
        cluster = Cluster(settings, "an engine", bus)
        cluster.leading.set()
        yield Sweeper(settings, ledger, health, cluster)
        await ledger.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruner_module, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(named, "PAUSE_SECONDS", 0)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored in this test is two days old by the engine's clock."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + 2 * DAY)


async def working_job() -> Job:
    return await stored_job(status=Status.RUNNING, attempt=1, lease_token="token")


def make_old(storage: Storage, key: str, age: timedelta = 2 * DAY) -> None:
    moment = (clock.now() - age).timestamp()
    os.utime(storage.shown(key), (moment, moment))


# -- files that jobs made ------------------------------------------------------------------------------------


async def test_the_content_of_a_removed_job_goes_unless_another_job_has_it(
    stored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sweeping(stored.model_copy(update={"retention_days": 1})) as sweeper:
        old, present = await working_job(), await working_job()
        own = await sweeper.made(old, "own.txt", b"only the old one's")
        shared = await sweeper.made(old, "result.txt", b"Numbers")
        assert await sweeper.made(present, "same.txt", b"Numbers") == shared
        await Job.filter(id=old.id).update(status=Status.COMPLETED, finished_at=clock.now() - 2 * DAY)
        assert await sweeper.pruner.step() == 1
        assert await sweeper.sweep() == 0, "it is not old enough"
        now = clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + 2 * DAY)
        assert await sweeper.sweep() == 1
        assert await sweeper.storage.get(own) is None
        assert await sweeper.storage.get(shared) == b"Numbers"


async def test_what_is_said_of_a_removed_job_goes_with_it(settings: Settings) -> None:
    async with sweeping(settings.model_copy(update={"retention_days": 1})) as sweeper:
        job, other = await working_job(), await working_job()
        for each in (job, other):
            await sweeper.made(each, "result.txt", b"Numbers")
            told: dict[str, Any] = {"job_id": each.id, "created_by": "ada", "created_at": clock.now()}
            await JobVersion.create(number=1, payload={}, **told)
            await ReviewLink.create(
                digest=f"{each.id}", content_hash="", reviewer="bob", expires_at=clock.now(), **told
            )
            await Review.create(job_id=each.id, version=1, kind=ReviewKind.APPROVED, actor="ada", at=clock.now())
        await Job.filter(id=job.id).update(status=Status.COMPLETED, finished_at=clock.now() - 2 * DAY)
        await sweeper.pruner.step()
        for model in (Artifact, JobVersion, Review, ReviewLink):
            assert await model.all().values_list("job_id", flat=True) == [other.id]


@pytest.mark.usefixtures("later")
async def test_a_folder_of_many_contents_is_swept_page_by_page(
    stored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruner_module, "CONTENTS_STEP", 2)
    async with sweeping(stored) as sweeper:
        digests = [f"ab{number:062}" for number in range(7)]
        for digest in digests:
            await sweeper.storage.put(content_key(digest), b"x")
        kept = digests[3]
        await Artifact.create(job_id=1, attempt=1, name="x", digest=kept, size=1, created_at=clock.now())
        assert await sweeper.sweep() == 6
        assert await sweeper.storage.names("artifacts/sha256/ab") == [kept]


async def test_what_an_upload_made_sure_of_stays_though_no_row_names_it_yet(settings: Settings) -> None:
    async with sweeping(settings) as sweeper:
        key = content_key("ab" * 32)
        await sweeper.storage.put(key, b"Numbers")
        make_old(sweeper.storage, key)
        await sweeper.storage.ensure(key, b"Numbers")  # as of an upload in another process
        assert await sweeper.sweep() == 0
        make_old(sweeper.storage, key)
        assert await sweeper.sweep() == 1


async def test_an_upload_in_the_middle_of_a_sweep_loses_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sweeping(settings) as sweeper:
        job, key = await working_job(), content_key(hashlib.sha256(b"Numbers").hexdigest())
        await sweeper.storage.put(key, b"Numbers")
        make_old(sweeper.storage, key)

        async def none_named(digests: set[str]) -> set[str]:
            found = await named.made_by_jobs(digests)
            assert await sweeper.made(job, "result.txt", b"Numbers") == key
            return found

        monkeypatch.setattr(pruner_module, "made_by_jobs", none_named)
        assert await sweeper.sweep() == 0
        assert await sweeper.storage.get(key) == b"Numbers"


@pytest.mark.usefixtures("later")
async def test_what_is_older_than_the_database_is_another_ones(stored: Settings) -> None:
    """Started by mistake on an empty database, it must not take everything away."""
    async with sweeping(stored) as sweeper:
        await sweeper.storage.put(content_key("ab" * 32), b"of another database")
        await keep(sweeper.storage, PNG, "png")
        await Job.all().update(created_at=clock.now())
        assert await sweeper.sweep() == 0
        await Job.all().update(created_at=clock.now() - 10 * DAY)
        assert await sweeper.sweep() == 2


@pytest.mark.usefixtures("later")
async def test_a_process_that_leads_no_more_removes_nothing(settings: Settings) -> None:
    async with sweeping(settings) as sweeper:
        await keep(sweeper.storage, PNG, "png")
        sweeper.cluster.leading.clear()
        assert await sweeper.sweep() == 0
        sweeper.cluster.leading.set()
        assert await sweeper.sweep() == 1


@pytest.mark.usefixtures("later")
async def test_it_sweeps_by_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruner_module, "FIRST_SWEEP_SECONDS", 0)
    async with sweeping(settings) as sweeper:
        name = await keep(sweeper.storage, PNG, "png")
    async with running(settings) as atlas:

        async def gone() -> bool:
            return await open_storage(settings).get(f"files/{name}") is None

        await until(atlas, gone)


# -- attached files ------------------------------------------------------------------------------------------


def made_at() -> dict[str, Any]:
    moment: datetime = clock.now()
    return {"created_by": "ada", "created_at": moment}


@pytest.mark.usefixtures("later")
async def test_an_attached_file_stays_as_long_as_anything_names_it(
    stored: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named, "ROWS", 2)
    monkeypatch.setattr(pruner_module, "FILES_STEP", 3)
    async with sweeping(stored) as sweeper:
        names = [await keep(sweeper.storage, PNG + bytes([number]), "png") for number in range(8)]
        for _ in range(3):
            await stored_job(payload={"text": "no file", "hash": "ab" * 32})
        job = await stored_job(payload={"images": [{"alt": "A chart", "file": names[0]}, {"file": names[1]}]})
        await JobVersion.create(job_id=job.id, number=1, payload={"voice": {"file": names[2]}}, **made_at())
        images: list[dict[str, Any]] = [{"file": names[3], "media_type": "image/png", "alt": "A chart"}]
        for post, of_it in (("1", []), ("a", images), ("b", [])):
            await FeedEntry.create(id=post, channel="feed", text="Look", images=of_it, published_at=clock.now())
        article: dict[str, Any] = {"article_id": 1, "title": "How", "tags": [], "body": "How"}
        pictures = {"image:1": names[4]}
        await ArticleVersion.create(number=1, pictures=pictures, job_id=job.id, **article, **made_at())
        assert await sweeper.sweep() == 3
        assert set(await sweeper.storage.names("files")) == set(names[:5])


async def test_an_attached_file_that_is_named_once_more_stays(settings: Settings) -> None:
    async with sweeping(settings) as sweeper:
        name = await keep(sweeper.storage, PNG, "png")
        make_old(sweeper.storage, f"files/{name}")
        again = FileInput(file=name)
        assert await again.keep("file", settings, kinds=None, most=1000) == again
        assert await sweeper.sweep() == 0
        make_old(sweeper.storage, f"files/{name}")
        assert await keep(sweeper.storage, PNG, "png") == name
        assert await sweeper.sweep() == 0
        make_old(sweeper.storage, f"files/{name}")
        assert await sweeper.sweep() == 1
