"""Workflows are kept by name and version, and those that come along are there without being asked for."""

from collections.abc import AsyncIterator, Callable

import pytest
from tortoise.exceptions import IntegrityError

from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound, Superseded
from engine.events import TypesChanged
from engine.settings import Settings
from engine.workflows import catalog
from engine.workflows.definition import Definition
from models.workflow import Workflow
from tests.support.engine import running

ASK = "name: ask\ntitle: Ask\nsteps:\n  ask: {type: APPROVAL, payload: {question: May I ask}}\n"


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    async with running(settings) as atlas:
        yield atlas


async def test_what_is_saved_again_is_the_next_version_unless_nothing_changed(atlas: Atlas) -> None:
    assert (await atlas.workflows.save(ASK, "ada")).version == 1
    assert (await atlas.workflows.save(ASK, "bob")).version == 1
    later = await atlas.workflows.save(ASK.replace("May I ask", "May we ask"), "bob")
    assert (later.version, later.created_by, later.steps) == (2, "bob", 1)
    assert [view.version for view in await atlas.workflows.versions("ask")] == [2, 1]
    assert (await atlas.workflows.workflow("ask")).version == 2


async def test_a_workflow_keeps_its_name(atlas: Atlas) -> None:
    with pytest.raises(InvalidInput, match="name must stay other"):
        await atlas.workflows.save(ASK, "ada", name="other")


async def test_one_that_was_removed_is_gone_until_it_is_saved_again(atlas: Atlas) -> None:
    await atlas.workflows.save(ASK, "ada")
    await atlas.workflows.remove("ask")
    with pytest.raises(NotFound, match="there is no workflow ask"):
        await atlas.workflows.workflow("ask")
    with pytest.raises(NotFound):
        await atlas.workflows.remove("ask")
    assert (await atlas.workflows.save(ASK, "ada")).version == 2


async def test_three_workflows_come_along_and_none_comes_back_that_somebody_removed(atlas: Atlas) -> None:
    shipped = {"article-to-post", "script-to-video", "weekly-report"}
    assert {view.name: view.fault for view in await atlas.workflows.all()} == dict.fromkeys(shipped)
    await atlas.workflows.remove("weekly-report")
    await atlas.workflows.install()
    assert {view.name for view in await atlas.workflows.all()} == shipped - {"weekly-report"}


async def test_a_newer_text_of_one_that_came_along_is_its_next_version_unless_somebody_changed_it(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [(catalog.SHIPPED_BY, ASK)]
    monkeypatch.setattr(catalog, "_shipped", lambda: texts)
    await atlas.workflows.install()
    texts[:] = [(catalog.SHIPPED_BY, ASK.replace("May I ask", "May we ask"))]
    await atlas.workflows.install()
    await atlas.workflows.install()
    assert (await atlas.workflows.workflow("ask")).version == 2
    await atlas.workflows.save(ASK.replace("May I ask", "Mine"), "ada")
    texts[:] = [(catalog.SHIPPED_BY, ASK)]
    await atlas.workflows.install()
    assert "Mine" in (await atlas.workflows.workflow("ask")).source


async def test_a_workflow_whose_type_is_gone_says_so(atlas: Atlas) -> None:
    saved = await atlas.workflows.save(ASK, "ada")
    await Workflow.filter(name="ask").update(source=ASK.replace("APPROVAL", "GONE"))
    atlas.workflows = catalog.Workflows(atlas.registry, atlas.bus)
    assert "type must be one of" in str((await atlas.workflows.workflow(saved.name)).fault)


async def test_workflows_come_with_installed_packages_and_one_that_cannot_be_loaded_hides_no_other(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        """What a package tells."""

        dist = None

        def __init__(self, name: str, *texts: str) -> None:
            self.name, self._texts = name, texts

        def load(self) -> Callable[[], tuple[str, ...]]:
            """The function that it names."""
            if not self._texts:
                raise ImportError("broken")
            return lambda: self._texts

    entries = [Entry("broken"), Entry("wrong", "name: ["), Entry("good", ASK)]
    monkeypatch.setattr(catalog, "entry_points", lambda group: entries if group == catalog.ENTRY_POINT else [])
    await atlas.workflows.install()
    assert (await atlas.workflows.workflow("ask")).created_by == "good"


@pytest.mark.either
async def test_one_that_another_engine_keeps_at_the_same_moment_hides_no_other(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [(catalog.SHIPPED_BY, ASK), (catalog.SHIPPED_BY, ASK.replace("name: ask", "name: ask-too"))]
    monkeypatch.setattr(catalog, "_shipped", lambda: texts)
    first = atlas.workflows._put

    async def put(definition: Definition, created_by: str) -> Workflow:
        if definition.name == "ask":
            await first(definition, "the other engine")
            raise IntegrityError("uid_workflow_name")
        return await first(definition, created_by)

    monkeypatch.setattr(atlas.workflows, "_put", put)
    await atlas.workflows.install()
    assert (await atlas.workflows.workflow("ask")).created_by == "the other engine"
    assert (await atlas.workflows.workflow("ask-too")).created_by == catalog.SHIPPED_BY


@pytest.mark.either
async def test_what_was_read_is_not_read_again_though_it_is_faulty_and_former_versions_are_not_read(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    await atlas.workflows.save(ASK, "ada")
    await atlas.workflows.save(ASK.replace("May I ask", "May we ask"), "ada")
    await Workflow.filter(name="weekly-report").update(source=ASK.replace("APPROVAL", "GONE"))
    atlas.workflows = catalog.Workflows(atlas.registry, atlas.bus)
    monkeypatch.setattr(catalog, "MOST", len(first := await atlas.workflows.all()))
    assert [view.name for view in first if view.fault] == ["weekly-report"]
    read: list[str] = []
    check = atlas.workflows.check

    async def noted(source: str) -> Definition:
        read.append(source)
        return await check(source)

    monkeypatch.setattr(atlas.workflows, "check", noted)
    assert await atlas.workflows.all() == first
    assert [(view.version, view.current) for view in await atlas.workflows.versions("ask")] == [(2, True), (1, False)]
    assert read == []
    atlas.bus.publish(TypesChanged())
    assert await atlas.workflows.all() == first
    assert len(read) == len(first)


@pytest.mark.either
async def test_one_that_was_removed_counts_again_when_it_is_saved_again(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MOST", 4)
    await atlas.workflows.save(ASK, "ada")
    await atlas.workflows.remove("ask")
    await atlas.workflows.save(ASK.replace("name: ask", "name: ask-too"), "ada")
    with pytest.raises(InvalidInput, match="there may be 4 workflows at most"):
        await atlas.workflows.save(ASK, "ada")


@pytest.mark.either
async def test_a_version_that_was_made_from_a_former_one_is_refused(atlas: Atlas) -> None:
    await atlas.workflows.save(ASK, "ada")
    await atlas.workflows.save(ASK.replace("May I", "May we"), "bob", version=1)
    with pytest.raises(Superseded, match="version 2 was saved by bob meanwhile"):
        await atlas.workflows.save(ASK.replace("May I", "Must I"), "ada", version=1)
    assert "May we" in (await atlas.workflows.workflow("ask")).source
    await atlas.workflows.remove("ask")
    with pytest.raises(Superseded, match="workflow ask was removed meanwhile"):
        await atlas.workflows.save(ASK.replace("May I", "Must I"), "ada", version=2)
