"""Outside agents: programs elsewhere that claim jobs of defined types, under the same leases as engines do."""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError

from engine import clock
from engine.actors import Actor
from engine.budgets.book import Budgets
from engine.errors import FieldError, InvalidInput, NotFound, TooMany
from engine.events import AttemptEnded, Bus, EngineChanged, Event, JobChanged, TypesChanged
from engine.faults import shown
from engine.jobs import AnyJobType, Registry
from engine.jobs.base import EffectKind
from engine.ledger import Ledger
from engine.names import name_faults
from engine.outcomes import Completed, Unknown, ending
from engine.pace import Pace
from engine.places import Places, within
from engine.rows import agent_view
from engine.settings import Settings
from engine.views import AGENT_OFFLINE_AFTER, AgentView
from models.agent import Agent
from models.claim import Claimed, claim_due
from models.effect import Effect, begin_effect
from models.ending import Lease
from models.job import Job
from models.person import Person
from models.rights import Right
from models.states import Phase, Status
from models.token import Token

log = logging.getLogger(__name__)

MAX_AT_ONCE = 1000
MAX_TYPES = 100
MAX_CLAIMED = 500
MAX_AGENTS_OF_TOKEN = 100
MAX_WAIT_SECONDS = 30.0
LEASE_SECONDS = 60.0
SHORTEST_LEASE, LONGEST_LEASE = 5.0, 3600.0
CALLS_A_MINUTE = 6000
LOOK_AGAIN_SECONDS = 0.2
PATIENCE_SECONDS = 5.0  # for the database, before nobody may be there any more to take what is claimed
MAX_WAITING = 200  # claims of one token
SEEN_EVERY = timedelta(seconds=5)


@dataclass(frozen=True)
class Handed:
    """A job in an agent's hand. An irreversible one comes with the key that is the same at every attempt."""

    job_id: int
    type: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    lease_token: str
    lease_expires_at: datetime
    time_limit_seconds: float
    idempotency_key: str | None


class Agents:
    """Registers agents, and hands jobs to them."""

    def __init__(self, settings: Settings, registry: Registry, bus: Bus, ledger: Ledger, budgets: Budgets) -> None:
        self._budgets = budgets
        self._settings = settings
        self._registry = registry
        self._bus = bus
        self._ledger = ledger
        self.pace = Pace(CALLS_A_MINUTE, "this token's agents ask too often: wait for work, or report in batches")
        self._waiting: Counter[int] = Counter()
        self._news = asyncio.Event()
        self._closed = False
        bus.subscribe(self._on_event)

    def close(self) -> None:
        """Let whoever waits for work go."""
        self._closed = True
        self._news.set()

    # -- who is at work --------------------------------------------------------------------------------------

    async def register(self, actor: Actor, name: str, types: list[str], concurrency: int) -> AgentView:
        """Make an agent known, or change what it takes; the name stays with the token that first used it.

        Raises:
            InvalidInput: a field breaks a rule, or the name is another token's.
        """
        faults = [*name_faults(name), *self._types_faults(types)]
        if not 1 <= concurrency <= MAX_AT_ONCE:
            faults.append(FieldError("concurrency", f"concurrency must be 1 to {MAX_AT_ONCE:,}, not {concurrency}"))
        if faults:
            raise InvalidInput(faults)
        now = clock.now()
        self.pace.count(actor.key)
        row = await Agent.get_or_none(name=name) or await self._create(actor, name, types, concurrency)
        if row.token_id != actor.key and await _is_valid(row.token_id):
            rule = "name must be another one: an agent of this name came with another token, which still holds"
            raise InvalidInput([FieldError("name", rule)])
        changes = {"token_id": actor.key, "types": types, "concurrency": concurrency, "last_seen_at": now}
        await Agent.filter(id=row.id).update(**changes)
        self._bus.publish(EngineChanged())
        self._bus.publish(TypesChanged())
        return await self.view(row.id)

    async def remove(self, actor: Actor, agent_id: int) -> None:
        """It takes nothing more; what it has in hand is rescued when the leases run out.

        Raises:
            NotFound: this token has no such agent.
        """
        if not actor.may(Right.ADMINISTER):
            await self.own(actor, agent_id)
        if not await Agent.filter(id=agent_id).delete():
            raise NotFound("agent", agent_id)
        self._bus.publish(TypesChanged())

    async def set_paused(self, agent_id: int, *, paused: bool) -> None:
        """Give it no more jobs, or jobs again; what it has in hand it does to the end.

        Raises:
            NotFound: there is none with this id.
        """
        if not await Agent.filter(id=agent_id).update(paused=paused):
            raise NotFound("agent", agent_id)
        self._bus.publish(TypesChanged())

    async def is_paused(self, agent_id: int) -> bool:
        """Whether it is given no jobs because somebody paused it."""
        return bool(await Agent.exists(id=agent_id, paused=True))

    async def view(self, agent_id: int) -> AgentView:
        """One agent.

        Raises:
            NotFound: there is none with this id.
        """
        if (row := await Agent.get_or_none(id=agent_id)) is None:
            raise NotFound("agent", agent_id)
        running = await Job.filter(engine_id=row.engine_id, status=Status.RUNNING).count()
        return agent_view(row, running, clock.now())

    # -- work ------------------------------------------------------------------------------------------------

    async def claim(
        self,
        actor: Actor,
        agent_id: int,
        *,
        limit: int,
        wait_seconds: float,
        lease_seconds: float = LEASE_SECONDS,
        is_gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> list[Handed]:
        """Hand over up to `limit` due jobs; if there are none, wait for some so long, unless whoever asked is gone.

        Raises:
            NotFound: this token has no such agent.
            InvalidInput: a number breaks its rule.
            TooMany: this token's agents asked too often.
        """
        refuse_outside(limit=(limit, 1, MAX_CLAIMED), wait_seconds=(wait_seconds, 0, MAX_WAIT_SECONDS))
        refuse_outside(lease_seconds=(lease_seconds, SHORTEST_LEASE, LONGEST_LEASE))
        give_up_at = monotonic() + wait_seconds
        self.pace.count(actor.key)
        if self._waiting[actor.key] >= MAX_WAITING:
            raise TooMany(f"this token has {MAX_WAITING} claims waiting", LOOK_AGAIN_SECONDS)
        self._waiting[actor.key] += 1
        try:
            return await self._claim(actor, agent_id, limit, lease_seconds, give_up_at, is_gone)
        finally:
            self._waiting[actor.key] -= 1

    async def _claim(
        self,
        actor: Actor,
        agent_id: int,
        limit: int,
        lease_seconds: float,
        give_up_at: float,
        is_gone: Callable[[], Awaitable[bool]] | None,
    ) -> list[Handed]:
        while True:
            agent = await self.own(actor, agent_id)
            self._news.clear()
            if not await _is_valid(actor.key) or (is_gone and await is_gone()):
                return []
            handing = self._hand_over(agent, limit, lease_seconds, give_up_at + PATIENCE_SECONDS)
            handed = await asyncio.shield(asyncio.ensure_future(handing))
            left = give_up_at - monotonic()
            if handed or left <= 0 or self._closed:
                return handed
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._settings.poll_seconds)):
                    await self._news.wait()
            await asyncio.sleep(min(LOOK_AGAIN_SECONDS, max(0.0, give_up_at - monotonic())))

    # -- helpers ---------------------------------------------------------------------------------------------

    async def _create(self, actor: Actor, name: str, types: list[str], concurrency: int) -> Agent:
        if await Agent.filter(token_id=actor.key).count() >= MAX_AGENTS_OF_TOKEN:
            rule = f"a token may have at most {MAX_AGENTS_OF_TOKEN} agents; remove one, or use another token"
            raise InvalidInput([FieldError("name", rule)])
        now = clock.now()
        try:
            return await Agent.create(
                name=name, token_id=actor.key, types=types, concurrency=concurrency, registered_at=now, last_seen_at=now
            )
        except IntegrityError:  # registered at the same moment
            return await Agent.get(name=name)

    async def own(self, actor: Actor, agent_id: int) -> Agent:
        """This token's agent, which was just heard of.

        Raises:
            NotFound: this token has no such agent.
        """
        agent = await Agent.get_or_none(id=agent_id, token_id=actor.key)
        if agent is None:
            raise NotFound("agent of this token with the id", agent_id)
        now = clock.now()
        if now - agent.last_seen_at > SEEN_EVERY:
            await Agent.filter(id=agent_id).update(last_seen_at=now)
            if now - agent.last_seen_at > AGENT_OFFLINE_AFTER:
                self._bus.publish(TypesChanged())
        return agent

    def _types_faults(self, types: list[str]) -> list[FieldError]:
        outside = {each.key for each in self._registry if each.is_outside}
        known = ", ".join(sorted(outside)) or "none yet"
        if not types or len(types) > MAX_TYPES:
            return [FieldError("types", f"types must name 1 to {MAX_TYPES} job types")]
        return [
            FieldError("types", f"types must be defined types ({known}), not {shown(key)}")
            for key in types
            if key not in outside
        ]

    async def _hand_over(self, agent: Agent, limit: int, lease_seconds: float, give_up_at: float) -> list[Handed]:
        """In one transaction: claim, and begin what cannot be taken back. When its turn comes too late, nothing."""
        if agent.paused:
            return []
        expires = clock.now()
        types = {each.key: each for each in self._registry if each.is_outside and each.key in agent.types}

        async def claim(writer: BaseDBAsyncClient) -> list[tuple[Claimed, dict[str, Any] | None]]:
            nonlocal expires
            running = await Job.filter(engine_id=agent.engine_id, status=Status.RUNNING).count()
            free = min(limit, agent.concurrency - running)
            if free < 1 or not types or monotonic() > give_up_at:
                return []
            if not await _is_valid(agent.token_id, until_commit=True):
                return []
            now = clock.now()
            allowance = await self._budgets.allowance(writer, now, agent.engine_id)
            places = within(Places(dict.fromkeys(types, free), free), allowance)
            expires = now + timedelta(seconds=lease_seconds)
            jobs, _ = await claim_due(
                writer,
                engine_id=agent.engine_id,
                lease_token=uuid.uuid4().hex,
                now=now,
                lease_expires_at=expires,
                places=places.of_type,
                limit=places.total,
            )
            return [(job, await _begun(writer, types[job.type], job, now)) for job in jobs]

        handed = []
        claimed = await self._ledger.write(claim)
        self._ledger.metrics.claimed(job.type for job, _ in claimed)
        for job, identity in claimed:
            self._bus.publish(JobChanged(job.id))
            job_type = types[job.type]
            if identity is None and job_type.effect is EffectKind.IRREVERSIBLE:
                await self._end_what_is_done(job)
                continue
            handed.append(
                Handed(
                    job_id=job.id,
                    type=job.type,
                    payload=job.payload,
                    attempt=job.attempt,
                    max_attempts=job.max_attempts,
                    lease_token=job.lease_token,
                    lease_expires_at=expires,
                    time_limit_seconds=job.time_limit_seconds or job_type.time_limit_seconds,
                    idempotency_key=identity["idempotency_key"] if identity else None,
                )
            )
        return handed

    async def _end_what_is_done(self, job: Claimed) -> None:
        """An agent told that it was done, and the process died before the job was completed; or nobody knows."""
        effect = await Effect.get_or_none(job_id=job.id, target=job.type)
        is_done = effect is not None and effect.phase is Phase.DONE
        outcome = (
            Completed(effect.result or {}) if effect and is_done else Unknown("An earlier attempt may have done it")
        )
        await self._ledger.end(ending(Lease(job.id, job.attempt, job.lease_token), outcome, clock.now()))
        self._bus.publish(JobChanged(job.id))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, JobChanged | TypesChanged | AttemptEnded):
            self._news.set()


async def _is_valid(token_id: int, *, until_commit: bool = False) -> bool:
    """Whether a token still holds; 0 stands for none, which will do where nobody signs in.

    With `until_commit` nobody can revoke it before the transaction is over.
    """
    if token_id == 0:
        return not await Person.exists()
    rows = Token.filter(id=token_id)
    row = await (rows.select_for_update() if until_commit else rows).first()
    is_over = row is None or row.revoked_at or (row.expires_at and row.expires_at <= clock.now())
    return not is_over


async def _begun(writer: BaseDBAsyncClient, job_type: AnyJobType, job: Claimed, now: datetime) -> dict[str, Any] | None:
    """The identity of what cannot be taken back, which counts as under way as soon as an agent has the job."""
    if job_type.effect is EffectKind.REPEATABLE:
        return None
    lease = Lease(job.id, job.attempt, job.lease_token)
    return await begin_effect(writer, lease, job.type, {"idempotency_key": f"job-{job.id}"}, now)


def refuse_outside(**numbers: tuple[float, float, float]) -> None:
    """Each is a value with the least and the most that it may be.

    Raises:
        InvalidInput: naming each that is not.
    """
    faults = [
        FieldError(name, f"{name} must be {least:g} to {most:g}, not {value:g}")
        for name, (value, least, most) in numbers.items()
        if not least <= value <= most
    ]
    if faults:
        raise InvalidInput(faults)
