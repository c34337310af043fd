"""Begin, stop and undo operations: what is to be done is stored, and carried out later by whoever has the time."""

from collections.abc import Mapping, Sequence
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from engine import clock
from engine.actors import Actor
from engine.audit import Audit, deed
from engine.errors import FieldError, InvalidInput, NotFound, Superseded
from engine.events import Bus, OperationChanged
from engine.finding import Criteria, Finder
from engine.operations.terms import MOST, checked_ids, is_in_time, undoing
from engine.settings import Settings
from engine.shielded import shielded
from models.database import transaction
from models.finding import count_found, note_found
from models.operation import Operation, OperationItem, note_done, note_ids
from models.states import Move


class Operations:
    """Each call is one transaction with its audit entry."""

    def __init__(self, settings: Settings, bus: Bus, audit: Audit, finder: Finder) -> None:
        self._settings = settings
        self._bus = bus
        self._audit = audit
        self._finder = finder

    async def begin(
        self,
        actor: Actor,
        move: Move,
        arguments: Mapping[str, Any],
        *,
        ids: Sequence[int] | None = None,
        criteria: Criteria | None = None,
    ) -> int:
        """Do this to these jobs, or to every job that matches just now; returns the operation's id.

        Raises:
            InvalidInput: both or neither are given, or no job is, or too many are.
        """
        if (ids is None) == (criteria is None):
            raise InvalidInput([FieldError("ids", "ids or criteria must say which jobs, one of them and not both")])
        if criteria is None:
            return await self._begin_with(actor, move, arguments, checked_ids(ids or ()))
        await self._check_amount(criteria)
        return await self._begin_found(actor, move, arguments, criteria)

    async def _check_amount(self, criteria: Criteria) -> None:
        found = await count_found(self._finder.wanted(criteria), most=MOST + 1)
        if not found:
            raise InvalidInput([FieldError("criteria", "criteria must match at least one job, and nothing matches")])
        if found > MOST:
            rule = f"criteria must match at most {MOST:,} jobs, and more do: narrow them, or go on with the rest later"
            raise InvalidInput([FieldError("criteria", rule)])

    @shielded
    async def _begin_with(self, actor: Actor, move: Move, arguments: Mapping[str, Any], ids: list[int]) -> int:
        async with transaction() as writer:
            row = await _new(actor, move, arguments)
            await note_ids(writer, row.id, ids, with_content=move is Move.APPROVE)
            await self._record_begin(writer, actor, row)
        self._bus.publish(OperationChanged(row.id))
        return int(row.id)

    @shielded
    async def _begin_found(self, actor: Actor, move: Move, arguments: Mapping[str, Any], criteria: Criteria) -> int:
        async with transaction() as writer:
            row = await _new(actor, move, arguments, criteria=criteria.told())
            wanted = self._finder.wanted(criteria)
            await note_found(writer, row.id, wanted, with_content=move is Move.APPROVE, limit=MOST)
            await self._record_begin(writer, actor, row)
        self._bus.publish(OperationChanged(row.id))
        return int(row.id)

    async def _record_begin(self, writer: BaseDBAsyncClient, actor: Actor, row: Operation) -> None:
        row.total = await OperationItem.filter(operation_id=row.id).count()
        await Operation.filter(id=row.id).update(total=row.total)
        after = {"move": row.move, **row.arguments, "criteria": row.criteria, "jobs": row.total, "undoes": row.undo_of}
        told = {name: value for name, value in after.items() if value is not None}
        await self._audit.append(writer, [deed(actor, "operation.begin", f"operation {row.id}", None, told)])

    @shielded
    async def stop(self, actor: Actor, operation_id: int) -> None:
        """Leave the jobs whose turn has not come as they are; one that has ended stays as it is.

        Raises:
            NotFound: there is no such operation.
        """
        async with transaction() as writer:
            open_ones = Operation.filter(id=operation_id, finished_at=None, stop_asked=False)
            if await open_ones.update(stop_asked=True):
                await self._audit.append(writer, [deed(actor, "operation.stop", f"operation {operation_id}")])
            elif not await Operation.exists(id=operation_id):
                raise NotFound("operation", operation_id)
        self._bus.publish(OperationChanged(operation_id))

    async def undoing(self, operation_id: int) -> Move:
        """The move that undoes it.

        Raises:
            NotFound: there is no such operation.
            Superseded: it cannot be undone.
        """
        if (row := await Operation.get_or_none(id=operation_id)) is None:
            raise NotFound("operation", operation_id)
        if (move := undoing(row)) is None:
            what = "an undoing" if row.undo_of else row.move.replace("_", " ")
            raise Superseded(f"operation {row.id} cannot be undone: there is no undoing of {what}")
        return move

    @shielded
    async def undo(self, actor: Actor, operation_id: int) -> int:
        """Bring back what was, of the jobs that were changed; returns the id of the operation that does so.

        Raises:
            NotFound: there is no such operation.
            Superseded: it cannot be undone, not yet or no more.
        """
        move = await self.undoing(operation_id)
        async with transaction() as writer:
            await Operation.filter(id=operation_id).update(total=F("total"))  # of two who undo it, one comes first
            former = await Operation.get(id=operation_id)
            self._check_undoable(former, await Operation.get_or_none(undo_of=operation_id))
            arguments = {"instead_of": former.arguments["priority"]} if move is Move.PRIORITIZE else {}
            row = await _new(actor, move, arguments, undo_of=operation_id)
            await note_done(writer, row.id, operation_id)
            await self._record_begin(writer, actor, row)
        self._bus.publish(OperationChanged(operation_id))
        self._bus.publish(OperationChanged(row.id))
        return int(row.id)

    def _check_undoable(self, row: Operation, undone_by: Operation | None) -> None:
        if undone_by:
            raise Superseded(f"{undone_by.actor} has undone operation {row.id} already")
        if row.finished_at is None:
            raise Superseded(f"operation {row.id} is under way: stop it, then undo it")
        if not row.done:
            raise Superseded(f"operation {row.id} changed no job")
        if not is_in_time(row, self._settings.undo_seconds, clock.now()):
            seconds = self._settings.undo_seconds
            raise Superseded(f"the approvals of operation {row.id} could be undone for {seconds:g} s, and that is over")


async def _new(actor: Actor, move: Move, arguments: Mapping[str, Any], **more: Any) -> Operation:
    """Its actor is looked up anew before anything is done."""
    return await Operation.create(
        move=move,
        arguments=dict(arguments),
        actor=actor.name,
        actor_kind=actor.kind,
        actor_key=actor.key,
        address=actor.address[:64],
        created_at=clock.now(),
        total=0,
        **more,
    )
