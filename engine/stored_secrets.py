"""Stored secrets: set by administrators, used by jobs, read by nobody."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

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
MIN_VALUE, MAX_VALUE = 4, 10_000
MAX_HOSTS = 20
EVERYWHERE = "*"
HIDDEN = "•••"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class Opened:
    """A secret's value, and the hosts that it may be sent to."""

    value: str = field(repr=False)
    hosts: frozenset[str]

    def may_reach(self, host: str) -> bool:
        """Whether it may be sent there."""
        return EVERYWHERE in self.hosts or host.lower() in self.hosts


class StoredSecrets:
    """Which there are; a value is written, and never told again."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._vault = vault_of(settings)
        self._bus = bus

    async def all(self) -> list[SecretView]:
        """Every secret, by name, without its value."""
        return [_view(row) for row in await StoredSecret.all().order_by("name")]

    async def put(self, name: str, value: str, hosts: Sequence[str], created_by: str) -> SecretView:
        """Store a secret under this name, in the place of one that is there; `hosts` are those it may be sent to.

        Raises:
            InvalidInput: a field breaks a rule.
        """
        hosts = list(dict.fromkeys(host.strip().lower() for host in hosts if host.strip()))
        faults = _faults(name, value, hosts)
        if not faults and not await StoredSecret.exists(name=name) and await StoredSecret.all().count() >= MAX_SECRETS:
            faults.append(FieldError("name", f"there are {MAX_SECRETS} secrets already; remove one first"))
        if faults:
            raise InvalidInput(faults)
        columns: dict[str, Any] = {
            "sealed": self._vault.seal({"value": value}),
            "hosts": hosts,
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


async def opened(names: set[str], settings: Settings) -> dict[str, Opened]:
    """These secrets, for the work that uses them.

    Raises:
        PermanentError: one is not there any more, or the secret key is another one now.
    """
    if gone := await missing(names):
        raise PermanentError(f"the secret {min(gone)} is not stored any more; an administrator can set it in Settings")
    vault = vault_of(settings)
    rows = await StoredSecret.filter(name__in=list(names))
    await StoredSecret.filter(name__in=list(names)).update(used_at=clock.now())
    return {row.name: Opened(str(vault.open(row.sealed)["value"]), frozenset(row.hosts)) for row in rows}


def hidden(text: str, values: dict[str, str]) -> str:
    """The text without the secrets, wherever they stand, also as JSON, as part of an address, or in other case."""
    forms = {form for value in values.values() for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def hidden_in(value: Any, values: dict[str, str]) -> Any:
    """The same in a JSON document."""
    match value:
        case str():
            return hidden(value, values)
        case dict():
            return {hidden(str(name), values): hidden_in(entry, values) for name, entry in value.items()}
        case list():
            return [hidden_in(entry, values) for entry in value]
    return value


def _forms(value: str) -> set[str]:
    """How a service may tell a secret back; what is shorter than four letters stands in any text."""
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), *in_json}
    forms |= {form.replace("/", "\\/") for form in in_json}
    forms |= {changed for form in tuple(forms) for changed in (form.lower(), form.upper())}
    return {form for form in forms if len(form) >= MIN_VALUE}


def _faults(name: str, value: str, hosts: list[str]) -> list[FieldError]:
    faults = []
    if not _NAME.fullmatch(name):
        rule = "name must be 1 to 64 capital letters, digits and _, beginning with a letter"
        faults.append(FieldError("name", f"{rule}, not {shown(name)}"))
    if not MIN_VALUE <= len(value) <= MAX_VALUE:
        rule = f"value must have {MIN_VALUE} to {MAX_VALUE:,} characters, not {len(value):,}"
        faults.append(FieldError("value", rule))
    if not hosts or len(hosts) > MAX_HOSTS:
        rule = f"hosts must name 1 to {MAX_HOSTS} that it may be sent to, as chat.example.org, or * for any"
        faults.append(FieldError("hosts", rule))
    for host in hosts:
        if host != EVERYWHERE and not _HOST.fullmatch(host):
            faults.append(FieldError("hosts", f"hosts must each be like chat.example.org, not {shown(host)}"))
    return faults


def _view(row: StoredSecret) -> SecretView:
    return SecretView(row.name, tuple(row.hosts), row.created_by, row.created_at, row.used_at)
