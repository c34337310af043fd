"""What an operator at the machine's console may do beside a running Job Runner."""

import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.actors import Actor, Kind
from engine.audit import Audit, Broken
from engine.errors import InvalidInput, SettingsError
from engine.events import Bus
from engine.health import Health
from engine.ledger import Ledger
from engine.settings import Settings
from engine.tokens import Tokens
from models.database import close_database, open_database
from models.rights import Right

DEFAULT_DAYS = 90.0


async def create_token(settings: Settings, name: str, scopes: list[str], days: str | None = None) -> str:
    """A new token; returns what it is recognised by, which is told this once.

    Raises:
        SettingsError: a word breaks its rule.
        DatabaseError: the database cannot be used.
    """
    bus = Bus()
    async with _opened(settings, bus) as audit:
        actor = operator()
        try:
            lasting = float(days) if days else DEFAULT_DAYS
            view, secret = await Tokens(bus).create(name, scopes, days=lasting, created_by=actor.name)
        except (InvalidInput, ValueError) as error:
            raise SettingsError(f"no token was made: {error}") from None
        after = {"scopes": scopes, "expires_at": view.expires_at}
        await audit.record(actor, "token.create", f"token {name}", None, after)
        return secret


async def verify_audit(settings: Settings) -> str:
    """Whether the audit log is as it was written; returns a sentence with its last seal, to be kept elsewhere.

    Raises:
        SettingsError: it is not; says where.
        DatabaseError: the database cannot be used.
    """
    async with _opened(settings, Bus()) as audit:
        try:
            entries, seal = await audit.verify()
        except Broken as fault:
            raise SettingsError(f"the audit log is not as it was written: {fault}") from None
    return f"The audit log is as it was written: {entries:,} entries, the last one sealed {seal}"


@asynccontextmanager
async def _opened(settings: Settings, bus: Bus) -> AsyncIterator[Audit]:
    ledger = Ledger(Health(bus))
    await open_database(settings.database)
    try:
        ledger.open()
        yield Audit(settings, ledger)
        await ledger.close()
    finally:
        await close_database()


def operator() -> Actor:
    """Whoever types at the console."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = "unknown"
    return Actor(f"{name} at the console", Kind.SYSTEM, frozenset(Right))
