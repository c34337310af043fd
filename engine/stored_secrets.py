"""Stored secrets: set by administrators, used by jobs, read by nobody."""

import re
from typing import Any

from tortoise.exceptions import IntegrityError

from engine import clock
from engine.errors import FieldError, InvalidInput, NotFound, PermanentError
from engine.events import Bus, SecretsChanged
from engine.faults import shown
from engine.settings import Settings
from engine.vault import Vault
from engine.views import SecretView
from models.stored_secret import StoredSecret

MAX_SECRETS = 200
MAX_VALUE = 10_000
HIDDEN = "•••"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class StoredSecrets:
    """Which there are; a value is written, and never told again."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._vault = vault_of(settings)
        self._bus = bus

    async def all(self) -> list[SecretView]:
        """Every secret, by name, without its value."""
        return [_view(row) for row in await StoredSecret.all().order_by("name")]

    async def put(self, name: str, value: str, created_by: str) -> SecretView:
        """Store a secret under this name, in the place of one that is there.

        Raises:
            InvalidInput: a field breaks a rule.
        """
        faults = _faults(name, value)
        if not faults and not await StoredSecret.exists(name=name) and await StoredSecret.all().count() >= MAX_SECRETS:
            faults.append(FieldError("name", f"there are {MAX_SECRETS} secrets already; remove one first"))
        if faults:
            raise InvalidInput(faults)
        columns: dict[str, Any] = {
            "sealed": self._vault.seal({"value": value}),
            "created_by": created_by,
            "created_at": clock.now(),
        }
        if not await StoredSecret.filter(name=name).update(**columns, used_at=None):
            try:
                await StoredSecret.create(name=name, **columns)
            except IntegrityError:  # somebody else was first: theirs is replaced
                await StoredSecret.filter(name=name).update(**columns, used_at=None)
        self._bus.publish(SecretsChanged())
        return _view(await StoredSecret.get(name=name))

    async def remove(self, name: str) -> None:
        """Forget it; jobs that need it fail from now on.

        Raises:
            NotFound: there is no such secret.
        """
        if not await StoredSecret.filter(name=name).delete():
            raise NotFound("secret", name)
        self._bus.publish(SecretsChanged())


def vault_of(settings: Settings) -> Vault:
    """What seals under this installation's key."""
    secret = settings.secret_key
    return Vault(secret.get_secret_value() if secret else "")


async def missing(names: set[str]) -> set[str]:
    """Those of the names under which nothing is stored."""
    return names - set(await StoredSecret.filter(name__in=list(names)).values_list("name", flat=True))


async def opened(names: set[str], settings: Settings) -> dict[str, str]:
    """The values of these secrets, for the work that uses them.

    Raises:
        PermanentError: one is not there any more, or the secret key is another one now.
    """
    if gone := await missing(names):
        raise PermanentError(f"the secret {min(gone)} is not stored any more; an administrator can set it in Settings")
    vault = vault_of(settings)
    rows = await StoredSecret.filter(name__in=list(names))
    await StoredSecret.filter(name__in=list(names)).update(used_at=clock.now())
    return {row.name: str(vault.open(row.sealed)["value"]) for row in rows}


def hidden(text: str, values: dict[str, str]) -> str:
    """The text without the secrets, wherever they stand in it."""
    for value in sorted(values.values(), key=len, reverse=True):
        if len(value) >= 4:  # a shorter one is no secret, and stands in any text
            text = text.replace(value, HIDDEN)
    return text


def _faults(name: str, value: str) -> list[FieldError]:
    faults = []
    if not _NAME.fullmatch(name):
        rule = "name must be 1 to 64 capital letters, digits and _, beginning with a letter"
        faults.append(FieldError("name", f"{rule}, not {shown(name)}"))
    if not 4 <= len(value) <= MAX_VALUE:
        faults.append(FieldError("value", f"value must have 4 to {MAX_VALUE:,} characters, not {len(value):,}"))
    return faults


def _view(row: StoredSecret) -> SecretView:
    return SecretView(row.name, row.created_by, row.created_at, row.used_at)
