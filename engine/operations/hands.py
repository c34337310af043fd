"""What does an operation's work on one job: the same commands by which a single job is moved."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine import clock
from engine.actors import Actor
from engine.approvals.policy import Policy
from engine.approvals.reviews import Reviews
from engine.audit import Audit
from engine.commands import Commands
from engine.errors import InvalidInput, JobRunnerError, MoveNotAllowed, NotFound, Superseded
from engine.events import Bus, Event
from engine.jobs import Registry
from engine.queries import Queries
from engine.settings import Settings
from models.job import Job
from models.operation import Item, Operation, Outcome
from models.states import Move, Priority

_VERSION = re.compile(r"\bversion \d+")
_AT = re.compile(r" at \d\d:\d\d:\d\d UTC")


@dataclass(frozen=True)
class Tools:
    """What commands are made of."""

    settings: Settings
    registry: Registry
    bus: Bus
    audit: Audit
    queries: Queries
    policy: Policy


class _Held(Bus):
    """Keeps what happens to itself, until that is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


class Hands:
    """For one transaction: what is done in it is told by `tell`, once it is committed."""

    def __init__(self, tools: Tools) -> None:
        self._bus, self._held = tools.bus, _Held()
        self._commands = Commands(tools.settings, tools.registry, self._held, tools.audit, tools.queries, tools.policy)
        self._reviews = Reviews(tools.settings, tools.registry, self._held, tools.audit)

    def tell(self) -> None:
        """Everybody hears what was done."""
        for event in dict.fromkeys(self._held.events):
            self._bus.publish(event)

    async def carry_out(self, actor: Actor, row: Operation, item: Item) -> Outcome:
        """Move the item's job; what came of it, which may be a refusal. It is told as of the moment before."""
        at = clock.now()
        moves: dict[Move, Callable[[], Awaitable[str | None]]] = {
            Move.APPROVE: lambda: self._approve(actor, item),
            Move.UNDO_APPROVAL: lambda: self._undo_approval(actor, item),
            Move.PRIORITIZE: lambda: self._prioritize(row, item),
        }
        try:
            before = await moves.get(Move(row.move), lambda: self._move(Move(row.move), item))()
        except JobRunnerError as error:
            return Outcome(item.id, at, item.before, _reason(error, item.job_id))
        return Outcome(item.id, at, before)

    async def _move(self, move: Move, item: Item) -> None:
        match move:
            case Move.CANCEL:
                await self._commands.cancel(item.job_id, waits=False)
            case Move.PAUSE:
                await self._commands.pause(item.job_id)
            case Move.RESUME:
                await self._commands.resume(item.job_id)
            case Move.RETRY:
                await self._commands.retry(item.job_id)
            case Move.RUN_NOW:
                await self._commands.run_now(item.job_id)

    async def _approve(self, actor: Actor, item: Item) -> str | None:
        """Only what it was when the approval was asked for; of its hash the item holds the beginning."""
        job = await Job.get_or_none(id=item.job_id).only("id", "content_hash")
        shown = job.content_hash if job else None
        if shown and not (item.before and shown.startswith(item.before)):
            raise Superseded("it would do something else by now than was shown: look at it, then decide")
        await self._reviews.approve(actor, item.job_id, shown=shown)
        return item.before

    async def _undo_approval(self, actor: Actor, item: Item) -> str | None:
        await self._reviews.undo(actor, item.job_id)
        return item.before

    async def _prioritize(self, row: Operation, item: Item) -> str | None:
        """The item keeps the former priority; an operation that undoes another has it already."""
        if row.undo_of:
            instead_of = str(row.arguments["instead_of"])
            await self._commands.set_priority(item.job_id, item.before or "", instead_of=instead_of)
            return item.before
        job = await Job.get_or_none(id=item.job_id).only("id", "priority")
        await self._commands.set_priority(item.job_id, str(row.arguments["priority"]))
        return Priority(job.priority).word if job else None


def _reason(error: JobRunnerError, job_id: int) -> str:
    """Without what differs from job to job, so that jobs refused alike are told together."""
    match error:
        case NotFound():
            return "there is no such job"
        case MoveNotAllowed():
            return error.why
        case Superseded():
            return _AT.sub("", _VERSION.sub("its latest version", str(error).replace(f"job {job_id}", "the job")))
        case InvalidInput() | JobRunnerError():
            return str(error)
