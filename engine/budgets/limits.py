"""Rate limits: each job that goes out by a limited way gets its turn; none is refused, none goes before its time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.budgets.spacing import Rate, go, may_go, next_time, plan
from engine.budgets.ways import limit_words
from engine.errors import TurnLater
from engine.events import BudgetsChanged, Bus
from engine.gatherer import Gatherer
from engine.in_step import InStep
from engine.shielded import shielded
from models.database import DRIVER_ERRORS, connection, transaction
from models.rate_limit import (
    Clock,
    RateLimit,
    Turn,
    forget_turns,
    lock_clocks,
    set_clocks,
    store_turns,
    take_over,
    turns_of,
)

EACH = "*"
FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class _Ask:
    job_id: int
    ways: frozenset[str]


class RateLimits(InStep):
    """Keeps the limits as the database says, and asks it before anything goes out: another process may just limit it.

    Turns are taken in the database, one transaction for many jobs.
    """

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus, BudgetsChanged, "the rate limits")
        self._turns = Gatherer(self._take)
        self.rows: list[RateLimit] = []

    async def load(self) -> None:
        """Read the limits anew."""
        self.rows = await RateLimit.all().order_by("key")

    async def wait_for_turn(self, job_id: int, ways: Iterable[str]) -> None:
        """Return when the job may go out by these ways now; what goes nowhere asks nothing.

        Raises:
            TurnLater: its turn comes later; the job keeps it.
        """
        wanted = frozenset(ways)
        if not wanted:
            return
        with suppress(*DRIVER_ERRORS):  # what is known will do while the database is away
            await self.load()
        if not any(limit_of(way, self.rows) for way in wanted):
            return
        if later := await self._turns.ask(_Ask(job_id, wanted)):
            raise TurnLater(later.at, later.reason)

    @shielded
    async def forget(self) -> None:
        """Forget turns of long ago."""
        async with transaction() as writer:
            await forget_turns(writer, clock.now() - FORGET_AFTER)

    async def _take(self, asks: Sequence[_Ask]) -> list[Turn | None]:
        """Of each the turn that it has to wait for, None for whoever goes now.

        The clocks are locked before anything is read, all of them in one order: whoever else asks waits.
        """
        async with transaction() as writer:
            clocks = await lock_clocks(writer, {way for ask in asks for way in ask.ways})
            had = await turns_of(writer, [ask.job_id for ask in asks])
            turns = _Turns(writer, clocks, await RateLimit.all().using_db(writer), had)
            later = {ask: await turns.take(ask) for ask in sorted(asks, key=lambda ask: ask.job_id)}
            await set_clocks(writer, turns.clocks)
            await store_turns(writer, list(turns.given.values()))
        return [later[ask] for ask in asks]


class _Turns:
    """The turns that are taken in one transaction."""

    def __init__(
        self,
        writer: BaseDBAsyncClient,
        clocks: Mapping[str, Clock],
        limits: Sequence[RateLimit],
        had: Mapping[int, Turn],
    ) -> None:
        self.clocks = dict(clocks)
        self.given: dict[int, Turn] = {}
        self._writer = writer
        self._limits = limits
        self._had = had
        self._now = clock.now()
        self._taken: set[tuple[str, ...]] = set()
        """Ways by which no turn is free."""

    async def take(self, ask: _Ask) -> Turn | None:
        """See `RateLimits._take`."""
        limits = {way: row for way in sorted(ask.ways) if (row := limit_of(way, self._limits))}
        rates, now = {way: rate_of(row) for way, row in limits.items()}, self._now
        if not rates:  # the limit was removed just now
            return None
        why = self._reason(limits, rates)
        turn = self._had.get(ask.job_id)
        if turn is None or turn.ways != tuple(rates):
            turn = self._give(ask.job_id, rates, await self._at(rates), why)
        if turn.at > now:
            return turn
        if may_go(rates, self.clocks, now):
            self.clocks |= go(rates, self.clocks, now)
            return None
        at, moved = next_time(rates, self.clocks, now)
        self.clocks |= moved
        return self._give(ask.job_id, rates, at, why)

    async def _at(self, rates: Mapping[str, Rate]) -> datetime:
        at, moved = plan(rates, self.clocks, self._now)
        if at > self._now and tuple(rates) not in self._taken:
            if free := await take_over(self._writer, self._now, list(rates)):
                return free
            self._taken.add(tuple(rates))
        self.clocks |= moved
        return at

    def _give(self, job_id: int, rates: Mapping[str, Rate], at: datetime, why: str) -> Turn:
        turn = self.given[job_id] = Turn(job_id, at, tuple(rates), why)
        return turn

    def _reason(self, limits: Mapping[str, RateLimit], rates: Mapping[str, Rate]) -> str:
        """The limit that keeps it longest."""
        way = max(limits, key=lambda way: plan({way: rates[way]}, self.clocks, self._now)[0])
        return limit_words(way, limits[way].count, limits[way].per_seconds)


async def turns_of_jobs(job_ids: Collection[int]) -> dict[int, Turn]:
    """The turns of those of these jobs that have one, for whoever looks."""
    return await turns_of(connection(), job_ids) if job_ids else {}


def limit_of(way: str, rows: Iterable[RateLimit]) -> RateLimit | None:
    """The limit that holds for a way: its own, else the one for each of its kind."""
    kind, _, name = way.partition(":")
    found = {row.key: row for row in rows if row.key in (way, f"{kind}:{EACH}")}
    return found.get(way) or (found.get(f"{kind}:{EACH}") if name else None)


def rate_of(row: RateLimit) -> Rate:
    """The limit as it is reckoned with."""
    return Rate(row.count, timedelta(seconds=row.per_seconds), min(row.burst, row.count))
