"""People, tokens and the audit log over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Person(BaseModel):
    """Somebody who may sign in."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    role: str
    has_password: bool = Field(description="false for whoever signs in at an identity provider")
    created_at: datetime
    sessions: int = Field(description="in how many browsers they are signed in")
    groups: list[str] = Field(description="those whose approval a rule may ask for")


class PersonRequest(BaseModel):
    """Somebody new."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: str = Field(description="viewer, operator, approver or admin")
    password: str


class PersonChange(BaseModel):
    """Another role, another password, other groups; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: str | None = None
    password: str | None = None
    groups: list[str] | None = Field(
        None, examples=[["editors"]], description="at most 20 names of 1 to 64 printable characters; replaces them all"
    )


class PersonList(BaseModel):
    """Everybody, by name."""

    items: list[Person]


class Token(BaseModel):
    """A token without what it is recognised by."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewToken(Token):
    """A token just made; `token` is told this once."""

    token: str


class TokenRequest(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: str
    scopes: list[str] = Field(description="one or more of jobs:read, jobs:write, agent, admin")
    days: float | None = Field(90, description="how long it holds; null: until it is revoked")


class TokenList(BaseModel):
    """Every token, by name."""

    items: list[Token]


class AuditEntry(BaseModel):
    """Who did what to what, from where."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor: str
    kind: str
    address: str
    action: str
    target: str
    before: Any
    after: Any


class AuditList(BaseModel):
    """The newest entries first."""

    items: list[AuditEntry]
    next_cursor: str | None
