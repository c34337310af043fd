"""What a card says about a job: pure, from a view to words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.errors import cannot
from engine.views import EngineState, JobView
from models.rights import RIGHT_OF_MOVE, Right
from models.states import POISONOUS, UNKNOWN, Approval, Move, Status
from ui.theme import FACETS, MOVES, STATUSES, Facet

Rights = frozenset[Right]
EVERY_RIGHT: Rights = frozenset(Right)


@dataclass(frozen=True)
class Badge:
    """Icon and word, in the colour of `kind`; `at` is a moment that the browser writes in local time."""

    kind: str
    icon: str
    word: str
    at: datetime | None = None
    show: str = "clock"


@dataclass(frozen=True)
class Action:
    """A button on a card; without a reason it is allowed."""

    move: Move
    label: str
    icon: str
    reason: str = ""


def status_badge(job: JobView) -> Badge:
    """Where the job stands."""
    style = STATUSES[job.status]
    return Badge(job.status, style.icon, job.status.capitalize())


def facet_badge(job: JobView, now: datetime) -> Badge | None:
    """The finer truth beside the status, if there is one that a person should know."""
    if job.outcome in (UNKNOWN, POISONOUS):
        return _facet(FACETS[job.outcome])
    if job.status in (Status.QUEUED, Status.PAUSED) and job.approval == Approval.PENDING:
        return _facet(FACETS["approval"])
    if is_undoable(job, now):
        return replace(_facet(FACETS["undo"], job.undo_until), show="countdown")
    if job.status is Status.CANCELLED and job.approval == Approval.REJECTED:
        return _facet(FACETS["rejected"])
    if job.status is Status.RUNNING and job.pause_requested:
        return _facet(FACETS["pausing"])
    if job.status is Status.QUEUED and job.due_at and job.due_at > now:
        kind = "turn" if job.turn else "retrying" if job.attempt else "scheduled"
        return _facet(FACETS[kind], job.due_at)
    return None


def is_undoable(job: JobView, now: datetime) -> bool:
    """Whether it was just approved, and waits for somebody to think better of it."""
    return Move.UNDO_APPROVAL in job.allowed and job.undo_until is not None and job.undo_until > now


def why_it_waits(job: JobView) -> str:
    """Why a job stands in the inbox, in a few words."""
    if job.outcome == UNKNOWN:
        return "Did it go out?"
    if job.outcome == POISONOUS:
        return job.error or "Engines kept dying while they ran it"
    reason = job.approval_reason or "Approval was asked for"
    return reason[:1].upper() + reason[1:]


def meta(job: JobView) -> list[str]:
    """Priority, creator and attempt; the age stands between, and is the browser's to keep fresh."""
    words = [f"by {job.created_by}"]
    if job.turn:
        return words
    if job.attempt and job.status is Status.QUEUED:
        words.append(f"tried {job.attempt} of {job.max_attempts}")
    elif job.attempt > 1 or (job.attempt and job.status is Status.FAILED):
        words.append(f"attempt {job.attempt} of {job.max_attempts}")
    return words


def note(job: JobView, now: datetime) -> str:
    """Why it failed or isn't running, in a sentence; a time that a facet already tells is not told twice."""
    if job.status is Status.QUEUED:
        facet = facet_badge(job, now)
        waits = "" if facet else job.waiting_for
        if job.turn:
            waits = f"Waits for its turn: {job.turn}"
        return " — ".join(part for part in (job.error, waits) if part)
    return job.error or ""


def actions(job: JobView, rights: Rights = EVERY_RIGHT) -> list[Action]:
    """The buttons of a card, in their order; what the state does not allow says why, what one may not is not there."""
    if not may(rights, Move.CANCEL):
        return []
    if job.status is Status.PAUSED:
        moves = [Move.RESUME, Move.CANCEL]
    elif job.status is Status.FAILED:
        moves = [Move.RETRY, Move.CANCEL] if Move.RETRY in job.allowed else [Move.CANCEL]
    elif Move.UNDO_APPROVAL in job.allowed and job.undo_until and may(rights, Move.UNDO_APPROVAL):
        moves = [Move.UNDO_APPROVAL, Move.PAUSE, Move.CANCEL]
    elif Move.RUN_NOW in job.allowed:
        moves = [Move.RUN_NOW, Move.PAUSE, Move.CANCEL]
    elif job.status in (Status.QUEUED, Status.RUNNING):
        moves = [Move.PAUSE, Move.CANCEL]
    else:
        moves = []
    return [Action(move, MOVES[move].label, MOVES[move].icon, _reason(job, move)) for move in moves]


def may(rights: Rights, move: Move) -> bool:
    """Whether somebody with these rights may ask for the move."""
    return RIGHT_OF_MOVE[move] in rights


def progress_words(percent: float, left: timedelta | None) -> str:
    """How far, and how long it will still take."""
    return f"{percent:.0f} %" + (f" · about {roughly(left)} left" if left is not None else "")


def roughly(span: timedelta) -> str:
    """A span that is only an estimate, so in steps that do not flicker."""
    seconds = span.total_seconds()
    if seconds < 90:
        step = 5 if seconds > 10 else 1
        return f"{max(step, round(seconds / step) * step)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h"


def duration(span: timedelta) -> str:
    """A span in the words people use."""
    seconds = span.total_seconds()
    if seconds < 0.95:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds / 86400:.0f} days"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, roughly, as the browser's own script says it."""
    seconds = (now - moment).total_seconds()
    if seconds < 0:
        return f"in {duration(timedelta(seconds=-seconds))}"
    if seconds < 5:
        return "just now"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name} ago"
    return f"{seconds:.0f} s ago"


def web_link(url: str | None) -> str | None:
    """The address if it leads to the web or to a page of ours; others may be scripts: it comes from other servers."""
    if not url:
        return None
    is_ours = url.startswith("/") and not url.startswith(("//", "/\\"))
    return url if is_ours or url.lower().startswith(("http://", "https://")) else None


def fleet(state: EngineState) -> str:
    """How many processes do the work, where it is not just the one that shows this."""
    if state.engines < 2 and not state.workers:
        return ""
    return f"{_counted(state.engines, 'engine')} · {_counted(state.workers, 'worker')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def count(number: int) -> str:
    """A count that fits a pill."""
    return str(number) if number < 1000 else "999+"


def _facet(facet: Facet, at: datetime | None = None) -> Badge:
    return Badge(facet.kind, facet.icon, facet.word, at)


def _reason(job: JobView, move: Move) -> str:
    if move is Move.PAUSE and job.pause_requested:
        return "It pauses at its next safe point"
    if move not in job.allowed:
        return f"A job that is {job.status} {cannot(move)}"
    return ""
