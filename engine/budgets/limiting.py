"""Rate limits are set and removed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError

from engine import clock
from engine.budgets.limits import EACH, RateLimits, limit_of, rate_of
from engine.budgets.spacing import rescaled
from engine.budgets.ways import CHANNEL, HOST, MAIL, limit_words, way_words
from engine.errors import FieldError, InvalidInput, NotFound
from engine.events import BudgetsChanged, Bus, JobChanged
from engine.faults import shown
from engine.names import name_faults
from engine.shielded import shielded
from models.database import transaction
from models.rate_limit import RateClock, RateLimit, start_anew

MOST_LIMITS = 200
MOST_COUNT = 1_000_000
TOLD_AT_ONCE = 1000  # jobs; pages read the others anew by themselves
SHORTEST, LONGEST = 60, 7 * 86_400  # seconds
BURST_SHARE = 10  # of what is let out in a time, so much of it may come at once
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[^\s:/@*]+")


@dataclass(frozen=True)
class RateLimitView:
    """At most `count` in any `per_seconds`, of which at most `burst` at once."""

    id: int
    key: str
    count: int
    per_seconds: int
    burst: int
    created_by: str
    created_at: datetime

    @property
    def what(self) -> str:
        """What it limits, in words."""
        return way_words(self.key)

    @property
    def words(self) -> str:
        """The limit in words."""
        return limit_words(self.key, self.count, self.per_seconds)


class RateLimiting:
    """A changed limit gives every waiting job another turn; what went out is not forgotten by it."""

    def __init__(self, limits: RateLimits, bus: Bus) -> None:
        self._limits = limits
        self._bus = bus

    async def all(self) -> list[RateLimitView]:
        """Every limit, by key."""
        return [_view(row) for row in await RateLimit.all().order_by("key")]

    async def put(
        self, key: str, count: int, per_seconds: int, created_by: str, burst: int | None = None
    ) -> RateLimitView:
        """Limit a way, in place of the limit that it has; without `burst` a tenth may come at once.

        Raises:
            InvalidInput: a field breaks a rule.
        """
        key = _clean(key)
        faults = [*_key_faults(key), *_number_faults(count, per_seconds, burst)]
        if not faults and await RateLimit.exclude(key=key).count() >= MOST_LIMITS:
            faults = [FieldError("key", f"there may be {MOST_LIMITS} rate limits at most: remove one first")]
        if faults:
            raise InvalidInput(faults)
        holds: dict[str, Any] = {
            "count": count,
            "per_seconds": per_seconds,
            "burst": burst or max(1, count // BURST_SHARE),
        }
        await self._change(key, {**holds, "created_by": created_by, "created_at": clock.now()})
        return _view(await RateLimit.get(key=key))

    async def remove(self, key: str) -> None:
        """What waits for its turn by this way goes at once, unless another limit keeps it.

        Raises:
            NotFound: there is no such limit.
        """
        if not await RateLimit.exists(key=_clean(key)):
            raise NotFound("rate limit", key)
        await self._change(_clean(key), None)

    @shielded
    async def _change(self, key: str, values: dict[str, Any] | None) -> None:
        async with transaction() as writer:
            jobs = await start_anew(writer)
            before = await RateLimit.all().using_db(writer)
            await _store(writer, key, values)
            await _rescale(writer, before, await RateLimit.all().using_db(writer), clock.now())
        await self._limits.load()
        self._bus.publish(BudgetsChanged())
        for job_id in jobs[:TOLD_AT_ONCE]:
            self._bus.publish(JobChanged(job_id))


async def _store(writer: BaseDBAsyncClient, key: str, values: dict[str, Any] | None) -> None:
    row = RateLimit.filter(key=key).using_db(writer)
    if values is None:
        await row.delete()
    elif not await row.update(**values):
        try:
            await RateLimit.create(using_db=writer, key=key, **values)
        except IntegrityError:
            raise InvalidInput([FieldError("key", f"somebody has just limited {key}: look again")]) from None


async def _rescale(
    writer: BaseDBAsyncClient, before: Sequence[RateLimit], after: Sequence[RateLimit], now: datetime
) -> None:
    for way in await RateClock.filter(gone__gt=now).using_db(writer):
        old, new = limit_of(way.key, before), limit_of(way.key, after)
        if old and way.gone:  # without a limit nothing is counted, so a later one begins anew
            gone = rescaled(way.gone, rate_of(old), rate_of(new), now) if new else None
            await RateClock.filter(key=way.key).using_db(writer).update(gone=gone)


def _clean(key: str) -> str:
    kind, colon, name = key.strip().partition(":")
    return f"{kind}{colon}{name if kind == CHANNEL else name.lower()}"


def _key_faults(key: str) -> list[FieldError]:
    kind, _, name = key.partition(":")
    if key == MAIL or (kind in (MAIL, CHANNEL, HOST) and name == EACH):
        return []
    if kind in (MAIL, HOST) and _DOMAIN.fullmatch(name):
        return []
    if kind == CHANNEL and not name_faults(name):
        return []
    rule = "key must be mail, mail:DOMAIN, channel:NAME or host:NAME, with * for each of them"
    return [FieldError("key", f"{rule}, not {shown(key)}")]


def _number_faults(count: int, per_seconds: int, burst: int | None) -> list[FieldError]:
    most = {"count": (count, 1, MOST_COUNT), "per_seconds": (per_seconds, SHORTEST, LONGEST)}
    if burst is not None:
        most["burst"] = (burst, 1, count)
    return [
        FieldError(name, f"{name} must be {low:,} to {high:,}, not {value:,}")
        for name, (value, low, high) in most.items()
        if not low <= value <= high
    ]


def _view(row: RateLimit) -> RateLimitView:
    names = ("id", "key", "count", "per_seconds", "burst", "created_by", "created_at")
    return RateLimitView(**{name: getattr(row, name) for name in names})
