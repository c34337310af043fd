"""The files that outside agents upload: within the limits, under their leases, and stored by content."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine import reports as reports_module
from engine.actors import Actor, Kind
from engine.defined_types import Definition
from engine.engine import Atlas
from engine.errors import InvalidInput, LeaseGone
from engine.reports import Report
from engine.settings import Settings
from engine.storage import CONTENTS, open_storage
from models.artifact import Artifact
from models.job import Job
from models.rights import Right
from models.states import Status
from tests.support.engine import changed, running

KEY = "TRANSLATE"


class InHand:
    """An agent that has a job in hand."""

    def __init__(self, atlas: Atlas, actor: Actor, agent: int, job_id: int, token: str) -> None:
        self.atlas = atlas
        self.job_id = job_id
        self._agent = (actor, agent)
        self._token = token

    async def upload(self, name: str, body: bytes) -> None:
        """Store a file of the job."""
        await self.atlas.reports.keep_artifact(*self._agent, self.job_id, self._token, name, body)

    async def report(self, **told: Any) -> None:
        """Tell of the job."""
        await self.atlas.reports.hear(*self._agent, [Report(self.job_id, self._token, **told)])

    async def files(self) -> dict[str, bytes]:
        """The job's files, once it is over."""
        downloads = self.atlas.downloads
        found = {}
        for name in await downloads.artifact_names(await self.atlas.queries.job(self.job_id)):
            file = await downloads.artifact(self.job_id, name)
            found[name] = b"".join([chunk async for chunk in downloads.read(file, 0, file.size)])
        return found


@asynccontextmanager
async def in_hand(settings: Settings) -> AsyncIterator[InHand]:
    async with running(settings) as atlas:
        await atlas.defined_types.define(Definition(KEY, "Translate", {"type": "object"}), "ada")
        view, _ = await atlas.tokens.create("bot", ["agent"], days=1, created_by="ada")
        actor = Actor("bot", Kind.TOKEN, frozenset(Right), key=view.id)
        agent = (await atlas.agents.register(actor, "polyglot", [KEY], 5)).id
        job_id = (await atlas.commands.submit(KEY, {})).id
        (job,) = await atlas.agents.claim(actor, agent, limit=1, wait_seconds=0)
        yield InHand(atlas, actor, agent, job_id, job.lease_token)


async def test_what_is_uploaded_is_the_jobs_and_the_last_of_a_name_counts(stored: Settings) -> None:
    async with in_hand(stored) as job:
        await job.upload("text.txt", b"Guten Tag")
        await job.upload("text.txt", b"Guten Morgen")
        await job.upload("same.txt", b"Guten Morgen")
        await job.report(status="completed")
        assert await job.files() == {"same.txt": b"Guten Morgen", "text.txt": b"Guten Morgen"}
        assert await Artifact.all().count() == 2


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (1_048_577, "The file b.txt has 1.1 MB, and a file may have at most 1 MB (JOB_RUNNER_MAX_ARTIFACT_MB)"),
        (
            1_048_576,
            "The file b.txt has 1 MB, which makes 2 MB of all files together, and an attempt's may have at most "
            "1.5 MB (JOB_RUNNER_MAX_JOB_ARTIFACTS_MB)",
        ),
    ],
)
async def test_what_is_too_large_is_refused_and_not_stored(settings: Settings, size: int, told: str) -> None:
    limited = changed(settings, max_artifact_mb=1, max_job_artifacts_mb=1.5)
    async with in_hand(limited) as job:
        await job.upload("a.txt", b"a" * 1_048_576)
        with pytest.raises(InvalidInput) as refused:
            await job.upload("b.txt", b"b" * size)
        assert [(fault.field, fault.message) for fault in refused.value.errors] == [("body", told)]
        assert len(await open_storage(limited).folders(CONTENTS)) == 1
        await job.upload("a.txt", b"b" * 1_048_576)  # instead of the one that was there
        await job.report(status="completed")
        assert await job.files() == {"a.txt": b"b" * 1_048_576}


async def test_there_may_be_so_many_files_and_no_more(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_module, "MAX_ARTIFACTS", 2)
    async with in_hand(settings) as job:
        for name in ("a", "b", "b"):
            await job.upload(name, b"text")
        with pytest.raises(InvalidInput, match="an attempt may keep at most 2 files"):
            await job.upload("c", b"text")


async def test_a_lease_that_is_lost_while_a_file_is_stored_gives_the_job_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_hand(settings) as job:
        storage = open_storage(settings)
        ensure = storage.ensure

        async def slow(key: str, content: bytes) -> None:
            await ensure(key, content)
            await Job.filter(id=job.job_id).update(status=Status.CANCELLED)

        monkeypatch.setattr(storage, "ensure", slow)
        with pytest.raises(LeaseGone, match=f"this lease no longer holds job {job.job_id}: it is cancelled"):
            await job.upload("text.txt", b"too late")
        assert await job.files() == {}
