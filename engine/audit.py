"""The audit log: who did what to what, from where, with before and after."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from engine import clock
from engine.actors import Actor
from engine.ledger import Ledger
from engine.settings import Settings
from models import audit
from models.audit import AuditEntry, Broken, Deed
from models.database import storable

__all__ = ["Audit", "Broken", "Deed", "Recorded"]

MAX_PAGE = 1000
PATIENCE_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorded:
    """An entry, as people and programs see it."""

    id: int
    at: datetime
    actor: str
    kind: str
    address: str
    action: str
    target: str
    before: Any
    after: Any


class Audit:
    """Entries share commits through the ledger; each is sealed with a key that is not in the database."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._key = audit_key(settings)
        self._ledger = ledger
        self._batch: _Batch | None = None

    async def append(self, writer: BaseDBAsyncClient, deeds: Sequence[Deed]) -> None:
        """Add entries in a transaction: they are stored together with what they tell of, or neither is."""
        if deeds:
            await audit.append(writer, self._key, deeds)

    async def record(
        self,
        actor: Actor,
        action: str,
        target: str,
        before: Any = None,
        after: Any = None,
        at: datetime | None = None,
    ) -> None:
        """Add an entry; returns once it is stored. While the database is in trouble that is later, and nobody waits.

        `at` is when it was done, now unless told.
        """
        if (batch := self._batch) is None:
            batch = self._batch = _Batch()
            batch.stored = asyncio.ensure_future(self._ledger.write(partial(self._add, batch)))
            batch.stored.add_done_callback(lambda _: self._close(batch))
        done_now = deed(actor, action, target, before, after)
        batch.deeds.append(replace(done_now, at=at) if at else done_now)
        done, _ = await asyncio.wait({batch.stored}, timeout=PATIENCE_SECONDS)
        if done:
            batch.stored.result()
        else:  # the deed is done, and the database in trouble: whoever asked need not wait until it is over
            log.warning("%s of %s by %s is recorded once the database takes it", action, target, actor.name)

    def _close(self, batch: "_Batch") -> None:
        """Nothing more joins it, also when its transaction never began."""
        if self._batch is batch:
            self._batch = None

    async def _add(self, batch: "_Batch", writer: BaseDBAsyncClient) -> None:
        self._close(batch)
        await self.append(writer, batch.deeds)

    async def entries(
        self, *, actor: str = "", action: str = "", text: str = "", before_id: int | None = None, limit: int = 50
    ) -> list[Recorded]:
        """The newest first; `before_id` continues a listing."""
        where = Q()
        actor, action, text = storable(actor), storable(action), storable(text)
        if actor:
            where &= Q(actor=actor)
        if action:
            where &= Q(action__startswith=action)
        if text:
            where &= Q(target__icontains=text) | Q(actor__icontains=text) | Q(after__icontains=text)
        if before_id is not None:
            where &= Q(id__lt=before_id)
        rows = await AuditEntry.filter(where).order_by("-id").limit(min(limit, MAX_PAGE))
        return [_recorded(row) for row in rows]

    async def verify(self) -> tuple[int, str]:
        """Check every seal; returns how many entries there are, and the last seal.

        Raises:
            Broken: an entry was changed, removed or put in.
        """
        return await audit.verify(self._key)


class _Batch:
    """Deeds that are added together."""

    stored: asyncio.Future[None]

    def __init__(self) -> None:
        self.deeds: list[Deed] = []


def deed(actor: Actor, action: str, target: str, before: Any = None, after: Any = None) -> Deed:
    """What is to be recorded of what somebody does now."""
    return Deed(clock.now(), actor.name, actor.kind, actor.address, action, target, before, after)


def audit_key(settings: Settings) -> bytes:
    """What seals the log, derived from the secret key: whoever can only write the database cannot forge it."""
    secret = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return HKDF(SHA256(), 32, None, b"job-runner audit").derive(secret.encode())


def _recorded(row: AuditEntry) -> Recorded:
    before, after = (json.loads(text) if text else None for text in (row.before, row.after))
    at = datetime.fromisoformat(row.at)
    return Recorded(row.id, at, row.actor, row.kind, row.address, row.action, row.target, before, after)


def listed(entries: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Entries as JSON-able documents."""
    return [{**vars(entry), "at": entry.at.isoformat()} for entry in entries]
