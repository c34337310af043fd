"""Tokens: how programs come in."""

from datetime import datetime, timedelta

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.actors import Actor, Kind
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import AccessChanged, Bus
from engine.faults import shown
from engine.names import name_faults
from engine.secret import NOTED_EVERY, digest, new_secret
from engine.views import TokenView
from models.rights import Scope, rights_of
from models.token import Token

PREFIX = "jr_"
MAX_DAYS = 3650


class Tokens:
    """Those that there are, and who holds one."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def holder(self, secret: str, address: str = "") -> Actor | None:
        """The program that holds this token; None if it is unknown, expired or revoked."""
        row = await Token.get_or_none(hash=digest(secret))
        now = clock.now()
        if row is None or _is_over(row, now):
            return None
        if row.last_used_at is None or now - row.last_used_at > NOTED_EVERY:
            await Token.filter(id=row.id).update(last_used_at=now)
        return _actor(row, address)

    async def still(self, actor: Actor) -> Actor | None:
        """The program whose token this was; None if it expired or was revoked meanwhile."""
        row = await Token.get_or_none(id=actor.key)
        return None if row is None or _is_over(row, clock.now()) else _actor(row, actor.address)

    async def all(self) -> list[TokenView]:
        """Every token, by name, without what it is recognised by."""
        return [_view(row) for row in await Token.all().order_by("name")]

    async def create(
        self, name: str, scopes: list[str], *, days: float | None, created_by: str
    ) -> tuple[TokenView, str]:
        """A new token, and the secret that is told this once. `days` is how long it holds, None for ever.

        Raises:
            InvalidInput: a field breaks a rule, or the name is taken.
        """
        faults = [*name_faults(name), *_scope_faults(scopes), *_days_faults(days)]
        if faults:
            raise InvalidInput(faults)
        secret, now = PREFIX + new_secret(), clock.now()
        expires = None if days is None else now + timedelta(days=days)
        try:
            row = await Token.create(
                name=name,
                hash=digest(secret),
                scopes=scopes,
                created_by=created_by,
                created_at=now,
                expires_at=expires,
            )
        except IntegrityError:
            fault = FieldError("name", f"name must be new, and there is, or was, a token {name!r}")
            raise InvalidInput([fault]) from None
        return _view(row), secret

    async def revoke(self, token_id: int) -> TokenView:
        """It opens nothing any more.

        Raises:
            NotFound: there is no such token.
        """
        if (row := await Token.get_or_none(id=token_id)) is None:
            raise NotFound("token", token_id)
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            await Token.filter(id=token_id).update(revoked_at=row.revoked_at)
            self._bus.publish(AccessChanged())
        return _view(row)


def _is_over(row: Token, now: datetime) -> bool:
    return bool(row.revoked_at or (row.expires_at and row.expires_at <= now))


def _actor(row: Token, address: str) -> Actor:
    return Actor(row.name, Kind.TOKEN, rights_of(row.scopes), ", ".join(row.scopes), address, key=row.id)


def _view(row: Token) -> TokenView:
    names = ("id", "name", "scopes", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at")
    return TokenView(**{name: getattr(row, name) for name in names})


def _scope_faults(scopes: list[str]) -> list[FieldError]:
    if scopes and set(scopes) <= set(Scope):
        return []
    rule = f"scopes must be one or more of {', '.join(Scope)}, not {shown(scopes)}"
    return [FieldError("scopes", rule)]


def _days_faults(days: float | None) -> list[FieldError]:
    if days is None or 0 < days <= MAX_DAYS:
        return []
    return [FieldError("days", f"days must be more than 0 and at most {MAX_DAYS:,}, or null, not {days}")]


def expired(view: TokenView, now: datetime) -> bool:
    """Whether the token's time is over."""
    return view.expires_at is not None and view.expires_at <= now
