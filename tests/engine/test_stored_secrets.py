"""Stored secrets: written by administrators, used by jobs, told to nobody."""

import json
from urllib.parse import quote, quote_plus

import pytest

from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound, PermanentError
from engine.events import SecretsChanged
from engine.settings import Settings
from engine.stored_secrets import HIDDEN, Opened, hidden, hidden_in, missing, opened
from models.stored_secret import StoredSecret
from tests.support.engine import Recorder, changed

pytestmark = pytest.mark.usefixtures("database")

TOKEN = "a very secret token"
HOSTS = ["Chat.example.org", "chat.example.org "]


@pytest.fixture
def atlas(settings: Settings) -> Atlas:
    return Atlas(settings)


async def test_a_secret_is_stored_encrypted_and_only_work_gets_its_value(atlas: Atlas, settings: Settings) -> None:
    heard = Recorder(atlas)
    view = await atlas.secrets.put("CHAT_TOKEN", TOKEN, HOSTS, "ada")
    assert (view.name, view.created_by, view.used_at) == ("CHAT_TOKEN", "ada", None)
    assert TOKEN not in str(vars(view))
    row = await StoredSecret.get(name="CHAT_TOKEN")
    assert TOKEN not in row.sealed
    secret = (await opened({"CHAT_TOKEN"}, settings))["CHAT_TOKEN"]
    assert (secret.value, secret.hosts) == (TOKEN, frozenset({"chat.example.org"}))
    assert TOKEN not in repr(secret)
    (after,) = await atlas.secrets.all()
    assert after.used_at is not None
    assert heard.events == [SecretsChanged()]


async def test_a_secret_of_the_same_name_takes_its_place(atlas: Atlas, settings: Settings) -> None:
    await atlas.secrets.put("A", TOKEN, HOSTS, "ada")
    await atlas.secrets.put("A", "another one", ["*"], "bob")
    assert (await opened({"A"}, settings))["A"].value == "another one"
    assert [view.created_by for view in await atlas.secrets.all()] == ["bob"]


@pytest.mark.either
@pytest.mark.parametrize("name", ["", "lower", "1A", "A B", "A" * 65, "Ä", "_A", "A\n"])
async def test_a_name_must_be_one(atlas: Atlas, name: str) -> None:
    with pytest.raises(InvalidInput, match="capital letters"):
        await atlas.secrets.put(name, TOKEN, HOSTS, "ada")
    assert await atlas.secrets.all() == []


@pytest.mark.either
@pytest.mark.parametrize("value", ["", "abc", "x" * 10_001])
async def test_a_value_must_be_one(atlas: Atlas, value: str) -> None:
    with pytest.raises(InvalidInput, match="value must have 4 to 10,000 characters"):
        await atlas.secrets.put("A", value, HOSTS, "ada")


async def test_one_that_is_removed_is_missed_by_name(atlas: Atlas, settings: Settings) -> None:
    await atlas.secrets.put("A", TOKEN, HOSTS, "ada")
    await atlas.secrets.remove("A")
    assert await missing({"A"}) == {"A"}
    with pytest.raises(PermanentError, match="the secret A is not stored any more"):
        await opened({"A"}, settings)
    with pytest.raises(NotFound):
        await atlas.secrets.remove("A")


async def test_under_another_secret_key_nothing_can_be_read(atlas: Atlas, settings: Settings) -> None:
    await atlas.secrets.put("A", TOKEN, HOSTS, "ada")
    with pytest.raises(PermanentError, match="JOB_RUNNER_SECRET_KEY"):
        await opened({"A"}, changed(settings, secret_key="another one"))


@pytest.mark.either
@pytest.mark.parametrize(
    "hosts", [[], [""], ["https://chat.example.org"], ["a b"], ["x/y"], [f"h{n}" for n in range(21)]]
)
async def test_where_it_may_go_must_be_said(atlas: Atlas, hosts: list[str]) -> None:
    with pytest.raises(InvalidInput, match="hosts must"):
        await atlas.secrets.put("A", TOKEN, hosts, "ada")


def test_a_secret_goes_only_where_it_may() -> None:
    secret = Opened(TOKEN, frozenset({"chat.example.org"}))
    assert secret.may_reach("Chat.Example.org")
    assert not secret.may_reach("example.org")
    assert not secret.may_reach("chat.example.org.evil.example")
    assert Opened(TOKEN, frozenset({"*"})).may_reach("anything")


SECRET = 'Ab/cd"Ef é&'


@pytest.mark.parametrize(
    "told",
    [
        SECRET,
        SECRET.lower(),
        SECRET.upper(),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(SECRET).replace("/", "\\/"),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET).lower(),
    ],
)
def test_a_secret_is_hidden_however_a_service_tells_it_back(told: str) -> None:
    shown = hidden(f"before {told} after", {"A": SECRET})
    assert shown.replace('"', "") == f"before {HIDDEN} after"


def test_a_secret_is_hidden_in_documents_and_a_longer_one_first() -> None:
    assert hidden("x abcd abcdef y", {"A": "abcd", "B": "abcdef"}) == f"x {HIDDEN} {HIDDEN} y"
    document = {"a": ["abcd", 1, None], "abcd": {"b": "x abcd"}}
    assert hidden_in(document, {"A": "abcd"}) == {"a": [HIDDEN, 1, None], HIDDEN: {"b": f"x {HIDDEN}"}}
