"""Outside agents that ask too much are told to wait, and disturb nobody else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine import agents as agents_module
from engine.actors import Actor, Kind
from engine.defined_types import Definition
from engine.engine import Atlas
from engine.errors import InvalidInput, NotFound, TooMany
from engine.pace import Pace
from engine.reports import Report
from engine.settings import Settings
from models.rights import Right
from models.states import Status
from models.token import Token
from tests.support.engine import running, until_status

KEY = "TRANSLATE"


@pytest.fixture
async def atlas(settings: Settings) -> AsyncIterator[Atlas]:
    async with running(settings) as atlas:
        await atlas.defined_types.define(Definition(KEY, "Translate", {"type": "object"}), "ada")
        yield atlas


async def a_token(atlas: Atlas, name: str) -> Actor:
    view, _ = await atlas.tokens.create(name, ["agent"], days=1, created_by="ada")
    return Actor(name, Kind.TOKEN, frozenset(Right), key=view.id)


async def registered(atlas: Atlas, actor: Actor) -> int:
    return (await atlas.agents.register(actor, f"agent of {actor.name}", [KEY], 5)).id


async def test_a_flood_of_one_token_is_refused_and_another_one_is_served(atlas: Atlas) -> None:
    loud, quiet = await a_token(atlas, "loud"), await a_token(atlas, "quiet")
    of_loud, of_quiet = await registered(atlas, loud), await registered(atlas, quiet)
    atlas.agents.pace = Pace(3, "too much")
    for _ in range(3):
        await atlas.agents.claim(loud, of_loud, limit=1, wait_seconds=0)
    with pytest.raises(TooMany, match="too much: at most 3 a minute"):
        await atlas.agents.claim(loud, of_loud, limit=1, wait_seconds=0)
    job_id = (await atlas.commands.submit(KEY, {})).id
    (job,) = await atlas.agents.claim(quiet, of_quiet, limit=1, wait_seconds=0)
    await atlas.reports.hear(quiet, of_quiet, [Report(job_id, job.lease_token, status="completed")])
    await until_status(atlas, job_id, Status.COMPLETED)


async def test_a_token_has_so_many_claims_waiting_and_no_more(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents_module, "MAX_WAITING", 2)
    actor = await a_token(atlas, "many")
    agent = await registered(atlas, actor)
    waiting = [asyncio.create_task(atlas.agents.claim(actor, agent, limit=1, wait_seconds=30)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany, match="2 claims waiting"):
        await atlas.agents.claim(actor, agent, limit=1, wait_seconds=30)
    atlas.agents.close()
    assert await asyncio.gather(*waiting) == [[], []]


async def test_a_claim_that_waits_ends_with_its_token(atlas: Atlas) -> None:
    actor = await a_token(atlas, "gone")
    agent = await registered(atlas, actor)
    waiting = asyncio.create_task(atlas.agents.claim(actor, agent, limit=1, wait_seconds=30))
    ended, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not ended
    await atlas.tokens.revoke(actor.key)
    job_id = (await atlas.commands.submit(KEY, {})).id
    async with asyncio.timeout(10):
        assert await waiting == []
    assert (await atlas.queries.job(job_id)).status is Status.QUEUED


async def test_a_token_that_is_revoked_while_it_is_answered_is_handed_nothing(atlas: Atlas) -> None:
    actor = await a_token(atlas, "gone")
    agent = await registered(atlas, actor)

    async def is_revoked_meanwhile() -> bool:
        await atlas.tokens.revoke(actor.key)
        return False

    job_id = (await atlas.commands.submit(KEY, {})).id
    claim = atlas.agents.claim(actor, agent, limit=1, wait_seconds=0, is_gone=is_revoked_meanwhile)
    assert await claim == []
    assert (await atlas.queries.job(job_id)).status is Status.QUEUED


async def test_a_name_stays_with_the_token_that_used_it_first_until_that_is_over(atlas: Atlas) -> None:
    first, second = await a_token(atlas, "first"), await a_token(atlas, "second")
    view = await atlas.agents.register(first, "polyglot", [KEY], 1)
    with pytest.raises(InvalidInput, match="came with another token, which still holds"):
        await atlas.agents.register(second, "polyglot", [KEY], 1)
    with pytest.raises(NotFound):
        await atlas.agents.claim(second, view.id, limit=1, wait_seconds=0)
    await atlas.tokens.revoke(first.key)
    assert (await atlas.agents.register(second, "polyglot", [KEY], 3)).id == view.id


async def test_two_tokens_that_register_one_name_at_once_do_not_share_it(atlas: Atlas) -> None:
    actors = [await a_token(atlas, f"token {number}") for number in range(4)]
    came = await asyncio.gather(
        *(atlas.agents.register(actor, "polyglot", [KEY], 1) for actor in actors), return_exceptions=True
    )
    assert [type(each) for each in came].count(InvalidInput) == 3
    assert await Token.all().count() == 4
