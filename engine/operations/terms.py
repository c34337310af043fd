"""What an operation may ask of its jobs, what undoes it, and how much of it there may be."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.errors import FieldError, InvalidInput
from engine.faults import shown
from models.operation import Operation
from models.states import Move, Priority

MOST = 100_000  # jobs of one operation
MAX_ID = 2**63 - 1
MOVES = (Move.CANCEL, Move.PAUSE, Move.RESUME, Move.RETRY, Move.APPROVE, Move.RUN_NOW, Move.PRIORITIZE)
UNDOES = {
    Move.PAUSE: Move.RESUME,
    Move.RESUME: Move.PAUSE,
    Move.PRIORITIZE: Move.PRIORITIZE,
    Move.APPROVE: Move.UNDO_APPROVAL,
}


def checked_move(word: str) -> Move:
    """The move that the word means.

    Raises:
        InvalidInput: no operation does that.
    """
    if word not in MOVES:
        raise InvalidInput([FieldError("move", f"move must be one of {', '.join(MOVES)}, not {shown(word)}")])
    return Move(word)


def checked_arguments(move: Move, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a move takes beside the job.

    Raises:
        InvalidInput: something is missing or too much.
    """
    known = {"priority"} if move is Move.PRIORITIZE else set()
    if more := sorted(set(arguments) - known):
        takes = f"takes {', '.join(known)}" if known else "takes none"
        raise InvalidInput([FieldError("arguments", f"arguments must fit the move: {move} {takes}, not {shown(more)}")])
    return {"priority": checked_priority(arguments.get("priority", ""))} if known else {}


def checked_priority(word: str) -> str:
    """The word, if it is a priority.

    Raises:
        InvalidInput: it is none.
    """
    if word not in [priority.word for priority in Priority]:
        raise InvalidInput([FieldError("priority", f"priority must be high, medium or low, not {shown(word)}")])
    return word


def checked_ids(ids: Sequence[int]) -> list[int]:
    """Each job once, in order.

    Raises:
        InvalidInput: there is none, one that cannot be, or too many.
    """
    if not ids:
        raise InvalidInput([FieldError("ids", "ids must name at least one job")])
    if bad := [job_id for job_id in ids if not 1 <= job_id <= MAX_ID]:
        raise InvalidInput([FieldError("ids", f"ids must be whole numbers from 1 on, not {shown(bad[0])}")])
    each = sorted(set(ids))
    if len(each) > MOST:
        raise InvalidInput([FieldError("ids", f"ids must name at most {MOST:,} jobs, not {len(each):,}")])
    return each


def undoing(row: Operation) -> Move | None:
    """The move that undoes this operation; None if it cannot be undone, as an undoing cannot."""
    return None if row.undo_of else UNDOES.get(Move(row.move))


def is_in_time(row: Operation, undo_seconds: float, now: datetime) -> bool:
    """Whether it may be undone just now, as far as its jobs go: of approvals only while they may be taken back."""
    if row.finished_at is None or not row.done:
        return False
    return row.move != Move.APPROVE or now < row.finished_at + timedelta(seconds=undo_seconds)
