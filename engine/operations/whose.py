"""On whose behalf an operation is carried out, looked up anew: a right may be gone by now."""

from engine.access import Access
from engine.actors import Actor, Kind, local
from engine.errors import JobRunnerError
from engine.settings import Settings
from engine.tokens import Tokens
from models.operation import Operation
from models.person import Person
from models.rights import RIGHTS_OF_ROLE


class Gone(JobRunnerError):
    """Nobody is there any more in whose name it could be done; says who."""


class Whose:
    """Looks up people, tokens, and whoever sits at this machine."""

    def __init__(self, settings: Settings, access: Access, tokens: Tokens) -> None:
        self._settings = settings
        self._access = access
        self._tokens = tokens

    async def actor(self, row: Operation) -> Actor:
        """Who asked for the operation, with the rights that they have now.

        Raises:
            Gone: they may not come in any more.
        """
        match row.actor_kind:
            case Kind.PERSON:
                person = await Person.get_or_none(id=row.actor_key)
                found = _person(person, row.address) if person and person.name == row.actor else None
            case Kind.TOKEN:
                found = await self._tokens.still(asked_by(row))
            case Kind.LOCAL:
                is_open = self._settings.is_loopback and not await self._access.has_people()
                found = local(row.address) if is_open else None
            case _:
                found = None
        if found is None:
            raise Gone(f"{row.actor} may not come in any more, and nothing more is done in that name")
        return found


def _person(person: Person, address: str) -> Actor:
    rights, groups = RIGHTS_OF_ROLE[person.role], frozenset(person.groups)
    return Actor(person.name, Kind.PERSON, rights, person.role, address, key=person.id, groups=groups)


def asked_by(row: Operation) -> Actor:
    """Who asked, as the audit log names them; what they may by now is another question."""
    return Actor(row.actor, Kind(row.actor_kind), frozenset(), address=row.address, key=row.actor_key)
