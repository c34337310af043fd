"""Where somebody's wish is checked against their rights, carried out, and recorded. Both doors ask here."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from engine import llm
from engine.access import Access
from engine.actors import Actor, Kind
from engine.administration import Administration
from engine.agents import Agents, Handed
from engine.audit import Audit, Deed, Recorded, deed
from engine.commands import Commands, Submitted
from engine.defined_types import DefinedTypes, Definition
from engine.errors import FieldError, InvalidInput
from engine.pace import Pace
from engine.queries import Queries
from engine.reports import Heard, Report, Reports
from engine.settings import Settings
from engine.stored_secrets import StoredSecrets
from engine.submission import Submission
from engine.tokens import Tokens
from engine.views import AgentView, ChannelView, DeliveryView, JobView, PersonView, SecretView, TokenView, WebhookView
from engine.webhooks import Webhooks
from models.rights import Right, Role
from models.states import Move

T = TypeVar("T")
Who = Callable[[], Awaitable[Actor]]

RIGHT_OF_MOVE: dict[Move, Right] = {
    move: Right.APPROVE if move in (Move.APPROVE, Move.REJECT) else Right.OPERATE for move in Move
}
_TOLD = ("status", "approval", "outcome", "pause_requested", "due_at")


class Services(Protocol):
    """What the engine is made of, as far as a desk needs it."""

    settings: Settings
    commands: Commands
    queries: Queries
    administration: Administration
    defined_types: DefinedTypes
    agents: Agents
    reports: Reports
    webhooks: Webhooks
    secrets: StoredSecrets
    access: Access
    tokens: Tokens
    audit: Audit


class Office:
    """Opens a desk for whoever asks."""

    def __init__(
        self,
        services: Services,
    ) -> None:
        self.settings = services.settings
        self.commands = services.commands
        self.queries = services.queries
        self.administration = services.administration
        self.defined_types = services.defined_types
        self.agents = services.agents
        self.reports = services.reports
        self.webhooks = services.webhooks
        self.secrets = services.secrets
        self.access = services.access
        self.tokens = services.tokens
        self.audit = services.audit
        self.submissions = Pace(services.settings.max_submissions_a_minute, "this token submits too many jobs")

    def desk(self, who: Who) -> "Desk":
        """A desk for somebody who is looked up anew at every wish: a role may have changed since the last."""
        return Desk(self, who)

    def desk_of(self, actor: Actor) -> "Desk":
        """A desk for somebody who was looked up just now."""

        async def known() -> Actor:
            return actor

        return Desk(self, known)


class Desk:
    """Every wish raises `NotAllowed` for whoever has not the right, and what the command itself raises.

    A wish that was begun is carried out and recorded also when whoever asked hangs up.
    """

    def __init__(self, office: Office, who: Who) -> None:
        self._office = office
        self._who = who

    # -- jobs ------------------------------------------------------------------------------------------------

    async def submit(self, type_key: str, payload: dict[str, Any], **more: Any) -> Submitted:
        """See `Commands.submit`; without `created_by`, the job is created by whoever asks.

        Raises:
            TooMany: this token has submitted too many in the last minute.
        """
        actor = await self._allowed(Right.OPERATE)
        if actor.kind is Kind.TOKEN:
            self._office.submissions.count(actor.key)

        async def submitted() -> Submitted:
            created_by = _creator(actor, more.pop("created_by", None))
            after = {"type": type_key, "name": more.get("name"), "created_by": created_by}
            return await self._office.commands.submit(
                type_key,
                payload,
                created_by=created_by,
                told=lambda ids: deed(actor, "job.submit", f"job {ids[0]}", None, after),
                **more,
            )

        return await _whole(submitted())

    async def submit_batch(self, batch: Sequence[tuple[Submission, str | None]]) -> list[tuple[int, bool]]:
        """See `Commands.submit_batch`; each job is created by whoever asks, or through them.

        Raises:
            TooMany: this token has submitted too many in the last minute.
        """
        actor = await self._allowed(Right.OPERATE)
        if actor.kind is Kind.TOKEN:
            self._office.submissions.count(actor.key, len(batch))

        async def submitted() -> list[tuple[int, bool]]:
            named = [(replace(asked, created_by=_creator(actor, asked.created_by)), key) for asked, key in batch]
            types = sorted({asked.type for asked, _ in batch})

            def told(ids: Sequence[int]) -> Deed:
                after = {"jobs": len(ids), "types": types}
                return deed(actor, "job.submit_batch", f"jobs {ids[0]} to {ids[-1]}", None, after)

            return await self._office.commands.submit_batch(named, told)

        return await _whole(submitted())

    async def draft(self, kind: str, brief: str) -> str:
        """See `llm.draft`; nothing is submitted by it."""
        await self._allowed(Right.OPERATE)
        return await llm.draft(self._office.settings, cast(llm.DraftKind, kind), brief)

    async def move(self, job_id: int, move: Move, *, reason: str | None = None) -> None:
        """Cancel, pause, resume, retry, run now, approve or reject a job."""
        commands = self._office.commands
        chosen: dict[Move, Callable[[], Awaitable[None]]] = {
            Move.CANCEL: lambda: commands.cancel(job_id),
            Move.PAUSE: lambda: commands.pause(job_id),
            Move.RESUME: lambda: commands.resume(job_id),
            Move.RETRY: lambda: commands.retry(job_id),
            Move.RUN_NOW: lambda: commands.run_now(job_id),
            Move.APPROVE: lambda: commands.approve(job_id),
            Move.REJECT: lambda: commands.reject(job_id, reason),
        }
        await self._change_job(job_id, move, chosen[move], {"reason": reason} if reason else {})

    async def resolve(self, job_id: int, *, went_out: bool, **more: Any) -> None:
        """Say whether an unknown effect happened."""

        async def resolve() -> None:
            await self._office.commands.resolve(job_id, went_out=went_out, **more)

        await self._change_job(job_id, Move.RESOLVE, resolve, {"went_out": went_out, **more})

    async def _change_job(
        self, job_id: int, move: Move, command: Callable[[], Awaitable[None]], told: dict[str, Any]
    ) -> None:
        actor = await self._allowed(RIGHT_OF_MOVE[move])

        async def changed() -> None:
            before = _state(await self._office.queries.job(job_id))
            await command()
            after = _state(await self._office.queries.job(job_id))
            await self._record(actor, f"job.{move}", f"job {job_id}", before, {**after, **told})

        await _whole(changed())

    # -- channels and job types ------------------------------------------------------------------------------

    async def set_policy(self, key: str, **changes: Any) -> None:
        """See `Administration.set_policy`."""

        async def policy() -> dict[str, Any] | None:
            views = {view.key: view for view in await self._office.queries.types()}
            return {name: getattr(views[key], name) for name in changes} if key in views else None

        async def set_it() -> None:
            await self._office.administration.set_policy(key, **changes)

        await self._administer("job_type.change", f"job type {key}", set_it, policy)

    async def define_type(self, definition: Definition) -> None:
        """See `DefinedTypes.define`."""
        actor = await self._allowed(Right.ADMINISTER)
        define = self._office.defined_types.define
        target = f"job type {definition.key}"
        await self._administer(
            "job_type.define", target, lambda: define(definition, actor.name), told=lambda _: vars(definition)
        )

    async def redefine_type(self, definition: Definition) -> None:
        """See `DefinedTypes.change`."""
        change = self._office.defined_types.change
        target = f"job type {definition.key}"
        await self._administer("job_type.redefine", target, lambda: change(definition), told=lambda _: vars(definition))

    async def remove_type(self, key: str) -> None:
        """See `DefinedTypes.remove`."""
        remove = self._office.defined_types.remove
        await self._administer("job_type.remove", f"job type {key}", lambda: remove(key))

    async def connect_channel(self, name: str, kind: str, url: str, credentials: dict[str, Any]) -> ChannelView:
        """See `Administration.connect_channel`."""
        connect = self._office.administration.connect_channel
        return await self._administer(
            "channel.connect", f"channel {name}", lambda: connect(name, kind, url, credentials), told=_channel
        )

    async def remove_channel(self, channel_id: int) -> None:
        """See `Administration.remove_channel`."""

        async def channel() -> dict[str, Any] | None:
            found = [view for view in await self._office.queries.channels() if view.id == channel_id]
            return _channel(found[0]) if found else None

        remove = self._office.administration.remove_channel
        await self._administer("channel.remove", f"channel {channel_id}", lambda: remove(channel_id), channel)

    async def test_channel(self, channel_id: int) -> ChannelView:
        """See `Administration.test_channel`."""
        test = self._office.administration.test_channel
        return await self._administer(
            "channel.test", f"channel {channel_id}", lambda: test(channel_id), told=lambda view: {"fault": view.fault}
        )

    # -- secrets ---------------------------------------------------------------------------------------------

    async def secrets(self) -> list[SecretView]:
        """Every stored secret, without its value."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.secrets.all()

    async def put_secret(self, name: str, value: str, hosts: Sequence[str]) -> SecretView:
        """See `StoredSecrets.put`; the log tells everything but the value."""
        actor = await self._allowed(Right.ADMINISTER)
        put = self._office.secrets.put
        return await self._administer(
            "secret.set",
            f"secret {name}",
            lambda: put(name, value, hosts, actor.name),
            told=lambda view: {"hosts": view.hosts},
        )

    async def remove_secret(self, name: str) -> None:
        """See `StoredSecrets.remove`."""
        remove = self._office.secrets.remove
        await self._administer("secret.remove", f"secret {name}", lambda: remove(name))

    # -- webhooks --------------------------------------------------------------------------------------------

    async def webhooks(self) -> list[WebhookView]:
        """Every webhook."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.webhooks.all()

    async def add_webhook(self, name: str, url: str, kinds: Sequence[str]) -> tuple[WebhookView, str]:
        """See `Webhooks.add`."""
        actor = await self._allowed(Right.ADMINISTER)
        add = self._office.webhooks.add
        told = {"url": url, "kinds": list(kinds)}
        return await self._administer(
            "webhook.add", f"webhook {name}", lambda: add(name, url, kinds, actor.name), told=lambda _: told
        )

    async def remove_webhook(self, webhook_id: int) -> None:
        """See `Webhooks.remove`."""
        remove = self._office.webhooks.remove
        await self._administer("webhook.remove", f"webhook {webhook_id}", lambda: remove(webhook_id))

    async def test_webhook(self, webhook_id: int) -> None:
        """See `Webhooks.test`."""
        test = self._office.webhooks.test
        await self._administer("webhook.test", f"webhook {webhook_id}", lambda: test(webhook_id))

    async def deliveries(self, webhook_id: int) -> list[DeliveryView]:
        """See `Webhooks.deliveries`."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.webhooks.deliveries(webhook_id)

    async def send_again(self, delivery_id: int) -> DeliveryView:
        """See `Webhooks.send_again`."""
        again = self._office.webhooks.send_again
        return await self._administer("webhook.send_again", f"delivery {delivery_id}", lambda: again(delivery_id))

    # -- outside agents --------------------------------------------------------------------------------------

    async def register_agent(self, name: str, types: list[str], concurrency: int) -> AgentView:
        """See `Agents.register`."""
        actor = await self._allowed(Right.WORK)
        view = await self._office.agents.register(actor, name, types, concurrency)
        after = {"types": types, "concurrency": concurrency}
        await self._record(actor, "agent.register", f"agent {name}", None, after)
        return view

    async def remove_agent(self, agent_id: int) -> None:
        """See `Agents.remove`."""
        actor = await self._who()
        actor.require(Right.ADMINISTER if actor.may(Right.ADMINISTER) else Right.WORK)
        await self._office.agents.remove(actor, agent_id)
        await self._record(actor, "agent.remove", f"agent {agent_id}")

    async def claim(self, agent_id: int, **more: Any) -> list[Handed]:
        """See `Agents.claim`."""
        return await self._office.agents.claim(await self._allowed(Right.WORK), agent_id, **more)

    async def report(self, agent_id: int, reports: list[Report], **more: Any) -> list[Heard]:
        """See `Reports.hear`."""
        return await self._office.reports.hear(await self._allowed(Right.WORK), agent_id, reports, **more)

    async def keep_artifact(self, agent_id: int, job_id: int, token: str, name: str, body: bytes) -> None:
        """See `Reports.keep_artifact`."""
        actor = await self._allowed(Right.WORK)
        await self._office.reports.keep_artifact(actor, agent_id, job_id, token, name, body)

    # -- people and tokens -----------------------------------------------------------------------------------

    async def people(self) -> list[PersonView]:
        """Everybody who may sign in."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.access.people()

    async def add_person(self, name: str, role: str, password: str) -> int:
        """See `Access.add_person`; where nobody signs in yet, the first one has to be able to let others in."""
        await self._allowed(Right.ADMINISTER)
        add = self._office.access.add_person
        if role != Role.ADMIN and not await self._office.access.has_people():
            rule = f"role must be admin for the first person, who lets the others in, not {role!r}"
            raise InvalidInput([FieldError("role", rule)])
        return await self._administer(
            "person.add", f"person {name}", lambda: add(name, role, password), told=lambda _: {"role": role}
        )

    async def change_person(self, person_id: int, *, role: str | None = None, password: str | None = None) -> None:
        """See `Access.change_person`."""
        access = self._office.access
        name = await self._name_of(person_id)

        async def state() -> dict[str, Any]:
            return {"role": (await access.person(person_id)).role, "password": "set" if password else "as it was"}

        await self._administer(
            "person.change",
            f"person {name}",
            lambda: access.change_person(person_id, role=role, password=password),
            state,
        )

    async def remove_person(self, person_id: int) -> None:
        """See `Access.remove_person`."""
        access = self._office.access
        name = await self._name_of(person_id)
        await self._administer("person.remove", f"person {name}", lambda: access.remove_person(person_id))

    async def end_sessions(self, person_id: int) -> None:
        """Sign somebody out everywhere."""
        access = self._office.access
        name = await self._name_of(person_id)
        await self._administer("person.sign_out", f"person {name}", lambda: access.end_sessions(person_id))

    async def end_own_sessions(self) -> None:
        """Sign out everywhere but here; everybody may do that for themselves."""
        actor = await self._who()
        await self._office.access.end_sessions(actor.key, but=actor.session)
        await self._record(actor, "session.end_others", f"person {actor.name}")

    async def tokens(self) -> list[TokenView]:
        """Every token."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.tokens.all()

    async def create_token(self, name: str, scopes: list[str], days: float | None) -> tuple[TokenView, str]:
        """See `Tokens.create`."""
        actor = await self._allowed(Right.ADMINISTER)
        create = self._office.tokens.create
        return await self._administer(
            "token.create",
            f"token {name}",
            lambda: create(name, scopes, days=days, created_by=actor.name),
            told=lambda made: {"scopes": made[0].scopes, "expires_at": made[0].expires_at},
        )

    async def revoke_token(self, token_id: int) -> TokenView:
        """See `Tokens.revoke`."""
        revoke = self._office.tokens.revoke
        return await self._administer(
            "token.revoke", f"token {token_id}", lambda: revoke(token_id), told=lambda view: {"name": view.name}
        )

    async def audit(self, **filters: Any) -> list[Recorded]:
        """See `Audit.entries`."""
        await self._allowed(Right.ADMINISTER)
        return await self._office.audit.entries(**filters)

    async def _name_of(self, person_id: int) -> str:
        await self._allowed(Right.ADMINISTER)
        return (await self._office.access.person(person_id)).name

    # -- helpers ---------------------------------------------------------------------------------------------

    async def actor(self) -> Actor:
        """Who asks, looked up just now."""
        return await self._who()

    async def _allowed(self, right: Right) -> Actor:
        actor = await self._who()
        actor.require(right)
        return actor

    async def _administer(
        self,
        action: str,
        target: str,
        command: Callable[[], Awaitable[T]],
        state: Callable[[], Awaitable[dict[str, Any] | None]] | None = None,
        told: Callable[[T], dict[str, Any]] | None = None,
    ) -> T:
        """`state` is what holds before and after; `told` makes what holds after of what the command returned."""
        actor = await self._allowed(Right.ADMINISTER)

        async def administered() -> T:
            before = await state() if state else None
            result = await command()
            after = told(result) if told else await state() if state else None
            await self._record(actor, action, target, before, after)
            return result

        return await _whole(administered())

    async def _record(self, actor: Actor, action: str, target: str, before: Any = None, after: Any = None) -> None:
        await self._office.audit.record(actor, action, target, before, after)


def _creator(actor: Actor, told: str | None) -> str:
    """Who is told as a job's creator: a program may name somebody, and is named with them."""
    if not told or told == actor.name:
        return actor.name
    return f"{told} via {actor.name}"[:200] if actor.kind is Kind.TOKEN else told


def _state(job: JobView) -> dict[str, Any]:
    return {name: value for name in _TOLD if (value := getattr(job, name)) not in (None, False)}


def _channel(view: ChannelView) -> dict[str, Any]:
    return {"name": view.name, "kind": view.kind, "url": view.url}


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """All of it, whoever hangs up meanwhile."""
    return await asyncio.shield(asyncio.ensure_future(work))
