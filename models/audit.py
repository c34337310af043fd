"""The audit log: rows that are only ever added, each sealed together with the one before it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database import storable, stored_json
from models.statement import Statement, records

FIRST = "0" * 64
_BEGIN = Statement("INSERT INTO audit_head (id, entries, seal) VALUES (1, 0, ?) ON CONFLICT DO NOTHING")
_LOCK = Statement("UPDATE audit_head SET entries = entries WHERE id = 1 RETURNING entries")
_SEAL_OF = Statement("SELECT seal FROM audit_entry WHERE id = ?")
_END = Statement("UPDATE audit_head SET entries = ?, seal = ? WHERE id = 1")
_COLUMNS = {"id": "bigint"} | dict.fromkeys(
    ("at", "actor", "kind", "address", "action", "target", "before", "after", "seal"), "text"
)
_SQLITE, _POSTGRES = records("entry", _COLUMNS)
_NAMES = ", ".join(_COLUMNS)
_ADD = Statement(
    f"INSERT INTO audit_entry ({_NAMES}) SELECT {_NAMES} FROM {_SQLITE} WHERE TRUE",  # noqa: S608 (our own names)
    postgres=f"INSERT INTO audit_entry ({_NAMES}) SELECT {_NAMES} FROM {_POSTGRES}",  # noqa: S608
)
_STEP = 1000


class AuditEntry(Model):
    """Who did what to what, from where. `before` and `after` are JSON texts, kept to the letter."""

    id = fields.BigIntField(primary_key=True)
    at = fields.CharField(max_length=40)
    actor = fields.CharField(max_length=200, db_index=True)
    kind = fields.CharField(max_length=16)
    address = fields.CharField(max_length=64)
    action = fields.CharField(max_length=64, db_index=True)
    target = fields.CharField(max_length=200)
    before = fields.TextField(null=True)
    after = fields.TextField(null=True)
    seal = fields.CharField(max_length=64)

    class Meta:
        table = "audit_entry"


class AuditHead(Model):
    """One row: how many entries there are, sealed together with the last one's seal, so that a cut at the end shows."""

    id = fields.IntField(primary_key=True)
    entries = fields.BigIntField()
    seal = fields.CharField(max_length=64)

    class Meta:
        table = "audit_head"


@dataclass(frozen=True)
class Deed:
    """What is to be recorded."""

    at: datetime
    actor: str
    kind: str
    address: str
    action: str
    target: str
    before: Any = None
    after: Any = None


class Broken(Exception):
    """The log is not what was written; says where."""


async def append(writer: BaseDBAsyncClient, key: bytes, deeds: Sequence[Deed]) -> None:
    """Add entries at the end; must be called in a transaction.

    NOTE: the first statement writes, and so waits for whoever else is adding: one that read first could not go on.
    """
    await _BEGIN.run(writer, [FIRST])
    number = int((await _LOCK.run(writer))[0]["entries"])
    seal = (await _SEAL_OF.run(writer, [number]))[0]["seal"] if number else FIRST
    rows = []
    for deed in deeds:
        number += 1
        entry = _entry(number, deed)
        seal = entry.seal = _seal(key, seal, entry)
        rows.append({name: getattr(entry, name) for name in _COLUMNS})
    await _ADD.run(writer, [stored_json(rows)])
    await _END.run(writer, [number, _head_seal(key, number, seal)])


async def verify(key: bytes) -> tuple[int, str]:
    """Read everything; returns how many entries there are, and the last one's seal.

    Raises:
        Broken: an entry was changed, removed or put in.
    """
    number, seal = 0, FIRST
    head = await AuditHead.get_or_none(id=1)
    wanted = head.entries if head else 0
    async for entry in _all(wanted):
        number += 1
        if entry.id != number:
            raise Broken(f"entry {number} is missing")
        expected = _seal(key, seal, entry)
        if not hmac.compare_digest(expected, entry.seal):
            raise Broken(f"entry {number} or the one before it is not as it was written, or SECRET_KEY is another one")
        seal = entry.seal
    if number < wanted:
        raise Broken(f"entries after {number} are missing")
    if head and wanted and not hmac.compare_digest(head.seal, _head_seal(key, number, seal)):
        raise Broken(f"entries after {number} were removed, or SECRET_KEY is another one")
    after = await AuditHead.get_or_none(id=1)  # others may have added some meanwhile
    if await AuditEntry.filter(id__gt=after.entries if after else 0).exists():
        raise Broken(f"entries after {after.entries if after else 0} were put in")
    return number, seal


async def _all(most: int) -> AsyncIterator[AuditEntry]:
    last = 0
    while entries := await AuditEntry.filter(id__gt=last, id__lte=most).order_by("id").limit(_STEP):
        for entry in entries:
            yield entry
        last = entries[-1].id


def _entry(number: int, deed: Deed) -> AuditEntry:
    return AuditEntry(
        id=number,
        at=deed.at.astimezone(UTC).isoformat(),
        actor=storable(deed.actor)[:200],
        kind=deed.kind,
        address=deed.address[:64],
        action=deed.action,
        target=storable(deed.target)[:200],
        before=_text(deed.before),
        after=_text(deed.after),
    )


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=str, sort_keys=True)


def _head_seal(key: bytes, entries: int, last: str) -> str:
    return hmac.new(key, f"{entries} entries, the last one sealed {last}".encode(), hashlib.sha256).hexdigest()


def _seal(key: bytes, former: str, entry: AuditEntry) -> str:
    told = [entry.id, entry.at, entry.actor, entry.kind, entry.address, entry.action, entry.target]
    message = json.dumps([former, *told, entry.before, entry.after], ensure_ascii=False)
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
