"""Wishes about people, tokens and the audit log."""

from typing import Any

from engine.audit import Recorded
from engine.desk.base import BaseDesk
from engine.errors import FieldError, InvalidInput
from engine.views import PersonView, TokenView
from models.rights import Right, Role


class PeopleDesk(BaseDesk):
    """Who may what, and who did what."""

    async def people(self) -> list[PersonView]:
        """Everybody who may sign in."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.access.people()

    async def add_person(self, name: str, role: str, password: str) -> int:
        """See `Access.add_person`; where nobody signs in yet, the first one has to be able to let others in."""
        await self._allowed(Right.ADMINISTER)
        add = self._services.access.add_person
        if role != Role.ADMIN and not await self._services.access.has_people():
            rule = f"role must be admin for the first person, who lets the others in, not {role!r}"
            raise InvalidInput([FieldError("role", rule)])
        return await self._administer(
            "person.add", f"person {name}", lambda: add(name, role, password), told=lambda _: {"role": role}
        )

    async def change_person(self, person_id: int, *, password: str | None = None, **more: Any) -> None:
        """See `Access.change_person`."""
        access = self._services.access
        name = await self._name_of(person_id)

        async def state() -> dict[str, Any]:
            person = await access.person(person_id)
            told = "set" if password else "as it was"
            return {"role": person.role, "groups": person.groups, "password": told}

        await self._administer(
            "person.change",
            f"person {name}",
            lambda: access.change_person(person_id, password=password, **more),
            state,
        )

    async def remove_person(self, person_id: int) -> None:
        """See `Access.remove_person`."""
        access = self._services.access
        name = await self._name_of(person_id)
        await self._administer("person.remove", f"person {name}", lambda: access.remove_person(person_id))

    async def end_sessions(self, person_id: int) -> None:
        """Sign somebody out everywhere."""
        access = self._services.access
        name = await self._name_of(person_id)
        await self._administer("person.sign_out", f"person {name}", lambda: access.end_sessions(person_id))

    async def end_own_sessions(self) -> None:
        """Sign out everywhere but here; everybody may do that for themselves."""
        actor = await self._who()
        await self._services.access.end_sessions(actor.key, but=actor.session)
        await self._record(actor, "session.end_others", f"person {actor.name}")

    async def tokens(self) -> list[TokenView]:
        """Every token."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.tokens.all()

    async def create_token(self, name: str, scopes: list[str], days: float | None) -> tuple[TokenView, str]:
        """See `Tokens.create`."""
        actor = await self._allowed(Right.ADMINISTER)
        create = self._services.tokens.create
        return await self._administer(
            "token.create",
            f"token {name}",
            lambda: create(name, scopes, days=days, created_by=actor.name),
            told=lambda made: {"scopes": made[0].scopes, "expires_at": made[0].expires_at},
        )

    async def revoke_token(self, token_id: int) -> TokenView:
        """See `Tokens.revoke`."""
        revoke = self._services.tokens.revoke
        return await self._administer(
            "token.revoke", f"token {token_id}", lambda: revoke(token_id), told=lambda view: {"name": view.name}
        )

    async def audit(self, **filters: Any) -> list[Recorded]:
        """See `Audit.entries`."""
        await self._allowed(Right.ADMINISTER)
        return await self._services.audit.entries(**filters)

    async def _name_of(self, person_id: int) -> str:
        await self._allowed(Right.ADMINISTER)
        return (await self._services.access.person(person_id)).name
