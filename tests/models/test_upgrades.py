"""A database that any released version wrote in is brought to this one with every row, and goes on from there.

Each version's rows are carried on through every later one, as somebody has it who upgrades each time.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.migrations.api.migrate import migrate

from engine.engine import Atlas
from engine.finding import Criteria
from engine.jobs import Registry
from engine.jobs.base import Context
from engine.settings import Settings
from models.database import configuration
from models.states import Status
from tests.conftest import new_database
from tests.support.engine import opened, running, scripted, settings_in, submitted, until_status
from tests.support.other_program import connected
from tests.support.released import (
    STATES,
    Rows,
    fill,
    kept,
    name_of,
    released,
    rows_of_every_table,
    stored,
    word_of,
)


@pytest.fixture
def settings(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A database without a table."""
    (tmp_path / "data").mkdir()
    with new_database(kind, request) as url:
        yield settings_in(tmp_path / "data", lease_seconds=2, **({"database_url": url} if url else {}))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What is written into each table; made once, as all migrations take seconds."""
    return asyncio.run(rows_of_every_table(tmp_path_factory.mktemp("source") / "source.db"))


async def nothing(context: Context) -> dict[str, str]:
    return {}


async def test_what_each_released_version_wrote_is_kept_found_counted_and_gone_on_with(
    settings: Settings, rows: Rows
) -> None:
    url = settings.database
    before: Rows = {}
    for version in released(url):
        await bring_to(url, version)
        assert_kept(before, stored(url), version)
        fill(url, version, rows, before)
        before = stored(url)
    assert [table for table in rows if rows[table] and not before[table]] == []
    async with opened(settings):
        assert_kept(before, stored(url), version)
        await assert_found_and_counted(Atlas(settings, Registry([scripted(nothing)])), released(url))
    speak_to_nobody(url)
    await assert_gone_on_with(settings, released(url))


async def bring_to(url: str, version: str) -> None:
    """What the version did when it was started."""
    await migrate(config=configuration(url), target=f"models.{version}")
    await Tortoise.close_connections()


def assert_kept(before: Rows, after: Rows, version: str) -> None:
    """No row is lost, changed or made up."""
    for table, rows in before.items():
        assert table in after, f"{version} has lost {table}"
        columns = rows[0].keys() if rows else ()
        had = sorted(repr(kept(row, version)) for row in rows)
        has = sorted(repr({name: row.get(name, "no column") for name in columns}) for row in after[table])
        assert has == had, f"{version} has changed {table}"


async def assert_found_and_counted(atlas: Atlas, versions: list[str]) -> None:
    for version in versions:
        assert len(await atlas.queries.finder.ids(Criteria(q=word_of(version)), limit=100)) == len(STATES)
    counted = await atlas.queries.counts_by_status()
    for status, jobs in ((Status.PAUSED, 1), (Status.FAILED, 1), (Status.CANCELLED, 1), (Status.QUEUED, 3)):
        assert counted[status] == jobs * len(versions) + (status is Status.QUEUED)


def speak_to_nobody(url: str) -> None:
    """What is kept would be told to a webhook's server."""
    with connected(url) as other:
        other.execute("DELETE FROM delivery")
        other.execute("DELETE FROM webhook")


async def assert_gone_on_with(settings: Settings, versions: list[str]) -> None:
    """What waits is run, what was running when the engine went is run again, and new jobs come along."""
    with connected(settings.database) as other:
        ids = dict(other.execute("SELECT name, id FROM job").fetchall())
    async with running(settings, scripted(nothing)) as atlas:
        for version in versions:
            await until_status(atlas, ids[name_of("due", version)], Status.COMPLETED)
            await until_status(atlas, ids[name_of("running", version)], Status.COMPLETED)
            assert (await atlas.queries.job(ids[name_of("later", version)])).status is Status.QUEUED
            assert (await atlas.queries.job(ids[name_of("undecided", version)])).status is Status.QUEUED
        await until_status(atlas, await submitted(atlas), Status.COMPLETED)
