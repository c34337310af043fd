"""Tokens: who holds one, what is kept of it, and when it opens nothing any more."""

from datetime import timedelta

import pytest

from engine import clock
from engine.errors import InvalidInput
from engine.events import AccessChanged, Bus, Event
from engine.tokens import Tokens
from models.rights import Right
from models.token import Token

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def tokens(heard: list[Event]) -> Tokens:
    bus = Bus()
    bus.subscribe(heard.append)
    return Tokens(bus)


async def test_a_token_has_256_bits_of_which_the_sha256_is_kept(tokens: Tokens) -> None:
    _, secret = await tokens.create("bot", ["jobs:read"], days=1, created_by="ada")
    assert secret.startswith("jr_")
    assert len(secret.removeprefix("jr_")) == 43
    (row,) = await Token.all()
    assert secret not in str(vars(row))
    actor = await tokens.holder(secret)
    assert actor
    assert (actor.name, actor.rights) == ("bot", frozenset({Right.LOOK}))
    assert await tokens.holder(row.hash) is None


async def test_no_token_approves_whatever_its_scopes(tokens: Tokens) -> None:
    scopes = ["jobs:read", "jobs:write", "agent", "admin"]
    _, secret = await tokens.create("bot", scopes, days=None, created_by="ada")
    actor = await tokens.holder(secret)
    assert actor
    assert actor.rights == frozenset(Right) - {Right.APPROVE}


async def test_a_token_that_expired_or_was_revoked_opens_nothing(tokens: Tokens, heard: list[Event]) -> None:
    view, secret = await tokens.create("bot", ["agent"], days=1, created_by="ada")
    await Token.all().update(expires_at=clock.now() - timedelta(seconds=1))
    assert await tokens.holder(secret) is None
    await Token.all().update(expires_at=None)
    assert await tokens.holder(secret)
    revoked = await tokens.revoke(view.id)
    assert revoked.revoked_at
    assert await tokens.holder(secret) is None
    assert AccessChanged() in heard


async def test_the_last_use_of_a_token_is_noted(tokens: Tokens) -> None:
    _, secret = await tokens.create("bot", ["agent"], days=1, created_by="ada")
    assert (await tokens.all())[0].last_used_at is None
    await tokens.holder(secret)
    assert (await tokens.all())[0].last_used_at


@pytest.mark.parametrize(
    ("scopes", "days", "told"),
    [
        ([], 1, "scopes must be one or more of jobs:read, jobs:write, agent, admin"),
        (["jobs:approve"], 1, "scopes must be one or more"),
        (["agent"], 0, "days must be more than 0"),
        (["agent"], 1e9, "days must be more than 0 and at most 3,650"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(tokens: Tokens, scopes: list[str], days: float, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        await tokens.create("bot", scopes, days=days, created_by="ada")
