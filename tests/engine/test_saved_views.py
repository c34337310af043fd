"""Ways to look at the jobs: everybody's own, and what is shared with everybody."""

import asyncio

import pytest

from engine import saved_views
from engine.actors import Actor, Kind
from engine.desk import Desk
from engine.engine import Atlas
from engine.errors import InvalidInput, NotAllowed, NotFound
from engine.settings import Settings
from models.rights import RIGHTS_OF_ROLE, Right, Role
from tests.support.engine import running

pytestmark = pytest.mark.usefixtures("database")

QUERY = "type=EMAIL_SEND&status=failed&sort=oldest"
ROUNDS = 10


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    """Nothing runs."""
    return Atlas(settings)


def desk(atlas: Atlas, name: str, role: Role = Role.OPERATOR) -> Desk:
    """The desk of somebody with this role."""
    return atlas.office.desk_of(Actor(name, Kind.PERSON, RIGHTS_OF_ROLE[role], role))


async def names(asked: Desk) -> list[tuple[str, str]]:
    """The views that somebody sees, with whose they are."""
    return [(view.name, view.owner) for view in await asked.saved_views()]


async def test_ones_own_come_first_and_of_others_only_what_they_share(settings: Settings) -> None:
    async with running(settings) as atlas:
        ada, bob = desk(atlas, "ada"), desk(atlas, "bob")
        await ada.save_view("Mine", QUERY)
        await ada.save_view("All of us", "", shared=True)
        await bob.save_view("Zebra", QUERY)
        await bob.save_view("Apple", QUERY, shared=True)
        assert await names(ada) == [("All of us", "ada"), ("Mine", "ada"), ("Apple", "bob")]
        assert await names(bob) == [("Apple", "bob"), ("Zebra", "bob"), ("All of us", "ada")]
        entries = await atlas.audit.entries(action="view.")
        assert [(entry.actor, entry.target) for entry in entries] == [("bob", "view Apple"), ("ada", "view All of us")]


async def test_the_same_name_again_replaces_ones_own_and_nobody_elses(atlas: Atlas) -> None:
    ada, bob = desk(atlas, "ada"), desk(atlas, "bob")
    first = await ada.save_view("Failed", QUERY)
    await bob.save_view("Failed", QUERY)
    again = await ada.save_view(" Failed ", "status=paused")
    assert (again.id, again.query, again.name) == (first.id, "status=paused", "Failed")
    assert await names(ada) == [("Failed", "ada")]
    assert [view.query for view in await bob.saved_views()] == [QUERY]


@pytest.mark.postgres
async def test_of_two_who_save_the_same_at_once_the_later_one_counts_and_both_get_their_answer(atlas: Atlas) -> None:
    ada = desk(atlas, "ada")
    for number in range(ROUNDS):
        queries = [f"q={number}", f"q={number}&status=failed", f"q={number}&status=paused"]
        saved = await asyncio.gather(*(ada.save_view(f"View {number}", query) for query in queries))
        assert [view.query for view in saved] == queries
        assert len({view.id for view in saved}) == 1
        assert {view.query for view in await ada.saved_views() if view.id == saved[0].id} < set(queries)


@pytest.mark.postgres
async def test_of_many_who_save_others_at_once_none_is_one_too_many(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 2)
    for number in range(ROUNDS):
        own = desk(atlas, f"ada {number}")
        await own.save_view("First", QUERY)
        saving = (own.save_view(f"More {n}", QUERY) for n in range(5))
        results = await asyncio.gather(*saving, return_exceptions=True)
        assert sum(isinstance(result, InvalidInput) for result in results) == 4
        assert len(await names(own)) == 2


@pytest.mark.either
async def test_a_program_of_a_persons_name_has_views_of_its_own(atlas: Atlas) -> None:
    program = atlas.office.desk_of(Actor("ada", Kind.TOKEN, frozenset(Right)))
    await desk(atlas, "ada").save_view("Mine", QUERY)
    await program.save_view("Its", QUERY)
    assert await names(program) == [("Its", "ada (token)")]


@pytest.mark.either
async def test_whoever_may_only_look_keeps_views_and_shares_none(atlas: Atlas) -> None:
    viewer = desk(atlas, "vic", Role.VIEWER)
    await viewer.save_view("Mine", QUERY)
    with pytest.raises(NotAllowed):
        await viewer.save_view("Ours", QUERY, shared=True)
    assert await names(viewer) == [("Mine", "vic")]


@pytest.mark.either
async def test_anothers_shared_view_is_removed_by_administrators_only_and_their_own_is_not_even_seen(
    settings: Settings,
) -> None:
    async with running(settings) as atlas:
        ada, bob, root = desk(atlas, "ada"), desk(atlas, "bob"), desk(atlas, "root", Role.ADMIN)
        shared, own = await ada.save_view("Ours", QUERY, shared=True), await ada.save_view("Mine", QUERY)
        with pytest.raises(NotAllowed, match="bob"):
            await bob.remove_view(shared.id)
        for other in (bob, root):
            with pytest.raises(NotFound, match=f"there is no view {own.id}"):
                await other.remove_view(own.id)
        await root.remove_view(shared.id)
        await ada.remove_view(own.id)
        assert await names(ada) == []
        (entry, *_) = await atlas.audit.entries(action="view.remove")
        assert (entry.actor, entry.target, entry.before["owner"]) == ("root", "view Ours", "ada")


@pytest.mark.either
@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?status=failed&status=queued&page=3&completed=2", "status=failed&status=queued"),
        ("q=caf%C3%A9+%26+more&new=EMAIL_SEND&from=7", "q=caf%C3%A9+%26+more"),
        (
            "view=history&sort=ended&by=ada&agent=mailer&since=day",
            "view=history&sort=ended&by=ada&agent=mailer&since=day",
        ),
        (
            "needs=approval&cause=refused&until=2026-11-01&ended=week",
            "needs=approval&cause=refused&until=2026-11-01&ended=week",
        ),
        ("", ""),
    ],
)
async def test_a_query_is_kept_without_the_place_in_the_list(atlas: Atlas, query: str, kept: str) -> None:
    assert (await desk(atlas, "ada").save_view("View", query)).query == kept


@pytest.mark.either
@pytest.mark.parametrize(
    ("name", "query", "field", "told"),
    [
        (" ", QUERY, "name", "name must have 1 to 64 characters, not 0"),
        ("x" * 65, QUERY, "name", "name must have 1 to 64 characters, not 65"),
        ("a\x00b", QUERY, "name", "name must have printable characters only"),
        ("View", "next=https://evil.example", "query", "query must be made of type, q, .*, not 'next'"),
        ("View", "q=" + "x" * 2000, "query", "query must have at most 2,000 characters, not 2,002"),
        ("View", "q=" + "ä" * 1500, "query", "query must have at most 2,000 characters"),
        ("View", "status=done", "query", "status must be one of queued"),
        ("View", "since=yesterday", "query", "since must be hour"),
        ("View", "sort=random", "query", "sort must be one of newest, oldest, priority, ended, not 'random'"),
        ("View", "view=secret", "query", "view must be one of history, not 'secret'"),
    ],
)
async def test_what_cannot_be_kept_is_refused_in_words(
    atlas: Atlas, name: str, query: str, field: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told) as refused:
        await desk(atlas, "ada").save_view(name, query)
    assert [error.field for error in refused.value.errors] == [field]


async def test_there_are_so_many_a_person_and_no_more_also_at_once(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 3)
    ada = desk(atlas, "ada")
    for number in range(2):
        await ada.save_view(f"View {number}", QUERY)
    results = await asyncio.gather(*(ada.save_view(f"More {n}", QUERY) for n in range(2)), return_exceptions=True)
    assert sum(isinstance(result, InvalidInput) for result in results) == 1
    assert len(await names(ada)) == 3
    await ada.save_view("View 0", "status=paused")
    await desk(atlas, "bob").save_view("Mine", QUERY)
