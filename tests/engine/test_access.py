"""People and sessions: who is recognised, for how long, and what is kept of a secret."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest
from argon2 import extract_parameters
from argon2.profiles import get_default_parameters

from engine import access as access_module
from engine import clock
from engine.access import IDLE, LONGEST, Access
from engine.actors import Actor
from engine.errors import InvalidInput, NotFound
from engine.events import AccessChanged, Bus, Event
from models.person import Person, Session
from models.rights import Right, Role
from tests.support.fork_server import ROOT

pytestmark = pytest.mark.usefixtures("database")

PASSWORD = "correct horse"
BROWSER = {"address": "192.0.2.7", "browser": "Firefox"}


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def heard(bus: Bus) -> list[Event]:
    heard: list[Event] = []
    bus.subscribe(heard.append)
    return heard


@pytest.fixture
def access(bus: Bus) -> Access:
    return Access(bus)


async def signed_in(access: Access, person_id: int) -> str:
    return await access.begin_session(person_id, **BROWSER)


async def known(access: Access, secret: str) -> Actor:
    actor = await access.of_session(secret)
    assert actor
    return actor


# -- passwords -----------------------------------------------------------------------------------------------


async def test_the_administrator_signs_in_with_the_password_only(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    assert await access.by_password("admin", PASSWORD)
    for name, password in [("admin", "wrong"), ("admin", ""), ("Admin", PASSWORD), ("bob", PASSWORD)]:
        assert await access.by_password(name, password) is None


@pytest.mark.either
async def test_a_password_is_kept_as_an_argon2id_hash_only(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    assert (await Person.get(name="admin")).password_hash.startswith("$argon2id$")


async def test_a_new_password_replaces_the_former_and_ends_its_sessions(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    secret = await signed_in(access, (await Person.get(name="admin")).id)
    await access.create_administrator(PASSWORD)
    assert await access.of_session(secret), "the same password changes nothing"
    await access.create_administrator("battery staple")
    assert await access.by_password("admin", PASSWORD) is None
    assert await access.of_session(secret) is None
    assert await Person.all().count() == 1


@pytest.mark.either
@pytest.mark.parametrize("length", [0, 7, 1001])
async def test_a_password_of_the_wrong_length_is_refused(access: Access, length: int) -> None:
    with pytest.raises(InvalidInput, match=f"password must have 8 to 1000 characters, not {length}"):
        await access.create_administrator("x" * length)


@pytest.mark.either
async def test_the_beginning_of_a_password_is_not_the_password(access: Access) -> None:
    await access.create_administrator("x" * 1000)
    assert await access.by_password("admin", "x" * 1000)
    assert await access.by_password("admin", "x" * 1001) is None
    assert await access.by_password("admin", "x" * 999) is None


@pytest.mark.either
async def test_a_name_that_does_not_exist_costs_a_guess_as_much(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is counted in what takes it: one comparison by argon2 each."""
    await access.create_administrator(PASSWORD)
    compared: list[str] = []
    hasher = access_module._hasher

    class Counting:
        def verify(self, expected: str, password: str) -> bool:
            compared.append(password)
            return bool(hasher.verify(expected, password))

    monkeypatch.setattr(access_module, "_hasher", Counting())
    for name in ("admin", "nobody"):
        assert await access.by_password(name, "wrong") is None
    assert len(compared) == 2


@pytest.mark.either
def test_where_no_test_runs_a_password_is_hashed_as_argon2_advises() -> None:
    asked = "from engine.access import _hasher; print(_hasher.hash('correct horse'))"
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert extract_parameters(told.stdout.strip()) == get_default_parameters()


@pytest.mark.either
async def test_whoever_signs_in_elsewhere_has_no_password_here(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    await access.by_subject("https://id.example 7", "ada", Role.VIEWER)
    assert await access.by_password("ada", "") is None


# -- sessions ------------------------------------------------------------------------------------------------


async def test_a_session_tells_who_it_is_with_the_rights_of_now(access: Access) -> None:
    ada = await access.add_person("ada", "viewer", PASSWORD)
    secret = await signed_in(access, ada)
    actor = await known(access, secret)
    assert (actor.name, actor.role, actor.rights) == ("ada", "viewer", frozenset({Right.LOOK}))
    await access.add_person("bob", "admin", PASSWORD)
    await access.change_person(ada, role="approver")
    assert Right.APPROVE in (await known(access, secret)).rights


async def test_what_the_database_knows_of_a_session_opens_nothing(access: Access) -> None:
    secret = await signed_in(access, await access.add_person("ada", "admin", PASSWORD))
    (session,) = await Session.all()
    assert secret not in str(vars(session))
    assert await access.of_session(session.id) is None


async def test_signing_in_again_gives_another_secret_and_ends_the_one_before(access: Access) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    first = await signed_in(access, ada)
    second = await access.begin_session(ada, **BROWSER, former=first)
    assert second != first
    assert await access.of_session(first) is None
    assert await access.of_session(second)


@pytest.mark.parametrize(
    ("idle", "age", "holds"),
    [
        (timedelta(), timedelta(), True),
        (IDLE - timedelta(minutes=1), IDLE, True),
        (IDLE + timedelta(minutes=1), IDLE + timedelta(minutes=1), False),
        (timedelta(), LONGEST - timedelta(minutes=1), True),
        (timedelta(), LONGEST + timedelta(minutes=1), False),
    ],
)
async def test_a_session_ends_when_it_is_not_used_and_in_any_case_some_day(
    access: Access, idle: timedelta, age: timedelta, holds: bool
) -> None:
    secret = await signed_in(access, await access.add_person("ada", "admin", PASSWORD))
    await Session.all().update(seen_at=clock.now() - idle, created_at=clock.now() - age)
    assert bool(await access.of_session(secret)) is holds


async def test_a_use_is_noted_so_that_what_is_used_does_not_end(access: Access) -> None:
    secret = await signed_in(access, await access.add_person("ada", "admin", PASSWORD))
    await Session.all().update(seen_at=clock.now() - timedelta(hours=1))
    await known(access, secret)
    assert clock.now() - (await Session.get()).seen_at < timedelta(minutes=1)


async def test_signing_out_everywhere_ends_every_session_but_this(access: Access, heard: list[Event]) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    here, there = await signed_in(access, ada), await signed_in(access, ada)
    await access.end_sessions(ada, but=(await known(access, here)).session)
    assert await access.of_session(here)
    assert await access.of_session(there) is None
    assert AccessChanged() in heard


async def test_whoever_is_removed_is_signed_out(access: Access, heard: list[Event]) -> None:
    await access.add_person("bob", "admin", PASSWORD)
    ada = await access.add_person("ada", "admin", PASSWORD)
    secret = await signed_in(access, ada)
    await access.remove_person(ada)
    assert await access.of_session(secret) is None
    assert AccessChanged() in heard
    with pytest.raises(NotFound):
        await access.remove_person(ada)


# -- people --------------------------------------------------------------------------------------------------


async def test_the_last_administrator_stays_one(access: Access) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    with pytest.raises(InvalidInput, match="ada is the only one who may administer"):
        await access.change_person(ada, role="viewer")
    with pytest.raises(InvalidInput, match="make somebody else an admin first"):
        await access.remove_person(ada)
    await access.add_person("bob", "admin", PASSWORD)
    await access.change_person(ada, role="viewer")


@pytest.mark.either
@pytest.mark.parametrize(
    ("name", "role", "password", "told"),
    [
        ("", "viewer", PASSWORD, "name must have 1 to 64 letters"),
        ("ada", "boss", PASSWORD, "role must be viewer, operator, approver or admin, not 'boss'"),
        ("ada", "viewer", "short", "password must have 8 to 1000 characters, not 5"),
    ],
)
async def test_a_person_that_cannot_be_is_refused_field_by_field(
    access: Access, name: str, role: str, password: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        await access.add_person(name, role, password)
    assert not await access.has_people()


async def test_a_name_is_given_once(access: Access) -> None:
    await access.add_person("ada", "viewer", PASSWORD)
    with pytest.raises(InvalidInput, match="there is a person 'ada' already"):
        await access.add_person("ada", "admin", PASSWORD)


async def test_nobody_comes_in_from_elsewhere_as_the_administrator_or_before_one_is_there(access: Access) -> None:
    with pytest.raises(InvalidInput, match="an administrator has to be set up first"):
        await access.by_subject("https://id.example 7", "ada", Role.VIEWER)
    await access.add_person("boss", "admin", PASSWORD)
    for name in ("admin", "Admin", " admin ", "admin."):
        with pytest.raises(InvalidInput, match="nobody comes in from elsewhere as admin"):
            await access.by_subject("https://id.example 7", name, Role.VIEWER)


async def test_whoever_is_removed_does_not_come_back_from_elsewhere_by_themselves(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    bob = await access.by_subject("https://id.example 7", "bob", Role.OPERATOR)
    await access.remove_person(bob.id)
    with pytest.raises(InvalidInput, match="you were removed here"):
        await access.by_subject("https://id.example 7", "bob", Role.OPERATOR)


async def test_two_administrators_who_remove_each_other_do_not_both_succeed(access: Access) -> None:
    ids = [await access.add_person(name, "admin", PASSWORD) for name in ("ada", "bob")]
    results = await asyncio.gather(*(access.remove_person(id) for id in ids), return_exceptions=True)
    assert [type(result) for result in results].count(InvalidInput) == 1
    assert await Person.filter(role=Role.ADMIN).count() == 1


async def test_a_look_that_is_no_use_keeps_a_session_no_longer(access: Access) -> None:
    secret = await signed_in(access, await access.add_person("ada", "admin", PASSWORD))
    before = clock.now() - timedelta(hours=1)
    await Session.all().update(seen_at=before)
    (session,) = await Session.all()
    assert await access.of_session_id(session.id, is_use=False)
    assert (await Session.get()).seen_at == session.seen_at
    assert await access.of_session(secret)
    assert (await Session.get()).seen_at > session.seen_at


async def test_a_name_that_no_database_can_store_is_nobodys(access: Access) -> None:
    assert await access.by_password("ada\0", PASSWORD) is None


async def test_an_identity_is_one_person_whatever_it_calls_itself_later(access: Access) -> None:
    await access.create_administrator(PASSWORD)
    first = await access.by_subject("https://id.example 7", "ada", Role.OPERATOR)
    again = await access.by_subject("https://id.example 7", "countess", Role.ADMIN)
    assert (again.id, again.name, again.role) == (first.id, "ada", Role.OPERATOR)
    with pytest.raises(InvalidInput, match="there is a person 'ada' already"):
        await access.by_subject("https://id.example 8", "ada", Role.OPERATOR)


# -- groups --------------------------------------------------------------------------------------------------


async def test_groups_are_known_of_whoever_is_in_them_from_the_next_wish_on(access: Access, heard: list[Event]) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    secret = await signed_in(access, ada)
    assert (await known(access, secret)).groups == frozenset()
    await access.change_person(ada, groups=[" editors", "Zwölf & Co", "editors"])
    assert heard[-1] == AccessChanged()
    assert (await known(access, secret)).groups == {"editors", "Zwölf & Co"}
    assert [view.groups for view in await access.people()] == [("editors", "Zwölf & Co")]
    await access.change_person(ada, role="admin")
    assert (await known(access, secret)).groups == {"editors", "Zwölf & Co"}, "what is not named stays"
    await access.change_person(ada, groups=[])
    assert (await known(access, secret)).groups == frozenset()


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([f"group {number}" for number in range(21)], "groups must be at most 20 names, not 21"),
        ([""], "groups must be names of 1 to 64 printable characters, not ''"),
        (["x" * 65], "groups must be names of 1 to 64 printable characters, not 'xxx"),
        (["fine", "a\nb"], r"groups must be names of 1 to 64 printable characters, not 'a\\nb'"),
        (["a\0b"], r"groups must be names of 1 to 64 printable characters, not 'a\\x00b'"),
    ],
)
async def test_groups_that_cannot_be_are_refused_and_nothing_is_changed(
    access: Access, groups: list[str], told: str
) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    await access.change_person(ada, groups=["editors"])
    with pytest.raises(InvalidInput, match=told) as refused:
        await access.change_person(ada, groups=groups, password="battery staple")
    assert {fault.field for fault in refused.value.errors} == {"groups"}
    assert (await access.person(ada)).groups == ["editors"]
    assert await access.by_password("ada", PASSWORD)


async def test_as_many_groups_as_there_may_be_with_names_as_long_as_they_may_be(access: Access) -> None:
    ada = await access.add_person("ada", "admin", PASSWORD)
    most = [f"{number:064}" for number in range(20)]
    await access.change_person(ada, groups=most)
    assert (await access.person(ada)).groups == most
