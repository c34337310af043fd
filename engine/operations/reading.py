"""What anyone may look at of operations. Nothing here writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tortoise.functions import Count

from engine import clock
from engine.errors import NotFound
from engine.operations.terms import is_in_time, undoing
from engine.settings import Settings
from engine.views import OperationView, RefusalView
from models.operation import DONE, REFUSED, Operation, OperationItem

REASONS = 20
FIRST_IDS = 5
MOVES_SHOWN = 100


class JobMove(NamedTuple):
    """What an operation did to a job, and when it did that."""

    operation_id: int
    at: datetime
    actor: str
    move: str


class OperationQueries:
    """Reads for pages and API."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def operation(self, operation_id: int) -> OperationView:
        """One operation.

        Raises:
            NotFound: there is none with this id.
        """
        if row := await Operation.get_or_none(id=operation_id):
            return (await self._views([row]))[0]
        raise NotFound("operation", operation_id)

    async def recent(self, actor_name: str | None, limit: int = 20) -> list[OperationView]:
        """The latest of somebody, or of everybody: those under way first, then the newest."""
        rows = Operation.all() if actor_name is None else Operation.filter(actor=actor_name)
        under_way = await rows.filter(finished_at=None).order_by("-id").limit(limit)
        over = await rows.exclude(finished_at=None).order_by("-id").limit(limit - len(under_way))
        return await self._views([*under_way, *over])

    async def refusals(self, operation_id: int) -> list[RefusalView]:
        """Why jobs were left as they are: the reasons that most of them have first, each with its first jobs."""
        refused = OperationItem.filter(operation_id=operation_id, outcome=REFUSED)
        grouped = refused.annotate(n=Count("id")).group_by("reason").order_by("-n", "reason").limit(REASONS)
        views = []
        for row in await grouped.values("reason", "n"):
            first = refused.filter(reason=row["reason"]).order_by("id").limit(FIRST_IDS)
            ids = await first.values_list("job_id")
            views.append(RefusalView(row["reason"], row["n"], tuple(int(job_id) for (job_id,) in ids)))
        return views

    async def of_job(self, job_id: int) -> list[JobMove]:
        """What operations did to a job, the first one first; at most the latest hundred."""
        done = OperationItem.filter(job_id=job_id, outcome=DONE).order_by("-id").limit(MOVES_SHOWN)
        at = {row["operation_id"]: row["at"] for row in await done.values("operation_id", "at")}
        rows = await Operation.filter(id__in=list(at)) if at else []
        moves = [JobMove(row.id, at[row.id] or row.created_at, row.actor, row.move) for row in rows]
        return sorted(moves, key=lambda move: (move.at, move.operation_id))

    async def _views(self, rows: Sequence[Operation]) -> list[OperationView]:
        ids = [row.id for row in rows]
        undoings = await Operation.filter(undo_of__in=ids).values("id", "undo_of") if ids else []
        undone_by = {undoing["undo_of"]: int(undoing["id"]) for undoing in undoings}
        return [self._view(row, undone_by.get(row.id)) for row in rows]

    def _view(self, row: Operation, undone_by: int | None) -> OperationView:
        in_time = is_in_time(row, self._settings.undo_seconds, clock.now())
        return OperationView(
            id=row.id,
            move=row.move,
            arguments={name: value for name, value in row.arguments.items() if name == "priority"},
            criteria=row.criteria,
            actor=row.actor,
            created_at=row.created_at,
            finished_at=row.finished_at,
            stop_asked=row.stop_asked,
            total=row.total,
            done=row.done,
            refused=row.refused,
            undo_of=row.undo_of,
            undone_by=undone_by,
            undoable=undone_by is None and undoing(row) is not None and in_time,
        )
