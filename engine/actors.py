"""Who is asking, and what they may do."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.errors import NotAllowed
from models.rights import Right


class Kind(StrEnum):
    """What somebody is."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105 (a word)
    LOCAL = "local"  # whoever sits at this machine, where no sign-in is asked for
    JOB = "job"  # a job that submits another
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Somebody who was recognised just now; `session` is what a person's live pages hang on."""

    name: str
    kind: Kind
    rights: frozenset[Right]
    role: str = ""
    address: str = ""
    session: str = field(default="", repr=False)
    key: int = 0  # the person's or token's id
    groups: frozenset[str] = frozenset()

    @property
    def is_agent(self) -> bool:
        """Whether it is a program, or a job that submits another."""
        return self.kind in (Kind.TOKEN, Kind.JOB)

    def may(self, right: Right) -> bool:
        """Whether they have the right."""
        return right in self.rights

    def require(self, right: Right) -> None:
        """Go on only with the right.

        Raises:
            NotAllowed: naming who, what and what it takes.
        """
        if right not in self.rights:
            raise NotAllowed(self.name, self.role, right)


def local(address: str = "") -> Actor:
    """The person at this machine."""
    return Actor("local", Kind.LOCAL, frozenset(Right), address=address)
