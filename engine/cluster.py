"""The other processes on this database: they hear what happens here, this one what happens there, and one leads."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

from engine.events import (
    AccessChanged,
    AttemptEnded,
    BudgetsChanged,
    Bus,
    ChannelsChanged,
    EngineChanged,
    Event,
    JobChanged,
    JobLogged,
    JobProgressed,
    OperationChanged,
    PolicyChanged,
    SchedulesChanged,
    SecretsChanged,
    StopAsked,
    TypesChanged,
    WebhooksChanged,
    WorkflowsChanged,
)
from engine.settings import Settings
from models.states import Move

log = logging.getLogger(__name__)

LEAD_SECONDS = 3.0
RECONNECT_SECONDS = 1.0
EVENTS_A_MESSAGE = 150  # so that a message stays within what PostgreSQL takes

_News = tuple[Any, ...]  # an event's code, and what tells it from others of the same kind


class Cluster:
    """On SQLite there is nobody else: this process leads, and nothing is told.

    On PostgreSQL events are told by NOTIFY, ids only: what happens while one message is on its way gathers for the
    next. Whoever misses one, because the line broke, heals when it reads its page again.
    """

    def __init__(self, settings: Settings, process_id: str, bus: Bus, *, may_lead: bool = True) -> None:
        self._url = settings.database
        self._id = process_id
        self._bus = bus
        self._may_lead = may_lead
        self._news: dict[_News, Event] = {}
        self._woken = asyncio.Event()
        self._hearing = False
        self.leading = asyncio.Event()
        """Set while this process leads."""
        if not settings.is_shared:
            self.leading.set()
        if settings.is_shared:
            bus.subscribe(self._on_event)

    async def run(self) -> None:
        """Keep a line open, and a new one when it breaks; nothing to do where there is nobody else."""
        from models.line import Line  # needs the driver of PostgreSQL

        fault = ""
        while True:
            try:
                line = await Line.open(self._url, self._on_told)
            except Exception as error:
                if fault != (fault := str(error)):  # once, not at every try
                    log.warning("no line to the other processes, trying again: %s", fault)
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if fault:
                log.warning("the line to the other processes is back")
                fault = ""
            self._bus.publish(EngineChanged())  # what was missed meanwhile may be anything
            duties = [asyncio.create_task(self._tell(line)), asyncio.create_task(self._lead(line))]
            try:
                await line.broken.wait()
            finally:
                self.leading.clear()
                for duty in duties:
                    duty.cancel()
                await asyncio.gather(*duties, return_exceptions=True)
                await line.close()

    async def _lead(self, line: Any) -> None:
        while True:
            if not self._may_lead or self.leading.is_set():
                await line.ping()
            elif await line.lead():
                self.leading.set()
                log.info("this process leads: it rescues and prunes")
            await asyncio.sleep(LEAD_SECONDS)

    async def _tell(self, line: Any) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._news:
                keys = list(self._news)[:EVENTS_A_MESSAGE]
                told = [_told(self._news[key]) for key in keys]
                for key in keys:
                    del self._news[key]
                await line.tell(json.dumps({"by": self._id, "news": told}, separators=(",", ":")))

    def _on_event(self, event: Event) -> None:
        if not self._hearing:
            news = _told(event)
            self._news[tuple(news[:2])] = event  # of many changes of one job, the latest tells it all
            self._woken.set()

    def _on_told(self, message: str) -> None:
        heard = json.loads(message)
        if heard["by"] == self._id:
            return
        self._hearing = True
        try:
            for event in _events(heard["news"]):
                self._bus.publish(event)
        finally:
            self._hearing = False


def _told(event: Event) -> list[Any]:
    match event:
        case JobChanged(job_id):
            return ["changed", job_id]
        case JobProgressed(job_id, percent):
            return ["progressed", job_id, round(percent, 2)]
        case JobLogged(job_id, attempt):
            return ["logged", job_id, attempt]
        case StopAsked(job_id, move):
            return ["stop", job_id, move]
        case AttemptEnded(job_id):
            return ["ended", job_id]
        case ChannelsChanged():
            return ["channels", 0]
        case TypesChanged():
            return ["types", 0]
        case WebhooksChanged():
            return ["webhooks", 0]
        case SecretsChanged():
            return ["secrets", 0]
        case PolicyChanged():
            return ["policy", 0]
        case WorkflowsChanged():
            return ["workflows", 0]
        case BudgetsChanged():
            return ["budgets", 0]
        case OperationChanged(operation_id):
            return ["operation", operation_id]
        case SchedulesChanged():
            return ["schedules", 0]
        case AccessChanged():
            return ["access", 0]
        case EngineChanged():
            return ["engine", 0]


def _events(news: list[list[Any]]) -> Iterator[Event]:
    for kind, job_id, *rest in news:
        match kind:
            case "changed":
                yield JobChanged(job_id)
            case "progressed":
                yield JobProgressed(job_id, rest[0])
            case "logged":
                yield JobLogged(job_id, rest[0], "")
            case "stop":
                yield StopAsked(job_id, Move(rest[0]))
            case "ended":
                yield AttemptEnded(job_id)
            case "channels":
                yield ChannelsChanged()
            case "types":
                yield TypesChanged()
            case "webhooks":
                yield WebhooksChanged()
            case "secrets":
                yield SecretsChanged()
            case "policy":
                yield PolicyChanged()
            case "workflows":
                yield WorkflowsChanged()
            case "budgets":
                yield BudgetsChanged()
            case "operation":
                yield OperationChanged(job_id)
            case "schedules":
                yield SchedulesChanged()
            case "access":
                yield AccessChanged()
            case "engine":
                yield EngineChanged()
