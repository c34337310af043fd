"""A real Atlas on a real SQLite file, in the test's own process, and job types whose work a test writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock, ledger
from engine.engine import Atlas
from engine.events import Event
from engine.jobs import AnyJobType, Registry, load_registry
from engine.jobs.base import Context, EffectKind, JobType, Payload
from engine.settings import Settings, load_settings
from engine.views import JobView
from models.attempt import Attempt
from models.database import close_database, open_database, transaction
from models.job import Job
from models.states import Status

SECONDS = 30.0  # after which a test that waits has failed
ASK_AGAIN_SECONDS = 0.1

Speak = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Script = Callable[[Context], Awaitable[dict[str, Any]]]


class Anything(Payload):
    """A payload for job types whose script ignores it."""

    note: str = ""
    where: tuple[str, ...] = ()


class Scripted(JobType[Anything]):
    """A job type that does what the test wrote."""

    key = "SCRIPTED"
    label = "Scripted"
    description = "Does what the test says"
    payload = Anything
    script: Script

    def targets(self, payload: Anything) -> tuple[str, ...]:
        """Where this job's effects go, for types that are irreversible."""
        return payload.where

    async def run(self, payload: Anything, context: Context) -> dict[str, Any]:
        """Run the script."""
        return await self.script(context)


def scripted(script: Script, *, key: str = "SCRIPTED", **attributes: Any) -> AnyJobType:
    """A job type around a coroutine function; attributes such as `retry` replace the class's."""
    usual = {"key": key, "effect": EffectKind.IRREVERSIBLE}
    made: AnyJobType = type("Scripted", (Scripted,), {"script": staticmethod(script), **usual, **attributes})()
    return made


def held(begun: asyncio.Event, go_on: asyncio.Event) -> Speak:
    """Speak to a world that takes until the test lets it."""

    async def speak(identity: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        return {"said": identity}

    return speak


def settings_in(folder: Path, **more: Any) -> Settings:
    """Settings for a test: quick looks, one data folder, nothing from the environment but what is named."""
    return load_settings(**{"data_dir": folder, "poll_seconds": 0.05, "drain_seconds": 0.2, "undo_seconds": 0, **more})


def changed(settings: Settings, **more: Any) -> Settings:
    """The same settings, and so the same database, but for these."""
    return settings_in(settings.data_dir, **{"database_url": settings.database_url, **more})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """The database of these settings, open."""
    await open_database(settings.database)
    try:
        yield
    finally:
        await close_database()


@asynccontextmanager
async def running(settings: Settings, *types: AnyJobType) -> AsyncIterator[Atlas]:
    """Atlas at work, with the built-in job types or these."""
    atlas = Atlas(settings, Registry(types) if types else load_registry())
    async with opened(settings):
        await atlas.start()
        try:
            yield atlas
        finally:
            await atlas.stop()


async def until(atlas: Atlas, holds: Callable[[], Awaitable[Any]], what: str = "") -> None:
    """Wait until the condition holds; it is asked after every event, and now and then for what no event tells."""
    happened = asyncio.Event()
    end = atlas.bus.subscribe(lambda _: happened.set())
    try:
        async with asyncio.timeout(SECONDS):
            while not await holds():
                with suppress(TimeoutError):
                    async with asyncio.timeout(ASK_AGAIN_SECONDS):
                        await happened.wait()
                happened.clear()
    except TimeoutError:
        if not await holds():  # the machine may have stood still meanwhile
            raise AssertionError(f"not within {SECONDS:g} s: {what or holds}") from None
    finally:
        end()


async def until_set(event: asyncio.Event) -> None:
    """Wait until the job's script has come to where it sets the event."""
    async with asyncio.timeout(SECONDS):
        await event.wait()


async def until_status(atlas: Atlas, job_id: int, status: Status) -> JobView:
    """The job, once it has this status and its attempts, but for a running one, are recorded."""

    async def holds() -> bool:
        recorded = status is Status.RUNNING or not await Attempt.exists(job_id=job_id, outcome=None)
        return recorded and (await atlas.queries.job(job_id)).status is status

    try:
        await until(atlas, holds)
    except AssertionError:
        raise AssertionError(f"{status} expected within {SECONDS:g} s, got {await atlas.queries.job(job_id)}") from None
    return await atlas.queries.job(job_id)


async def submitted(
    atlas: Atlas, type_key: str = "SCRIPTED", payload: dict[str, Any] | None = None, **more: Any
) -> int:
    """A new job's id."""
    return (await atlas.commands.submit(type_key, payload or {}, **more)).id


async def stored_job(**columns: Any) -> Job:
    """A job's row as submit would write it, but for these columns."""
    now = clock.now()
    usual = {"type": "SCRIPTED", "category": "task", "name": "A job", "payload": {}, "created_by": "test"}
    return await Job.create(**{**usual, "created_at": now, "max_attempts": 5, **columns})


class Recorder:
    """Every event that the bus told from now on."""

    def __init__(self, atlas: Atlas) -> None:
        self.events: list[Event] = []
        atlas.bus.subscribe(self.events.append)


def counted_commits(monkeypatch: pytest.MonkeyPatch) -> list[BaseDBAsyncClient]:
    """Fills with every commit of the ledger from now on."""
    commits: list[BaseDBAsyncClient] = []

    @asynccontextmanager
    async def counted() -> AsyncIterator[BaseDBAsyncClient]:
        async with transaction() as writer:
            yield writer
        commits.append(writer)

    monkeypatch.setattr(ledger, "transaction", counted)
    return commits
