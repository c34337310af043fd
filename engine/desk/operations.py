"""Wishes about many jobs, and about when one has its turn."""

from collections.abc import Sequence
from typing import Any

from engine.desk.base import BaseDesk, whole
from engine.finding import Criteria
from engine.operations.terms import checked_arguments, checked_move
from engine.views import OperationView
from models.rights import RIGHT_OF_MOVE, Right
from models.states import Move


class OperationDesk(BaseDesk):
    """Move many jobs as one tracked operation; it takes the right to move one of them."""

    async def begin_operation(
        self,
        move: str,
        *,
        ids: Sequence[int] | None = None,
        criteria: Criteria | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> OperationView:
        """See `Operations.begin`; it is carried out in the background.

        Raises:
            InvalidInput: no operation does that, its arguments break a rule, or no jobs or too many are named.
        """
        known = checked_move(move)
        given = checked_arguments(known, arguments or {})
        actor = await self._allowed(RIGHT_OF_MOVE[known])
        made = await self._services.operations.begin(actor, known, given, ids=ids, criteria=criteria)
        return await self._services.queries.operations.operation(made)

    async def stop_operation(self, operation_id: int) -> OperationView:
        """See `Operations.stop`."""
        actor = await self._allowed(Right.OPERATE)
        await self._services.operations.stop(actor, operation_id)
        return await self._services.queries.operations.operation(operation_id)

    async def undo_operation(self, operation_id: int) -> OperationView:
        """See `Operations.undo`; the operation that does so."""
        actor = await self._allowed(RIGHT_OF_MOVE[await self._services.operations.undoing(operation_id)])
        made = await self._services.operations.undo(actor, operation_id)
        return await self._services.queries.operations.operation(made)

    async def prioritize(self, job_id: int, priority: str) -> None:
        """See `Commands.set_priority`."""
        actor = await self._allowed(RIGHT_OF_MOVE[Move.PRIORITIZE])

        async def prioritized() -> None:
            before = (await self._services.queries.job(job_id)).priority
            await self._services.commands.set_priority(job_id, priority)
            told = {"priority": before}, {"priority": priority}
            await self._record(actor, f"job.{Move.PRIORITIZE}", f"job {job_id}", *told)

        await whole(prioritized())
