"""Which people may come in, and their sessions. Every one of them is looked up anew at each request."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from tortoise.exceptions import IntegrityError

from engine import clock
from engine.actors import Actor, Kind
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import AccessChanged, Bus
from engine.faults import shown
from engine.names import name_faults
from engine.secret import NOTED_EVERY, digest, new_secret
from engine.settings import MAX_PASSWORD, MIN_PASSWORD
from engine.views import PersonView, SessionView
from models.database import storable, transaction
from models.person import Identity, Person, Session
from models.rights import RIGHTS_OF_ROLE, Role

ADMINISTRATOR = "admin"
IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
MAX_SUBJECT = 255
MAX_GROUPS = 20
MAX_GROUP = 64
NOBODY = 0  # whose identities are of people who were removed
_hasher = PasswordHasher()


class Access:
    """People and sessions."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._changing = asyncio.Lock()  # of two administrators who remove each other, one stays
        self._hashing = asyncio.Semaphore(1)  # argon2 is slow on purpose: off the loop, and one at a time

    # -- who is it? ------------------------------------------------------------------------------------------

    async def of_session(self, secret: str, address: str = "") -> Actor | None:
        """The person whose browser holds this secret; None once it has expired, or was ended."""
        return await self.of_session_id(digest(secret), address) if secret else None

    async def of_session_id(self, session_id: str, address: str = "", *, is_use: bool = True) -> Actor | None:
        """As `of_session`, by what the database knows the session by; a look that is no use keeps it no longer."""
        session = await Session.get_or_none(id=session_id)
        if session is None:
            return None
        now = clock.now()
        if now > min(session.seen_at + IDLE, session.created_at + LONGEST):
            await Session.filter(id=session_id).delete()
            return None
        if (person := await Person.get_or_none(id=session.person_id)) is None:
            return None
        if is_use and now - session.seen_at > NOTED_EVERY:
            await Session.filter(id=session_id).update(seen_at=now)
        return _actor(person, session_id, address)

    # -- sign-in ---------------------------------------------------------------------------------------------

    async def by_password(self, name: str, password: str) -> Person | None:
        """The person, if the password is theirs; takes as long for a name that does not exist."""
        person = await Person.get_or_none(name=name) if storable(name) == name else None
        expected = person.password_hash if person and person.password_hash else None
        async with self._hashing:
            fits = await asyncio.to_thread(_fits, expected, password[:MAX_PASSWORD])
        return person if fits and len(password) <= MAX_PASSWORD else None

    async def by_subject(self, subject: str, name: str, role: Role) -> Person:
        """The person whom an identity provider knows by this subject; one who is new here gets this role.

        Raises:
            InvalidInput: somebody else here has the name, nobody administers yet, or the person was removed here.
        """
        subject = subject if len(subject) <= MAX_SUBJECT else f"sha256 {digest(subject)}"
        if known := await Identity.get_or_none(subject=subject):
            if person := await Person.get_or_none(id=known.person_id):
                return person
            raise _unknown("you were removed here; ask an administrator to let you in again")
        if not await Person.filter(role=Role.ADMIN).exists():
            raise _unknown("an administrator has to be set up first")
        name = _fit(name)
        if name.casefold() == ADMINISTRATOR:
            raise _unknown(f"nobody comes in from elsewhere as {ADMINISTRATOR}")
        return await asyncio.shield(asyncio.ensure_future(self._create_known(subject, name, role)))

    async def _create_known(self, subject: str, name: str, role: Role) -> Person:
        async with transaction():
            person = await self._create(name, role, "")
            await Identity.create(subject=subject, person_id=person.id)
        self._bus.publish(AccessChanged())
        return person

    async def begin_session(self, person_id: int, *, address: str, browser: str, former: str = "") -> str:
        """A new secret for this browser's cookie, in place of the one that it had."""
        if former:
            await Session.filter(id=digest(former)).delete()
        secret, now = new_secret(), clock.now()
        await Session.filter(created_at__lt=now - LONGEST).delete()
        await Session.create(
            id=digest(secret),
            person_id=person_id,
            created_at=now,
            seen_at=now,
            address=address[:64],
            browser=browser[:200],
        )
        return secret

    async def end_session(self, session_id: str) -> None:
        """Sign out in one browser."""
        await Session.filter(id=session_id).delete()
        self._bus.publish(AccessChanged())

    async def end_sessions(self, person_id: int, but: str = "") -> None:
        """Sign out everywhere, or everywhere else."""
        await Session.filter(person_id=person_id).exclude(id=but).delete()
        self._bus.publish(AccessChanged())

    # -- people ----------------------------------------------------------------------------------------------

    async def has_people(self) -> bool:
        """Whether anybody can sign in."""
        return await Person.exists()

    async def people(self) -> list[PersonView]:
        """Everybody, by name."""
        now = clock.now()
        alive = Session.filter(seen_at__gt=now - IDLE, created_at__gt=now - LONGEST)
        sessions = [row["person_id"] for row in await alive.values("person_id")]
        return [_view(row, sessions.count(row.id)) for row in await Person.all().order_by("name")]

    async def person(self, person_id: int) -> Person:
        """One person.

        Raises:
            NotFound: there is none with this id.
        """
        if person := await Person.get_or_none(id=person_id):
            return person
        raise NotFound("person", person_id)

    async def sessions(self, person_id: int) -> list[SessionView]:
        """Where somebody is signed in, the latest first."""
        rows = await Session.filter(person_id=person_id).order_by("-seen_at")
        return [SessionView(row.id, row.created_at, row.seen_at, row.address, row.browser) for row in rows]

    async def add_person(self, name: str, role: str, password: str) -> int:
        """Somebody new, who signs in with this password; returns the id.

        Raises:
            InvalidInput: a field breaks a rule, or the name is taken.
        """
        faults = [*name_faults(name), *_role_faults(role), *_password_faults(password)]
        if faults:
            raise InvalidInput(faults)
        person = await self._create(name, Role(role), await self._hashed(password))
        self._bus.publish(AccessChanged())
        return person.id

    async def change_person(
        self,
        person_id: int,
        *,
        role: str | None = None,
        password: str | None = None,
        groups: Sequence[str] | None = None,
    ) -> None:
        """Another role, password or other groups, from now on: a new password ends every session of theirs.

        Raises:
            NotFound: there is no such person.
            InvalidInput: a value breaks its rule, or nobody would be left to administer.
        """
        person = await self.person(person_id)
        faults = _role_faults(role) if role is not None else []
        faults += _password_faults(password) if password is not None else []
        wanted = None if groups is None else list(dict.fromkeys(name.strip() for name in groups))
        faults += _group_faults(wanted or [])
        if faults:
            raise InvalidInput(faults)
        async with self._changing:
            if role is not None and role != Role.ADMIN:
                await self._keep_an_admin(person)
            if role is not None:
                await Person.filter(id=person_id).update(role=Role(role))
        if wanted is not None:
            await Person.filter(id=person_id).update(groups=wanted)
        if password is not None:
            await Person.filter(id=person_id).update(password_hash=await self._hashed(password))
            await Session.filter(person_id=person_id).delete()
        self._bus.publish(AccessChanged())

    async def remove_person(self, person_id: int) -> None:
        """They can sign in no more, and are signed out everywhere.

        Raises:
            NotFound: there is no such person.
            InvalidInput: nobody would be left to administer.
        """
        async with self._changing:
            await self._keep_an_admin(await self.person(person_id))
            await Session.filter(person_id=person_id).delete()
            await Identity.filter(person_id=person_id).update(person_id=NOBODY)  # they do not come back by themselves
            await Person.filter(id=person_id).delete()
        self._bus.publish(AccessChanged())

    async def create_administrator(self, password: str) -> None:
        """Let `admin` sign in with this password, instead of any former one.

        Raises:
            InvalidInput: the password is too short or too long.
        """
        if faults := _password_faults(password):
            raise InvalidInput(faults)
        if await self.by_password(ADMINISTRATOR, password):
            return  # a new hash of the same password would end every session
        if person := await Person.get_or_none(name=ADMINISTRATOR):
            await Identity.filter(person_id=person.id).update(person_id=NOBODY)
            await self.change_person(person.id, role=Role.ADMIN, password=password)
            return
        with suppress(InvalidInput):  # another process was first, with a password as good
            await self._create(ADMINISTRATOR, Role.ADMIN, await self._hashed(password))

    async def _keep_an_admin(self, person: Person) -> None:
        if person.role is Role.ADMIN and await Person.filter(role=Role.ADMIN).count() < 2:
            rule = f"{person.name} is the only one who may administer: make somebody else an admin first"
            raise InvalidInput([FieldError("role", rule)])

    async def _create(self, name: str, role: Role, password_hash: str) -> Person:
        try:
            return await Person.create(name=name, role=role, password_hash=password_hash, created_at=clock.now())
        except IntegrityError:
            fault = FieldError("name", f"name must be new, and there is a person {name!r} already")
            raise InvalidInput([fault]) from None

    async def _hashed(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(_hasher.hash, password)


def _unknown(why: str) -> InvalidInput:
    return InvalidInput([FieldError("name", why)])


def _fit(name: str) -> str:
    """What another place calls somebody, as a name may be here."""
    return re.sub(r"[^\w .@-]", "-", name).strip(" .-_@")[:64].rstrip() or "somebody"


def _actor(person: Person, session_id: str, address: str) -> Actor:
    rights = RIGHTS_OF_ROLE[person.role]
    groups = frozenset(person.groups)
    return Actor(person.name, Kind.PERSON, rights, person.role, address, session_id, person.id, groups)


def _view(row: Person, sessions: int) -> PersonView:
    has_password = bool(row.password_hash)
    return PersonView(row.id, row.name, row.role, has_password, row.created_at, sessions, tuple(row.groups))


def _fits(expected: str | None, password: str) -> bool:
    try:
        _hasher.verify(expected or _nobody(), password)
    except VerificationError:
        return False
    return expected is not None


@cache
def _nobody() -> str:
    """A hash to compare with when the name does not exist, so that this takes as long."""
    return _hasher.hash("nobody")


def _password_faults(password: str) -> list[FieldError]:
    if MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return []
    rule = f"password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters, not {len(password)}"
    return [FieldError("password", rule)]


def _group_faults(groups: Sequence[str]) -> list[FieldError]:
    if len(groups) > MAX_GROUPS:
        return [FieldError("groups", f"groups must be at most {MAX_GROUPS} names, not {len(groups):,}")]
    bad = [name for name in groups if not 1 <= len(name) <= MAX_GROUP or not name.isprintable()]
    rule = f"groups must be names of 1 to {MAX_GROUP} printable characters"
    return [FieldError("groups", f"{rule}, not {shown(name)}") for name in bad]


def _role_faults(role: str) -> list[FieldError]:
    if role in set(Role):
        return []
    return [FieldError("role", f"role must be {_one_of(list(Role))}, not {shown(role)}")]


def _one_of(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
