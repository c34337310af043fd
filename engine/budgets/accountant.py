"""Tells people of budgets that are nearly used up or spent: once a day each, whichever process notices."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

from tortoise.backends.base.client import BaseDBAsyncClient

from engine import clock
from engine.actors import Actor, Kind
from engine.audit import Audit, Deed, deed
from engine.budgets.book import Budgets, BudgetView
from engine.budgets.limits import RateLimits
from engine.cluster import Cluster
from engine.events import AttemptEnded, BudgetsChanged, Bus, Event
from engine.health import Health
from engine.ledger import Ledger
from engine.webhooks import BUDGET_LOW, BUDGET_SPENT, Webhooks
from models.budget import tell_once
from models.usage import day_of

LOOK_SECONDS = 5.0
COLLECT_SECONDS = 0.5
RETRY_SECONDS = 2.0
FORGET_SECONDS = 3600.0
JOB_RUNNER = Actor("Job Runner", Kind.SYSTEM, frozenset())


class Accountant:
    """One process does it, the one that leads."""

    def __init__(
        self,
        budgets: Budgets,
        limits: RateLimits,
        bus: Bus,
        ledger: Ledger,
        audit: Audit,
        webhooks: Webhooks,
        health: Health,
        cluster: Cluster,
    ) -> None:
        self._budgets = budgets
        self._limits = limits
        self._bus = bus
        self._ledger = ledger
        self._audit = audit
        self._webhooks = webhooks
        self._health = health
        self._cluster = cluster
        self._wake = asyncio.Event()
        self._day = day_of(clock.now())
        self._forgot_at = monotonic()
        bus.subscribe(self._on_event)

    async def run(self) -> None:
        """Look after attempts have ended, and now and then, for ever."""
        while True:
            if not self._cluster.leading.is_set():
                self._health.worked("counting budgets")  # another process does it
                await self._cluster.leading.wait()
            self._wake.clear()
            pause = LOOK_SECONDS
            try:
                await self.look()
                self._health.worked("counting budgets")
            except Exception as error:
                self._health.failed("counting budgets", error)
                pause = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            await asyncio.sleep(COLLECT_SECONDS)

    async def look(self) -> None:
        """Tell of every budget of which nobody was told today, and of a new day, on which jobs go on."""
        now = clock.now()
        views = await self._budgets.views(now=now)
        low = [view for view in views if view.is_low]
        told = await self._ledger.write(partial(self._tell, low, day_of(now))) if low else []
        if told or (views and day_of(now) != self._day):
            self._bus.publish(BudgetsChanged())
        self._day = day_of(now)
        if monotonic() - self._forgot_at > FORGET_SECONDS:
            self._forgot_at = monotonic()
            await self._limits.forget()

    async def _tell(self, low: Sequence[BudgetView], day: str, writer: BaseDBAsyncClient) -> list[BudgetView]:
        told = [view for view in low if await tell_once(writer, view.id, view.most, day, spent=view.is_spent)]
        await self._audit.append(writer, [_entry(view) for view in told])
        await self._webhooks.tell_of_budgets([(view, _kind(view)) for view in told], clock.now())
        return told

    def _on_event(self, event: Event) -> None:
        if self._budgets.is_any and isinstance(event, AttemptEnded | BudgetsChanged):
            self._wake.set()


def _kind(view: BudgetView) -> str:
    return BUDGET_SPENT if view.is_spent else BUDGET_LOW


def _entry(view: BudgetView) -> Deed:
    words = view.words[:1].upper() + view.words[1:]
    return deed(JOB_RUNNER, _kind(view), f"budget {view.id}", None, {"message": words})
