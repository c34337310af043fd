"""Who may what: rights, the roles of people and the scopes of tokens that give them."""

from enum import StrEnum

from models.states import Move


class Right(StrEnum):
    """What somebody may do; each is told in the words of a refusal."""

    LOOK = "look"
    OPERATE = "create, cancel, retry, pause and settle jobs"
    APPROVE = "approve and reject jobs"
    WORK = "work as an outside agent"
    ADMINISTER = "manage channels, limits, people and tokens"


class Role(StrEnum):
    """What a person is here for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token is for. None of them approves: that takes a person."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    AGENT = "agent"
    ADMIN = "admin"


RIGHT_OF_MOVE: dict[Move, Right] = dict.fromkeys(Move, Right.OPERATE) | dict.fromkeys(
    (Move.APPROVE, Move.REJECT, Move.UNDO_APPROVAL), Right.APPROVE
)

RIGHTS_OF_ROLE: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.LOOK}),
    Role.OPERATOR: frozenset({Right.LOOK, Right.OPERATE}),
    Role.APPROVER: frozenset({Right.LOOK, Right.OPERATE, Right.APPROVE}),
    Role.ADMIN: frozenset(Right) - {Right.WORK},
}

RIGHTS_OF_SCOPE: dict[Scope, frozenset[Right]] = {
    Scope.JOBS_READ: frozenset({Right.LOOK}),
    Scope.JOBS_WRITE: frozenset({Right.LOOK, Right.OPERATE}),
    Scope.AGENT: frozenset({Right.LOOK, Right.OPERATE, Right.WORK}),
    Scope.ADMIN: frozenset({Right.LOOK, Right.OPERATE, Right.ADMINISTER}),
}


def least_role(right: Right) -> Role:
    """The role that a person needs at the least."""
    return next(role for role, rights in RIGHTS_OF_ROLE.items() if right in rights)


def rights_of(scopes: list[str]) -> frozenset[Right]:
    """What a token with these scopes may do; a scope that is not known here gives nothing."""
    known = [RIGHTS_OF_SCOPE[Scope(scope)] for scope in scopes if scope in set(Scope)]
    return frozenset[Right]().union(*known)
