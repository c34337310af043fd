"""What may be done with many jobs at once, and the words for it: pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.views import JobView, OperationView
from models.looking import MOST_COUNTED
from models.rights import RIGHT_OF_MOVE, Right
from models.states import ALLOWED_FROM, Approval, Move, Status
from ui.theme import MOVES

_ICONS = {Move.PRIORITIZE: "low_priority"}


@dataclass(frozen=True)
class Wish:
    """A verb for many jobs: what its button says, what is told while it is carried out, and afterwards."""

    move: str
    label: str
    icon: str
    doing: str
    done: str
    only: str
    statuses: frozenset[Status]
    right: Right = Right.OPERATE


def _wish(move: Move, label: str, doing: str, done: str, only: str) -> Wish:
    return Wish(
        move, label, _ICONS.get(move) or MOVES[move].icon, doing, done, only, ALLOWED_FROM[move], RIGHT_OF_MOVE[move]
    )


WISHES = {
    wish.move: wish
    for wish in (
        _wish(Move.RETRY, "Retry", "Retrying", "retried", "only failed jobs can be retried"),
        _wish(Move.PAUSE, "Pause", "Pausing", "paused", "only queued and running jobs can be paused"),
        _wish(Move.RESUME, "Resume", "Resuming", "resumed", "only paused jobs can be resumed"),
        _wish(Move.RUN_NOW, "Run now", "Starting", "started", "only jobs that wait for their time can be run now"),
        _wish(Move.APPROVE, "Approve", "Approving", "approved", "only jobs that need approval can be approved"),
        _wish(Move.CANCEL, "Cancel", "Cancelling", "cancelled", "jobs that are over cannot be cancelled"),
        _wish(Move.PRIORITIZE, "Priority", "Changing the priority of", "given another priority",
              "only jobs that wait or failed have a priority to change"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """Some jobs: how many stand where, and how many of them need approval; `capped` if there are more."""

    statuses: Counter[Status]
    pending: int
    capped: bool = False

    @property
    def total(self) -> int:
        """How many, as far as they are counted."""
        return min(self.statuses.total(), MOST_COUNTED) if self.capped else self.statuses.total()

    def able(self, wish: Wish) -> int:
        """With how many of them it may be done."""
        if wish.move == Move.APPROVE:
            return self.pending
        return sum(number for status, number in self.statuses.items() if status in wish.statuses)

    def told(self, wish: Wish) -> str:
        """Those, as in "1,204 jobs"."""
        return many(self.able(wish), capped=self.capped)


def chosen_of(jobs: Iterable[JobView]) -> Chosen:
    """These jobs."""
    jobs = list(jobs)
    pending = sum(Move.APPROVE in job.allowed and job.approval == Approval.PENDING for job in jobs)
    return Chosen(Counter(job.status for job in jobs), pending)


def many(number: int, *, capped: bool = False) -> str:
    """A number of jobs in words."""
    if capped:
        return f"{min(number, MOST_COUNTED):,}+ jobs"
    return "1 job" if number == 1 else f"{number:,} jobs"


def why_not(wish: Wish, chosen: Chosen) -> str:
    """Why nothing of it can be done, or an empty text."""
    return "" if chosen.able(wish) else f"None of them: {wish.only}"


def needs_question(wish: Wish, *, is_everything: bool) -> bool:
    """Whether somebody is asked first: what cannot be taken back, and what starts more than was looked at."""
    return wish.move in (Move.CANCEL, Move.APPROVE) or is_everything


def consequences(wish: Wish, chosen: Chosen) -> list[str]:
    """What will happen to how many of which kinds."""
    numbers, plus = chosen.statuses, "+" if chosen.capped else ""
    said = []
    if wish.move == Move.APPROVE:
        said.append("They are approved as they are now. What they send or publish cannot be taken back.")
    else:
        said += [_each(wish, status, numbers[status], plus) for status in Status if _counts(wish, status, numbers)]
    left = chosen.total - chosen.able(wish)
    if left > 0 and not chosen.capped:  # else nobody knows how many
        said.append(f"{left:,} cannot be {wish.done} and {'is' if left == 1 else 'are'} left as {_they(left)}.")
    return said


def _counts(wish: Wish, status: Status, numbers: Counter[Status]) -> bool:
    return status in wish.statuses and numbers[status] > 0


def _each(wish: Wish, status: Status, number: int, plus: str) -> str:
    if wish.move == Move.CANCEL:
        what = {
            Status.RUNNING: "running: will be stopped; what is already sent or published cannot be taken back",
            Status.FAILED: "failed: will be dismissed, and cannot be retried any more",
        }
        return f"{number:,}{plus} {what.get(status, f'{status}: will not run')}."
    return f"{number:,}{plus} {status}."


def _they(number: int) -> str:
    return "it is" if number == 1 else "they are"


def progress(operation: OperationView) -> str:
    """What an operation has come to, in a line."""
    handled = operation.done + operation.refused
    if operation.finished_at is None:
        verb = "Undoing" if operation.undo_of else WISHES[operation.move].doing
        stopping = "Stopping: " if operation.stop_asked else ""
        return f"{stopping}{verb} {handled:,} of {operation.total:,}"
    done = "taken back" if operation.undo_of else done_word(operation)
    said = [f"{operation.done:,} {done}"]
    if operation.refused:
        said.append(f"{operation.refused:,} left as {_they(operation.refused)}")
    if untouched := operation.total - handled:
        said.append(f"stopped before {untouched:,}")
    return ", ".join(said)


def done_word(operation: OperationView) -> str:
    """What was done, as in "retried"."""
    if operation.move == Move.PRIORITIZE:
        return f"set to {operation.arguments.get('priority', 'another')} priority"
    return WISHES[operation.move].done
